import { children, expressionKey } from '../../../specs/expression.js';
import type { Expression, Variable } from '../../../specs/expression.js';
import type { FunctionCode, FunctionType, ImportedFunction, Op } from './encoder.js';

/** Functions that the main module exports and generated code calls; see assembly/functions.ts. */
const CALLED: ReadonlySet<string> = new Set([
  'exp',
  'log',
  'log1p',
  'sin',
  'cos',
  'asin',
  'asinh',
  'pow',
]);

const ONE_TO_ONE: FunctionType = { parameters: ['v128'], results: ['v128'] };
const TWO_TO_ONE: FunctionType = { parameters: ['v128', 'v128'], results: ['v128'] };

/** Elementary functions that the module imports, numbered as they are first used. */
export class Functions {
  private readonly used = new Map<string, number>();

  /** Function index of an elementary function; imports come first in the numbering. */
  indexOf(name: string): number {
    const known = this.used.get(name);
    if (known !== undefined) return known;
    this.used.set(name, this.used.size);
    return this.used.size - 1;
  }

  imports(): ImportedFunction[] {
    return [...this.used.keys()].map((name) => ({
      module: 'latent',
      name,
      type: name === 'pow' ? TWO_TO_ONE : ONE_TO_ONE,
    }));
  }
}

/** Number the elementary functions of expressions, so that code can refer to functions behind them. */
export function collectFunctions(parts: readonly Expression[], functions: Functions): void {
  for (const part of parts) {
    if ((part.kind === 'unary' || part.kind === 'binary') && CALLED.has(part.op)) {
      functions.indexOf(part.op);
    }
    collectFunctions(children(part), functions);
  }
}

const SIGN_BIT = 0x80000000;
const ALL_BUT_SIGN = 0x7fffffff;

const word = new Float32Array(1);
const wordBits = new Uint32Array(word.buffer);

function bitsOf(value: number): number {
  word[0] = value;
  return wordBits[0];
}

/** Whether the expression is the constant +0, whose bits are all zero. */
const isZero = (expression: Expression): boolean =>
  expression.kind === 'constant' && bitsOf(expression.value) === 0;

const BINARY_OPS = {
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  div: 'div',
  // pmin(a, b) = b < a ? b : a, one instruction where min has to look after NaN.
  min: 'pmin',
  max: 'pmax',
} as const satisfies Readonly<Record<string, Op>>;

const COMPARE_OPS = { lt: 'lt', le: 'le', eq: 'eq' } as const satisfies Readonly<
  Record<string, Op>
>;

/** Keys are asked for at every visit of a part, and long for large parts. */
const keys = new WeakMap<Expression, string>();

function keyOf(expression: Expression): string {
  let key = keys.get(expression);
  if (key === undefined) {
    key = expressionKey(expression);
    keys.set(expression, key);
  }
  return key;
}

/** How often each part occurs, a shared part counting once for each place that needs it. */
function countUses(parts: readonly Expression[]): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  const visit = (part: Expression): void => {
    const key = keyOf(part);
    const before = uses.get(key) ?? 0;
    uses.set(key, before + 1);
    if (before === 0) children(part).forEach(visit);
  };
  parts.forEach(visit);
  return uses;
}

/** Values that are already in local variables, by the key of their expression. */
export type Known = Map<string, number>;

/**
 * Writes the code of expressions over four float32 lanes. Each part that occurs more than once is
 * computed once; constants stand in locals that {@link constants} sets at the start of the function,
 * since engines build them anew at every use.
 */
export class ExpressionWriter {
  private readonly uses: ReadonlyMap<string, number>;
  private readonly words = new Map<number, number>();
  private readonly free: number[] = [];
  private readonly taken: number[] = [];

  /** @param roots All expressions that will be written with this writer. */
  constructor(
    private readonly code: FunctionCode,
    private readonly functions: Functions,
    roots: readonly Expression[],
  ) {
    this.uses = countUses(roots);
    for (const root of roots) this.collectWords(root);
  }

  private collectWords(part: Expression): void {
    if (part.kind === 'constant') this.reserveWord(bitsOf(part.value));
    if (part.kind === 'unary' && part.op === 'abs') this.reserveWord(ALL_BUT_SIGN);
    if (part.kind === 'unary' && (part.op === 'neg' || part.op === 'sign')) {
      this.reserveWord(SIGN_BIT);
    }
    if (part.kind === 'unary' && part.op === 'sign') {
      this.reserveWord(0);
      this.reserveWord(bitsOf(1));
      this.reserveWord(ALL_BUT_SIGN);
    }
    children(part).forEach((child) => this.collectWords(child));
  }

  private reserveWord(bits: number): void {
    if (!this.words.has(bits)) this.words.set(bits, this.code.local('v128'));
  }

