import { UnsupportedError } from '../../../errors.js';
import { children, expressionKey } from '../../../specs/expression.js';
import type { Binary, Expression, Unary, Variable } from '../../../specs/expression.js';
import type { ExpressionForm } from '../../../specs/metricForm.js';
import { doubleFloatParts, f32Literal } from './constants.js';
import { callCode, CALLED, COMPARED, functionsCode } from './functions.js';
import type { FunctionName } from './functions.js';

/** WGSL name of a variable of an expression inside the generated functions. */
function variableCode(name: Variable): string {
  const row = name.charAt(0);
  if ((row === 'a' || row === 'b') && name.length === 2) {
    return `${row}.${'xyzw'.charAt(Number(name.charAt(1)))}`;
  }
  return name;
}

/**
 * Writes an expression as a list of `let` statements, equal parts once. Constants become `let`s too: a
 * constant expression that overflows would be a compile error in WGSL, where a run-time one is not.
 */
abstract class Writer<Value> {
  protected readonly lines: string[] = [];
  private readonly known = new Map<string, Value>();

  /** Statements so far, to be followed by a return. */
  get statements(): string {
    return this.lines.map((line) => `    ${line}\n`).join('');
  }

  value(expression: Expression): Value {
    const key = expressionKey(expression);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const inputs = children(expression).map((child) => this.value(child));
    const created = this.write(expression, inputs);
    this.known.set(key, created);
    return created;
  }

  protected let(code: string): string {
    const name = `v${this.lines.length}`;
    this.lines.push(`let ${name} = ${code};`);
    return name;
  }

  protected abstract write(expression: Expression, inputs: readonly Value[]): Value;
}

const isZeroConstant = (expression: Expression): boolean =>
  expression.kind === 'constant' && expression.value === 0;

class SingleWriter extends Writer<string> {
  constructor(private readonly needs: Set<FunctionName>) {
    super();
  }

  private call(name: FunctionName, ...inputs: readonly string[]): string {
    this.needs.add(name);
    return callCode(name, inputs);
  }

  protected write(expression: Expression, inputs: readonly string[]): string {
    const [a, b, then, otherwise] = inputs;
    switch (expression.kind) {
      case 'constant':
        return this.let(f32Literal(expression.value));
      case 'variable':
        return variableCode(expression.name);
      case 'unary':
        return this.let(this.unary(expression.op, a));
      case 'binary':
        return this.let(this.binary(expression.op, a, b));
      case 'where': {
        const { compare } = expression;
        let test = '';
        if (compare === 'eq' && isZeroConstant(expression.right)) test = this.call('isZero', a);
        else if (compare === 'eq' && isZeroConstant(expression.left)) test = this.call('isZero', b);
        else test = this.call(COMPARED[compare], a, b);
        return this.let(`select(${otherwise}, ${then}, ${test})`);
      }
    }
  }

  private binary(op: Binary, a: string, b: string): string {
    switch (op) {
      case 'pow':
        return this.call('pow', a, b);
      case 'min':
      case 'max':
        return `${op}(${a}, ${b})`;
      default:
        return `${a} ${{ add: '+', sub: '-', mul: '*', div: '/' }[op]} ${b}`;
    }
  }

  private unary(op: Unary, a: string): string {
    const support = CALLED[op];
    if (support !== undefined) return this.call(support, a);
    if (op === 'neg') return `-${a}`;
    if (op === 'square') return `${a} * ${a}`;
    return `${op}(${a})`;
  }
}

/** A double-float value; `single` when its low part is 0, so that cheaper exact functions do. */
interface Precise {
  readonly code: string;
  readonly single: boolean;
}

const wide = ({ code, single }: Precise): string => (single ? `vec2<f32>(${code}, 0.0)` : code);

class DoubleWriter extends Writer<Precise> {
  private pair(code: string): Precise {
    return { code: this.let(code), single: false };
  }

  private alone(code: string): Precise {
    return { code: this.let(code), single: true };
  }

  protected write(expression: Expression, inputs: readonly Precise[]): Precise {
    switch (expression.kind) {
      case 'constant': {
        const [high, low] = doubleFloatParts(expression.value);
        const code = f32Literal(high);
        return low === 0 ? this.alone(code) : this.pair(`vec2<f32>(${code}, ${f32Literal(low)})`);
      }
      case 'variable': {
        // Sums and ranks come in as double-floats, all others as f32.
        const single = !['s0', 's1', 'r'].includes(expression.name);
        return { code: variableCode(expression.name), single };
      }
      case 'unary':
        return this.unary(expression.op, inputs[0]);
      case 'binary':
        return this.binary(expression.op, inputs[0], inputs[1]);
      case 'where': {
        const [a, b, then, otherwise] = inputs;
        const test =
          expression.compare === 'eq' && isZeroConstant(expression.right)
            ? `dfIsZero(${wide(a)})`
            : `${{ lt: 'dfLess', le: 'dfAtMost', eq: 'dfEqual' }[expression.compare]}(${wide(a)}, ${wide(b)})`;
        return then.single && otherwise.single
          ? this.alone(`select(${otherwise.code}, ${then.code}, ${test})`)
          : this.pair(`select(${wide(otherwise)}, ${wide(then)}, ${test})`);
      }
    }
  }

