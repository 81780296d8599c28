import { FLOAT32_MAX, FLOAT32_ROUNDOFF } from '../../numerics.js';
import { expressionKey } from '../../specs/expression.js';
import type { Expression, Variable } from '../../specs/expression.js';
import type { ExpressionForm } from '../../specs/metricForm.js';

/**
 * How far a float32 rank of the generated tile may be from the exact one: at most
 * relative * |rank| + absolute, for finite rows in the given range.
 */
export interface RankError {
  readonly relative: number;
  readonly absolute: number;
}

/** Magnitudes of the finite values of both sides. */
export interface InputRange {
  readonly features: number;
  /** Bounds of the scalars per row; they are not negative. */
  readonly auxMin: number;
  readonly auxMax: number;
}

/**
 * What is known of a part: |value| lies between min and max (above FLOAT32_MAX it may be Infinity in
 * float32), off by `units` roundings relative to itself and by `tiny`, what underflow may take.
 */
interface Part {
  readonly units: number;
  readonly isPositive: boolean;
  readonly min: number;
  readonly max: number;
  readonly tiny: number;
}

/** Nothing can be said: the caller computes ranks in float64. */
class Unbounded extends Error {}

/** Half of the smallest subnormal number: the error of a rounding to it. */
const UNDERFLOW = 2 ** -149;
/** Features of a float32 sum, whose partial sums are added in float64; BLOCK in jit/formModule.ts. */
const BLOCK = 64;

const isBounded = (part: Part): boolean => part.max < FLOAT32_MAX / 2;

function need(condition: boolean): void {
  if (!condition) throw new Unbounded();
}

function constant(value: number): Part {
  const size = Math.abs(value);
  const units = Math.fround(value) === value ? 0 : 1;
  return { units, isPositive: value >= 0, min: size, max: size, tiny: 0 };
}

function sum(a: Part, b: Part): Part {
  const isExact = a.units === 0 && b.units === 0 && a.tiny === 0 && b.tiny === 0;
  const isPositive = a.isPositive && b.isPositive;
  // Without a common sign only the rounding of exact values is relative to the result.
  need(isExact || isPositive);
  return {
    units: Math.max(a.units, b.units) + 1,
    isPositive,
    min: isPositive ? Math.max(a.min, b.min) : 0,
    max: a.max + b.max,
    tiny: a.tiny + b.tiny,
  };
}

/** Nothing times an unbounded magnitude is nothing. */
const scaled = (tiny: number, by: number): number => (tiny === 0 ? 0 : tiny * by);

function product(a: Part, b: Part): Part {
  // Infinity times 0 is NaN.
  need((isBounded(a) || b.min > 0) && (isBounded(b) || a.min > 0));
  const min = a.min * b.min;
  return {
    units: a.units + b.units + 1,
    isPositive: a.isPositive && b.isPositive,
    min,
    max: a.max * b.max,
    tiny: scaled(a.tiny, b.max) + scaled(b.tiny, a.max) + (min < 2 ** -120 ? UNDERFLOW : 0),
  };
}

function quotient(a: Part, b: Part): Part {
  need(isBounded(a) && isBounded(b) && b.tiny === 0);
  need(a.tiny === 0 || b.min > 0);
  return {
    units: a.units + b.units + 1,
    isPositive: a.isPositive && b.isPositive,
    min: 0,
    max: b.min > 0 ? a.max / b.min : Infinity,
    tiny: (a.tiny === 0 ? 0 : a.tiny / b.min) + UNDERFLOW,
  };
}

function either(a: Part, b: Part, isPositive: boolean): Part {
  return {
    units: Math.max(a.units, b.units),
    isPositive,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    tiny: Math.max(a.tiny, b.tiny),
  };
}

function root(a: Part): Part {
  need(a.isPositive && a.tiny === 0);
  return {
    units: a.units / 2 + 1,
    isPositive: true,
    min: Math.sqrt(a.min),
    max: Math.sqrt(a.max),
    tiny: 0,
  };
}

type Variables = (name: Variable) => Part;