  /** Set the locals of constants; once, before any expression. */
  constants(): void {
    for (const [bits, local] of this.words) {
      this.code.words(bits);
      this.code.set(local);
    }
  }

  private pushWord(bits: number): void {
    const local = this.words.get(bits);
    if (local === undefined) throw new Error('an expression was not among the roots');
    this.code.get(local);
  }

  private temporary(): number {
    const local = this.free.pop() ?? this.code.local('v128');
    this.taken.push(local);
    return local;
  }

  /** Temporaries in use, to release to later. */
  mark(): number {
    return this.taken.length;
  }

  /** Give back the temporaries taken since the mark: nobody may read their values again. */
  release(mark: number): void {
    this.free.push(...this.taken.splice(mark));
  }

  /** Move the value on the stack into a temporary. */
  store(): number {
    const local = this.temporary();
    this.code.set(local);
    return local;
  }

  /** Compute the value into a temporary, which becomes known. */
  keep(expression: Expression, known: Known): void {
    this.push(expression, known);
    known.set(keyOf(expression), this.store());
  }

  /** Push the value; parts that are needed again are added to `known`. */
  push(expression: Expression, known: Known): void {
    const key = keyOf(expression);
    const local = known.get(key);
    if (local !== undefined) {
      this.code.get(local);
      return;
    }
    if (expression.kind === 'constant') {
      this.pushWord(bitsOf(expression.value));
      return;
    }
    this.compute(expression, known);
    if ((this.uses.get(key) ?? 0) > 1) {
      const kept = this.temporary();
      known.set(key, kept);
      this.code.tee(kept);
    }
  }

  private compute(expression: Exclude<Expression, { kind: 'constant' }>, known: Known): void {
    switch (expression.kind) {
      case 'variable':
        throw new Error(`${expression.name} has no value here`);
      case 'unary':
        this.computeUnary(expression, known);
        return;
      case 'binary':
        this.push(expression.left, known);
        this.push(expression.right, known);
        if (expression.op === 'pow') this.code.call(this.functions.indexOf('pow'));
        else this.code.op(BINARY_OPS[expression.op]);
        return;
      case 'where':
        this.computeWhere(expression, known);
    }
  }

  private computeUnary({ op, of }: Extract<Expression, { kind: 'unary' }>, known: Known): void {
    this.push(of, known);
    switch (op) {
      case 'neg':
        this.pushWord(SIGN_BIT);
        this.code.op('xor');
        return;
      case 'abs':
        this.pushWord(ALL_BUT_SIGN);
        this.code.op('and');
        return;
      case 'sqrt':
        this.code.op('sqrt');
        return;
      case 'square': {
        const value = this.temporary();
        this.code.tee(value);
        this.code.get(value);
        this.code.op('mul');
        return;
      }
      case 'sign':
        this.computeSign();
        return;
      default:
        this.code.call(this.functions.indexOf(op));
    }
  }

  /** 1 with the sign of the value where 0 < |v|, elsewhere (0, NaN) the value itself. */
  private computeSign(): void {
    const value = this.temporary();
    this.code.set(value);
    this.code.get(value);
    this.pushWord(SIGN_BIT);
    this.code.op('and');
    this.pushWord(bitsOf(1));
    this.code.op('or');
    this.code.get(value);
    this.pushWord(0);
    this.code.get(value);
    this.pushWord(ALL_BUT_SIGN);
    this.code.op('and');
    this.code.op('lt');
    this.code.op('bitselect');
  }

  private computeWhere(expression: Extract<Expression, { kind: 'where' }>, known: Known): void {
    const { compare, left, right, then, otherwise } = expression;
    const mask = (): void => {
      this.push(left, known);
      this.push(right, known);
      this.code.op(COMPARE_OPS[compare]);
    };
    if (isZero(then)) {
      this.push(otherwise, known);
      mask();
      this.code.op('andNot');
    } else if (isZero(otherwise)) {
      this.push(then, known);
      mask();
      this.code.op('and');
    } else {
      this.push(then, known);
      this.push(otherwise, known);
      mask();
      this.code.op('bitselect');
    }
  }
}

/** Largest parts of the expressions that depend on the given variable and on no other, without the bare variable. */
export function partsOfOne(parts: readonly Expression[], name: Variable): Expression[] {
  const found = new Map<string, Expression>();
  const visit = (part: Expression): void => {
    if (part.kind !== 'constant' && part.kind !== 'variable' && dependsOnlyOn(part, name)) {
      found.set(keyOf(part), part);
    } else children(part).forEach(visit);
  };
  parts.forEach(visit);
  return [...found.values()];
}

function dependsOnlyOn(part: Expression, name: Variable): boolean {
  if (part.kind === 'constant') return true;
  if (part.kind === 'variable') return part.name === name;
  return children(part).every((child) => dependsOnlyOn(child, name));
}
