import type { Expression } from '../../specs/expression.js';
import type { ExpressionForm } from '../../specs/metricForm.js';
import { chebyshevForm, hammingForm, jaccardForm } from '../../specs/metricForms.js';

/** Roundings that a value has seen, and whether it can't be negative. */
interface Bound {
  /** Relative error in units of the float32 roundoff; 0 for a value that is exact. */
  readonly roundings: number;
  readonly isPositive: boolean;
}

/** WGSL divides within 2.5 ulp, and takes roots of a quotient that is as good: 5 roundings, rounded up. */
const DIVISION = 6;
const ROOT = 8;

/** Forms that add to their rank a0 + b0, which is 0 or NaN. */
const POISONED: ReadonlySet<string> = new Set(
  [chebyshevForm, hammingForm, jaccardForm].map(({ key }) => key),
);

/**
 * Relative error of the float32 rank of a form, in units of 2^-24, for rows of d features; undefined
 * where sums may cancel, so that no bound relative to the result holds, or where the distance isn't the
 * rank or its root.
 */
export function rankRoundings(form: ExpressionForm, d: number): number | undefined {
  if (!form.algebraic || !isPlainFinish(form.finish)) return undefined;
  const sums: Bound[] = [];
  for (const term of form.terms) {
    const bound = boundOf(term, []);
    if (bound?.isPositive !== true) return undefined;
    // Sums of blocks of 64 features, and of their sums: at most 64 + d / 64 additions.
    const additions = form.reduce === 'max' ? 0 : 64 + Math.ceil(d / 64);
    sums.push({ roundings: bound.roundings + additions, isPositive: true });
  }
  const bound = boundOf(POISONED.has(form.key) ? withoutPoison(form.rank) : form.rank, sums);
  return bound?.isPositive === true ? bound.roundings + 1 : undefined;
}

/** Whether the distance is the rank itself or its square root. */
function isPlainFinish(finish: Expression): boolean {
  const inner = finish.kind === 'unary' && finish.op === 'sqrt' ? finish.of : finish;
  return inner.kind === 'variable' && inner.name === 'r';
}

function withoutPoison(rank: Expression): Expression {
  return rank.kind === 'binary' && rank.op === 'add' ? rank.left : rank;
}

function boundOf(expression: Expression, sums: readonly Bound[]): Bound | undefined {
  switch (expression.kind) {
    case 'constant':
      // A constant that float32 can't hold is rounded.
      return {
        roundings: Math.fround(expression.value) === expression.value ? 0 : 1,
        isPositive: expression.value >= 0,
      };
    case 'variable':
      if (expression.name === 's0') return sums.at(0);
      if (expression.name === 's1') return sums.at(1);
      return { roundings: 0, isPositive: expression.name === 'd' };
    case 'unary':
      return unaryBound(expression.op, boundOf(expression.of, sums));
    case 'binary':
      return binaryBound(
        expression.op,
        boundOf(expression.left, sums),
        boundOf(expression.right, sums),
      );
    case 'where':
      return whereBound(expression, sums);
  }
}

function unaryBound(op: string, of: Bound | undefined): Bound | undefined {
  if (of === undefined) return undefined;
  switch (op) {
    case 'neg':
      return { ...of, isPositive: false };
    case 'abs':
      return { ...of, isPositive: true };
    case 'sign':
      return { roundings: 0, isPositive: of.isPositive };
    case 'square':
      return { roundings: 2 * of.roundings + 1, isPositive: true };
    case 'sqrt':
      return { roundings: of.roundings + ROOT, isPositive: true };
    default:
      return undefined;
  }
}

function binaryBound(
  op: string,
  left: Bound | undefined,
  right: Bound | undefined,
): Bound | undefined {
  if (left === undefined || right === undefined) return undefined;
  const isExact = left.roundings === 0 && right.roundings === 0;
  const both = left.isPositive && right.isPositive;
  switch (op) {
    case 'add':
      return isExact || both
        ? { roundings: Math.max(left.roundings, right.roundings) + 1, isPositive: both }
        : undefined;
    case 'sub':
      return isExact ? { roundings: 1, isPositive: false } : undefined;
    case 'mul':
      return { roundings: left.roundings + right.roundings + 1, isPositive: both };
    case 'div':
      return { roundings: left.roundings + right.roundings + DIVISION, isPositive: both };
    case 'min':
    case 'max':
      return isExact || both
        ? { roundings: Math.max(left.roundings, right.roundings), isPositive: both }
        : undefined;
    default:
      return undefined;
  }
}

function whereBound(
  { left, right, then, otherwise }: Extract<Expression, { kind: 'where' }>,
  sums: readonly Bound[],
): Bound | undefined {
  // The same branch is taken in float64 if both sides are exact, or for the test of a sum against 0,
  // which is 0 in float32 exactly when it is 0.
  const sides = [boundOf(left, sums), boundOf(right, sums)];
  const isZeroTest =
    right.kind === 'constant' && right.value === 0 && sides[0]?.isPositive === true;
  if (!isZeroTest && sides.some((side) => side?.roundings !== 0)) return undefined;
  const branches = [boundOf(then, sums), boundOf(otherwise, sums)];
  const [a, b] = branches;
  if (a === undefined || b === undefined) return undefined;
  return {
    roundings: Math.max(a.roundings, b.roundings),
    isPositive: a.isPositive && b.isPositive,
  };
}
