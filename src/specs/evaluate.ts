import type { Binary, Comparison, Expression, Unary, Variable } from './expression.js';
import { children, expressionKey } from './expression.js';
import type { ExpressionForm } from './metricForm.js';

/**
 * Float64 evaluation of an expression form, pair by pair: the readable reference, and the value that
 * the exact mode rounds. Terms are evaluated feature block by feature block with one plain loop per
 * operation, so no code is generated at run time.
 */
export interface FormEvaluator {
  /** Rank of one pair of rows; aux values may be undefined when the form has none. */
  readonly rank: (
    x: ArrayLike<number>,
    xStart: number,
    y: ArrayLike<number>,
    yStart: number,
    features: number,
    xAux?: ArrayLike<number>,
    xAuxStart?: number,
    yAux?: ArrayLike<number>,
    yAuxStart?: number,
  ) => number;
  /** Distance of a rank. */
  readonly finish: (rank: number) => number;
}

const BLOCK = 256;

/** The functions of expressions. */
export const FLOAT64_UNARY: Readonly<Record<Unary, (v: number) => number>> = {
  neg: (v) => -v,
  abs: Math.abs,
  sign: Math.sign,
  sqrt: Math.sqrt,
  square: (v) => v * v,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  asin: Math.asin,
  asinh: Math.asinh,
};

type Step = (count: number) => void;

/** A program over blocks: inputs are filled, steps run, the result stands in a register. */
class BlockProgram {
  private readonly steps: Step[] = [];
  private readonly registers = new Map<string, Float64Array>();
  readonly x = new Float64Array(BLOCK);
  readonly y = new Float64Array(BLOCK);

  /** Register that holds the value of the expression after {@link run}; shared parts run once. */
  register(expression: Expression): Float64Array {
    const key = expressionKey(expression);
    const known = this.registers.get(key);
    if (known !== undefined) return known;
    const out = this.create(expression);
    this.registers.set(key, out);
    return out;
  }

  run(count: number): void {
    for (const step of this.steps) step(count);
  }

  private create(expression: Expression): Float64Array {
    if (expression.kind === 'constant') return new Float64Array(BLOCK).fill(expression.value);
    if (expression.kind === 'variable') {
      if (expression.name === 'x') return this.x;
      if (expression.name === 'y') return this.y;
      throw new Error(`a term may use x and y only, not ${expression.name}`);
    }
    const inputs = children(expression).map((child) => this.register(child));
    const out = new Float64Array(BLOCK);
    this.steps.push(stepOf(expression, inputs, out));
    return out;
  }
}

function stepOf(
  expression: Extract<Expression, { kind: 'unary' | 'binary' | 'where' }>,
  inputs: readonly Float64Array[],
  out: Float64Array,
): Step {
  switch (expression.kind) {
    case 'unary':
      return unaryStep(expression.op, inputs, out);
    case 'binary':
      return binaryStep(expression.op, inputs, out);
    case 'where':
      return whereStep(expression.compare, inputs, out);
  }
}

// One loop in the source for every cheap operation: a loop that calls a function it is given costs ten
// times as much.

function unaryStep(op: Unary, [a]: readonly Float64Array[], out: Float64Array): Step {
  switch (op) {
    case 'neg':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = -a[i];
      };
    case 'abs':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = Math.abs(a[i]);
      };
    case 'square':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] * a[i];
      };
    case 'sqrt':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = Math.sqrt(a[i]);
      };
    case 'log1p':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = Math.log1p(a[i]);
      };
    default: {
      const apply = FLOAT64_UNARY[op];
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = apply(a[i]);
      };
    }
  }
}

function binaryStep(op: Binary, [a, b]: readonly Float64Array[], out: Float64Array): Step {
  switch (op) {
    case 'add':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] + b[i];
      };
    case 'sub':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] - b[i];
      };
    case 'mul':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] * b[i];
      };
    case 'div':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] / b[i];
      };
    case 'min':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = Math.min(a[i], b[i]);
      };
    case 'max':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = Math.max(a[i], b[i]);
      };
    case 'pow':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = Math.pow(a[i], b[i]);
      };
  }
}

function whereStep(
  compare: Comparison,
  [a, b, then, otherwise]: readonly Float64Array[],
  out: Float64Array,
): Step {
  switch (compare) {
    case 'lt':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] < b[i] ? then[i] : otherwise[i];
      };
    case 'le':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] <= b[i] ? then[i] : otherwise[i];
      };
    case 'eq':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] === b[i] ? then[i] : otherwise[i];
      };
  }
}

/** Value of an expression without features, given its variables. */
export function evaluateScalar(expression: Expression, value: (name: Variable) => number): number {
  switch (expression.kind) {
    case 'constant':
      return expression.value;
    case 'variable':
      return value(expression.name);
    case 'unary':
      return FLOAT64_UNARY[expression.op](evaluateScalar(expression.of, value));
    case 'binary': {
      const left = evaluateScalar(expression.left, value);
      const right = evaluateScalar(expression.right, value);
      switch (expression.op) {
        case 'add':
          return left + right;
        case 'sub':
          return left - right;
        case 'mul':
          return left * right;
        case 'div':
          return left / right;
        default:
          return Math[expression.op](left, right);
      }
    }
    case 'where': {
      const left = evaluateScalar(expression.left, value);
      const right = evaluateScalar(expression.right, value);
      const { compare } = expression;
      const holds =
        compare === 'lt' ? left < right : compare === 'le' ? left <= right : left === right;
      return evaluateScalar(holds ? expression.then : expression.otherwise, value);
    }
  }
}

/** Compile a form once; the result is not re-entrant (it owns its scratch). */
export function evaluatorOf(form: ExpressionForm): FormEvaluator {
  const program = new BlockProgram();
  const terms = form.terms.map((term) => program.register(term));
  const sums = [0, 0];
  const isMax = form.reduce === 'max';
  return {
    rank(x, xStart, y, yStart, features, xAux = [], xAuxStart = 0, yAux = [], yAuxStart = 0) {
      sums[0] = 0;
      sums[1] = 0;
      for (let first = 0; first < features; first += BLOCK) {
        const count = Math.min(BLOCK, features - first);
        for (let i = 0; i < count; i++) {
          program.x[i] = x[xStart + first + i];
          program.y[i] = y[yStart + first + i];
        }
        program.run(count);
        for (let t = 0; t < terms.length; t++) {
          const values = terms[t];
          let total = sums[t];
          if (isMax) for (let i = 0; i < count; i++) total = Math.max(total, values[i]);
          else for (let i = 0; i < count; i++) total += values[i];
          sums[t] = total;
        }
      }
      return evaluateScalar(form.rank, (name) => {
        if (name === 's0') return sums[0];
        if (name === 's1') return sums[1];
        if (name === 'd') return features;
        const position = Number(name.charAt(1));
        return name.startsWith('a') ? xAux[xAuxStart + position] : yAux[yAuxStart + position];
      });
    },
    finish: (rank) => evaluateScalar(form.finish, () => rank),
  };
}
