/**
 * Small typed expressions in which metrics are written once and from which every backend makes its own
 * code: WGSL, SIMD machine code, tfjs ops, or a float64 evaluation.
 */

/**
 * x, y: one feature of the two rows. s0, s1: the reduced terms. a0..a3, b0..b3: scalars of the row of x
 * and of the row of y. d: number of features. r: the rank, from which a distance is finished.
 */
export const VARIABLES = [
  'x',
  'y',
  's0',
  's1',
  'a0',
  'a1',
  'a2',
  'a3',
  'b0',
  'b1',
  'b2',
  'b3',
  'd',
  'r',
] as const;
export type Variable = (typeof VARIABLES)[number];

/** square(v) = v * v; sign(0) = 0; log1p(-1) = -Infinity; domain errors are NaN, as in Math. */
export const UNARY = [
  'neg',
  'abs',
  'sign',
  'sqrt',
  'square',
  'exp',
  'log',
  'log1p',
  'sin',
  'cos',
  'asin',
  'asinh',
] as const;
export type Unary = (typeof UNARY)[number];

/** pow(v, p) is meant for v >= 0 and gives 1 for p = 0; min and max may drop a NaN. */
export const BINARY = ['add', 'sub', 'mul', 'div', 'min', 'max', 'pow'] as const;
export type Binary = (typeof BINARY)[number];

/** All false when either side is NaN. */
export const COMPARISONS = ['lt', 'le', 'eq'] as const;
export type Comparison = (typeof COMPARISONS)[number];

export type Expression =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'variable'; readonly name: Variable }
  | { readonly kind: 'unary'; readonly op: Unary; readonly of: Expression }
  | {
      readonly kind: 'binary';
      readonly op: Binary;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      /** `then` where the comparison holds, `otherwise` elsewhere; both are evaluated. */
      readonly kind: 'where';
      readonly compare: Comparison;
      readonly left: Expression;
      readonly right: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
    };

/** An expression, or a number that stands for a constant. */
export type Operand = Expression | number;

export const lift = (value: Operand): Expression =>
  typeof value === 'number' ? { kind: 'constant', value } : value;

export const variable = (name: Variable): Expression => ({ kind: 'variable', name });

const unary =
  (op: Unary) =>
  (of: Operand): Expression => ({ kind: 'unary', op, of: lift(of) });

const binary =
  (op: Binary) =>
  (left: Operand, right: Operand): Expression => ({
    kind: 'binary',
    op,
    left: lift(left),
    right: lift(right),
  });

/** Builders of expressions: the toolbox that a custom metric is written with. */
export const expressions = {
  neg: unary('neg'),
  abs: unary('abs'),
  sign: unary('sign'),
  sqrt: unary('sqrt'),
  square: unary('square'),
  exp: unary('exp'),
  log: unary('log'),
  log1p: unary('log1p'),
  sin: unary('sin'),
  cos: unary('cos'),
  asin: unary('asin'),
  asinh: unary('asinh'),
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div'),
  min: binary('min'),
  max: binary('max'),
  pow: binary('pow'),
  /** `then` where `left compare right`, `otherwise` elsewhere. */
  where: (
    compare: Comparison,
    left: Operand,
    right: Operand,
    then: Operand,
    otherwise: Operand,
  ): Expression => ({
    kind: 'where',
    compare,
    left: lift(left),
    right: lift(right),
    then: lift(then),
    otherwise: lift(otherwise),
  }),
} as const;
export type Expressions = typeof expressions;

/** The expressions directly inside one, in order of evaluation. */
export function children(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'constant':
    case 'variable':
      return [];
    case 'unary':
      return [expression.of];
    case 'binary':
      return [expression.left, expression.right];
    case 'where':
      return [expression.left, expression.right, expression.then, expression.otherwise];
  }
}

/** Whether any part of the expression satisfies the test. */
export function contains(expression: Expression, test: (part: Expression) => boolean): boolean {
  return test(expression) || children(expression).some((child) => contains(child, test));
}

/** Names of the variables that occur. */
export function variablesOf(expression: Expression): ReadonlySet<Variable> {
  const found = new Set<Variable>();
  contains(expression, (part) => {
    if (part.kind === 'variable') found.add(part.name);
    return false;
  });
  return found;
}

const TRANSCENDENTAL: ReadonlySet<string> = new Set<Unary | Binary>([
  'exp',
  'log',
  'log1p',
  'sin',
  'cos',
  'asin',
  'asinh',
  'pow',
]);

/** Whether only arithmetic and square roots occur, which extended precision can evaluate on any device. */
export function isAlgebraic(expression: Expression): boolean {
  return !contains(
    expression,
    (part) => (part.kind === 'unary' || part.kind === 'binary') && TRANSCENDENTAL.has(part.op),
  );
}

/** What the parts of an expression are in some target: tensors, handles, numbers. */
export interface ExpressionTarget<T> {
  readonly constant: (value: number) => T;
  readonly variable: (name: Variable) => T;
  readonly unary: (op: Unary, of: T) => T;
  readonly binary: (op: Binary, left: T, right: T) => T;
  readonly where: (compare: Comparison, left: T, right: T, then: T, otherwise: T) => T;
}

/** Value of an expression in a target; equal parts are computed once. */
export function evaluateIn<T>(expression: Expression, target: ExpressionTarget<T>): T {
  const known = new Map<string, T>();
  const value = (part: Expression): T => {
    const key = expressionKey(part);
    const before = known.get(key);
    if (before !== undefined) return before;
    const result = compute(part);
    known.set(key, result);
    return result;
  };
  const compute = (part: Expression): T => {
    switch (part.kind) {
      case 'constant':
        return target.constant(part.value);
      case 'variable':
        return target.variable(part.name);
      case 'unary':
        return target.unary(part.op, value(part.of));
      case 'binary':
        return target.binary(part.op, value(part.left), value(part.right));
      case 'where': {
        const [left, right, then, otherwise] = children(part).map(value);
        return target.where(part.compare, left, right, then, otherwise);
      }
    }
  };
  return value(expression);
}

/** Canonical text: equal for equal expressions; used as a key of compiled code. */
export function expressionKey(expression: Expression): string {
  switch (expression.kind) {
    case 'constant':
      return String(expression.value);
    case 'variable':
      return expression.name;
    case 'unary':
      return `${expression.op}(${expressionKey(expression.of)})`;
    case 'binary':
      return `${expression.op}(${expressionKey(expression.left)},${expressionKey(expression.right)})`;
    case 'where':
      return `where(${expression.compare},${children(expression).map(expressionKey).join(',')})`;
  }
}