  private unary(op: Unary, a: Precise): Precise {
    switch (op) {
      case 'neg':
        return a.single ? this.alone(`-${a.code}`) : this.pair(`-${a.code}`);
      case 'abs':
        return a.single ? this.alone(`abs(${a.code})`) : this.pair(`dfAbs(${a.code})`);
      case 'sign':
        return this.alone(`dfSign(${wide(a)}).x`);
      case 'sqrt':
        return this.pair(`dfSqrt(${wide(a)})`);
      case 'square':
        return this.pair(a.single ? `dfTwoProd(${a.code}, ${a.code})` : `dfSquare(${a.code})`);
      default:
        throw new Error(`${op} is not algebraic`);
    }
  }

  private binary(op: Binary, a: Precise, b: Precise): Precise {
    const both = a.single && b.single;
    switch (op) {
      case 'add':
        return this.pair(both ? `dfTwoSum(${a.code}, ${b.code})` : `dfAdd(${wide(a)}, ${wide(b)})`);
      case 'sub':
        return this.pair(
          both ? `dfFromDifference(${a.code}, ${b.code})` : `dfSub(${wide(a)}, ${wide(b)})`,
        );
      case 'mul':
        return this.pair(
          both ? `dfTwoProd(${a.code}, ${b.code})` : `dfMul(${wide(a)}, ${wide(b)})`,
        );
      case 'div':
        return this.pair(`dfDiv(${wide(a)}, ${wide(b)})`);
      case 'min':
        return this.pair(`dfMin(${wide(a)}, ${wide(b)})`);
      case 'max':
        return this.pair(`dfMax(${wide(a)}, ${wide(b)})`);
      default:
        throw new Error(`${op} is not algebraic`);
    }
  }
}

/**
 * WGSL functions of a form in f32: `formTerm0(x, y)` (and `formTerm1` when it has two terms),
 * `formRank(s0, s1, a, b, d)`, `formFinish(r)`, and the support functions that they call. `a` and `b`
 * hold the scalars of the rows of x and y, 0 where the form has fewer than four.
 * @throws DomainError when a constant of the form does not fit float32.
 */
export function formCode(form: ExpressionForm): string {
  const needs = new Set<FunctionName>();
  const body = (expression: Expression): string => {
    const writer = new SingleWriter(needs);
    const result = writer.value(expression);
    return `${writer.statements}    return ${result};`;
  };
  const terms = form.terms.map(
    (term, i) => `
  fn formTerm${i}(x : f32, y : f32) -> f32 {
${body(term)}
  }
`,
  );
  const rest = `
  fn formRank(s0 : f32, s1 : f32, a : vec4<f32>, b : vec4<f32>, d : f32) -> f32 {
${body(form.rank)}
  }
  fn formFinish(r : f32) -> f32 {
${body(form.finish)}
  }
`;
  return functionsCode(needs) + terms.join('') + rest;
}

/**
 * The same in double-float: `preciseTerm0(x, y)` (and `preciseTerm1`), `preciseRank(s0, s1, a, b, d)`,
 * `preciseFinish(r)`, with x, y, a, b, d in f32 and all others vec2. The high part of a result is the
 * correctly rounded value, but for ties within 2^-44. DOUBLE_FLOAT must be in the program besides.
 * @throws UnsupportedError when the form is not algebraic.
 */
export function formCodePrecise(form: ExpressionForm): string {
  if (!form.algebraic) {
    throw new UnsupportedError({
      op: 'metric',
      arg: 'its expression',
      expected: 'consist of arithmetic and square roots for extended precision',
      got: form.key,
    });
  }
  const body = (expression: Expression): string => {
    const writer = new DoubleWriter();
    const result = wide(writer.value(expression));
    return `${writer.statements}    return ${result};`;
  };
  const terms = form.terms.map(
    (term, i) => `
  fn preciseTerm${i}(x : f32, y : f32) -> vec2<f32> {
${body(term)}
  }
`,
  );
  return `${terms.join('')}
  fn preciseRank(s0 : vec2<f32>, s1 : vec2<f32>, a : vec4<f32>, b : vec4<f32>, d : f32) -> vec2<f32> {
${body(form.rank)}
  }
  fn preciseFinish(r : vec2<f32>) -> vec2<f32> {
${body(form.finish)}
  }
`;
}