function analyse(expression: Expression, variables: Variables): Part {
  const part = (child: Expression): Part => analyse(child, variables);
  switch (expression.kind) {
    case 'constant':
      return constant(expression.value);
    case 'variable':
      return variables(expression.name);
    case 'unary': {
      const of = part(expression.of);
      if (expression.op === 'neg') return { ...of, isPositive: of.max === 0 };
      if (expression.op === 'abs') return { ...of, isPositive: true };
      if (expression.op === 'sqrt') return root(of);
      need(expression.op === 'square');
      return { ...product(of, { ...of, min: Math.max(of.min, 2 ** -149) }), isPositive: true };
    }
    case 'binary': {
      const [left, right] = [part(expression.left), part(expression.right)];
      if (expression.op === 'add') return sum(left, right);
      if (expression.op === 'mul') return product(left, right);
      if (expression.op === 'div') return quotient(left, right);
      if (expression.op === 'sub') return sum(left, { ...right, isPositive: right.max === 0 });
      need(expression.op === 'min' || expression.op === 'max');
      return either(left, right, left.isPositive && right.isPositive);
    }
    case 'where': {
      needExact(expression, part);
      const [then, otherwise] = [part(expression.then), part(expression.otherwise)];
      return either(then, otherwise, then.isPositive && otherwise.isPositive);
    }
  }
}

/** The comparison must come out as in exact arithmetic: of exact values, or whether a value is 0. */
function needExact(
  { compare, left, right }: Extract<Expression, { kind: 'where' }>,
  part: (child: Expression) => Part,
): void {
  const [a, b] = [part(left), part(right)];
  need(a.tiny === 0 && b.tiny === 0);
  const isExact = a.units === 0 && b.units === 0;
  need(isExact || (compare === 'eq' && expressionKey(right) === '0'));
}

function reduced(form: ExpressionForm, term: Expression, d: number, range: InputRange): Part {
  const feature = { units: 0, isPositive: false, min: 0, max: range.features, tiny: 0 };
  const part = analyse(term, () => feature);
  need(part.isPositive);
  if (form.reduce === 'max') return { ...part, min: 0 };
  return {
    units: part.units + Math.min(d, BLOCK) + d / BLOCK + 2,
    isPositive: true,
    min: 0,
    max: part.max * d,
    tiny: part.tiny * d,
  };
}

/**
 * Bound of the error of a form's float32 ranks.
 * @returns undefined where no bound of this kind holds: differences of computed values, elementary
 * functions, comparisons that rounding may turn, magnitudes that leave the range of float32.
 */
export function rankError(
  form: ExpressionForm,
  d: number,
  range: InputRange,
): RankError | undefined {
  // Quotients by sums of both signs may be anything.
  if (range.auxMin < 0) return undefined;
  try {
    const sums = form.terms.map((term) => reduced(form, term, d, range));
    const { auxMin, auxMax } = range;
    const scalar = { units: 0, isPositive: auxMin >= 0, min: auxMin, max: auxMax, tiny: 0 };
    const { units, tiny } = analyse(form.rank, (name) => {
      if (name === 's0') return sums[0];
      if (name === 's1') return sums[1];
      return name === 'd' ? { ...constant(d), units: 1 } : scalar;
    });
    if (!Number.isFinite(tiny)) return undefined;
    // A twentieth more covers products of errors.
    return { relative: 1.05 * units * FLOAT32_ROUNDOFF, absolute: 1.05 * tiny };
  } catch (error) {
    if (error instanceof Unbounded) return undefined;
    throw error;
  }
}

/** Range of the finite values of a search; undefined when a scalar is negative. */
export function inputRange(
  features: readonly Float32Array[],
  scalars: readonly (Float32Array | undefined)[],
): InputRange | undefined {
  let largest = 0;
  for (const values of features) {
    for (let i = 0; i < values.length; i++) {
      const size = Math.abs(values[i]);
      if (size > largest && size < Infinity) largest = size;
    }
  }
  let auxMin = Infinity;
  let auxMax = 0;
  for (const values of scalars) {
    for (const value of values ?? []) {
      if (value < 0) return undefined;
      if (value < auxMin) auxMin = value;
      if (value > auxMax && value < Infinity) auxMax = value;
    }
  }
  return { features: largest, auxMin: Math.min(auxMin, auxMax), auxMax };
}
