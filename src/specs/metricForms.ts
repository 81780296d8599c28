import { expressions as e, variable } from './expression.js';
import type { Expression, Operand } from './expression.js';
import { expressionForm } from './metricForm.js';
import type { ExpressionForm } from './metricForm.js';

/**
 * The metrics of the expression family. What they expect in the features and in the scalars per row
 * (a of x, b of y) is made by ops/metricRows.ts.
 */

const x = variable('x');
const y = variable('y');
const s0 = variable('s0');
const s1 = variable('s1');
const r = variable('r');
const a0 = variable('a0');
const a1 = variable('a1');
const b0 = variable('b0');
const b1 = variable('b1');
const d = variable('d');

const difference = e.abs(e.sub(x, y));
/** A scalar per row that is 0, or NaN where the row holds NaN: for terms that would swallow it. */
const poisoned = (rank: Expression): Expression => e.add(rank, e.add(a0, b0));

/** c[0] + v (c[1] + v (c[2] + ...)). */
const polynomial = (v: Expression, coefficients: readonly number[]): Expression =>
  coefficients
    .slice(0, -1)
    .reduceRight<Expression>(
      (tail, c) => e.add(c, e.mul(v, tail)),
      e.mul(1, coefficients[coefficients.length - 1]),
    );

const sumOf = (term: Expression, finish: Expression = r): ExpressionForm =>
  expressionForm({ reduce: 'sum', terms: [term], rank: s0, finish, aux: 0 });

/** sum |x - y|. */
export const cityblockForm = sumOf(difference);

/** max |x - y|. */
export const chebyshevForm = expressionForm({
  reduce: 'max',
  terms: [difference],
  rank: poisoned(s0),
  finish: r,
  aux: 1,
});

/** (sum |x - y|^p)^(1/p); whole and half powers without pow, which is less exact on GPUs. */
export function minkowskiForm(p: number): ExpressionForm {
  return sumOf(wholePower(difference, p) ?? e.pow(difference, p), e.pow(r, 1 / p));
}

function wholePower(base: Expression, p: number): Expression | undefined {
  if (p * 2 !== Math.floor(p * 2) || p > 16) return undefined;
  const factors: Expression[] = [];
  for (let power = base, left = Math.floor(p); left > 0; left >>= 1, power = e.square(power)) {
    if (left & 1) factors.push(power);
  }
  if (p !== Math.floor(p)) factors.push(e.sqrt(base));
  return factors.reduce((product, factor) => e.mul(product, factor));
}

/** sum |x - y| / (|x| + |y|), 0/0 = 0. */
export const canberraForm = ((): ExpressionForm => {
  const size = e.add(e.abs(x), e.abs(y));
  return sumOf(e.where('eq', size, 0, 0, e.div(difference, size)));
})();

/** sum |x - y| / sum |x + y|, 0/0 = 0. */
export const braycurtisForm = expressionForm({
  reduce: 'sum',
  terms: [difference, e.abs(e.add(x, y))],
  rank: e.where('eq', e.add(s0, s1), 0, 0, e.div(s0, s1)),
  finish: r,
  aux: 0,
});

/** Share of the features that differ. */
export const hammingForm = expressionForm({
  reduce: 'sum',
  terms: [e.where('eq', x, y, 0, 1)],
  rank: poisoned(e.where('eq', d, 0, 0, e.div(s0, d))),
  finish: r,
  aux: 1,
});

/** Features that differ over features that are nonzero in either row, 0/0 = 0. */
export const jaccardForm = expressionForm({
  reduce: 'sum',
  terms: [e.where('eq', x, y, 0, 1), e.where('eq', e.max(e.abs(x), e.abs(y)), 0, 0, 1)],
  rank: poisoned(e.where('eq', s1, 0, 0, e.div(s0, s1))),
  finish: r,
  aux: 1,
});

/**
 * Root of the Jensen-Shannon divergence, natural logarithm, of rows that add to 1. With s = p + q and
 * t = (p - q) / s it is the sum of s/4 [(1 + t) ln(1 + t) + (1 - t) ln(1 - t)]: no term is negative,
 * and the series t^2 (1 + t^2/6 + t^4/15 ...) replaces the bracket where it would cancel.
 */
export const jensenshannonForm = ((): ExpressionForm => {
  const size = e.add(x, y);
  const t = e.where('eq', size, 0, 0, e.div(e.sub(x, y), size));
  const tt = e.square(t);
  const series = e.mul(
    tt,
    polynomial(tt, [1, 1 / 6, 1 / 15, 1 / 28, 1 / 45, 1 / 66, 1 / 91, 1 / 120]),
  );
  const closed = e.add(e.mul(e.add(1, t), e.log1p(t)), e.mul(e.sub(1, t), e.log1p(e.neg(t))));
  const bracket = e.where('lt', tt, 0.0625, series, e.where('eq', tt, 1, 2 * Math.LN2, closed));
  return sumOf(e.mul(e.mul(0.25, size), bracket), e.sqrt(r));
})();

/**
 * Kullback-Leibler divergence sum x ln(x / y) of rows that add to 1, as the sum of
 * x ln(x / y) - x + y, none of which is negative: with t = (y - x) / x each is x (t - ln(y / x)), by its
 * series near t = 0. ln(1 + t) would lose y far below x, and t may overflow for x far below y.
 */
export const klForm = ((): ExpressionForm => {
  const t = e.div(e.sub(y, x), x);
  const ratio = e.min(e.div(y, x), 1e38);
  const coefficients = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 1 : -1) / (i + 2));
  const series = e.mul(e.square(t), polynomial(t, coefficients));
  const bracket = e.where('lt', e.abs(t), 0.3, series, e.sub(t, e.log(ratio)));
  const far = e.sub(y, e.mul(x, e.add(1, e.log(ratio))));
  const term = e.where('lt', t, 2 ** 20, e.mul(x, bracket), far);
  return sumOf(e.where('eq', x, 0, y, term));
})();

/**
 * Angle between points on the unit sphere: 2 asin(sqrt(sin^2(dlat/2) + cos lat cos lat' sin^2(dlon/2))).
 * Feature: latitude; a0, a1: longitude, latitude; a2: 0, or NaN where the row holds NaN.
 */
export const haversineForm = ((): ExpressionForm => {
  const half = (v: Operand): Expression => e.square(e.sin(e.mul(0.5, e.abs(v))));
  return expressionForm({
    reduce: 'sum',
    terms: [half(e.sub(x, y))],
    rank: e.add(
      e.add(s0, e.mul(e.mul(e.cos(a1), e.cos(b1)), half(e.sub(a0, b0)))),
      e.add(variable('a2'), variable('b2')),
    ),
    // Rounding may carry the sum past 1; a minimum would drop a NaN.
    finish: e.where('lt', 1, r, Math.PI, e.mul(2, e.asin(e.sqrt(r)))),
    aux: 3,
  });
})();

const hyperbolicFinish = (c: number): Expression => e.mul(2 / Math.sqrt(c), e.asinh(e.sqrt(r)));

/** (2/s) asinh(s sqrt(q / (gap gap'))), s^2 = c, q = |x - y|^2; a0: gap 1 - c |x|^2. */
export function poincareForm(c: number): ExpressionForm {
  return expressionForm({
    reduce: 'sum',
    terms: [e.square(e.sub(x, y))],
    rank: e.div(e.mul(c, s0), e.mul(a0, b0)),
    finish: hyperbolicFinish(c),
    aux: 1,
  });
}

/**
 * (2/s) asinh(h) with h^2 = sinh^2((r - r') / 2) + sinh r sinh r' |u - u'|^2 / 4 in polar coordinates
 * of space-only Lorentz rows. Features: unit rows u; a0: e^r - 1, a1: sinh r = s |x|.
 */
export function lorentzForm(c: number): ExpressionForm {
  const radial = e.div(e.square(e.sub(a0, b0)), e.mul(e.add(1, a0), e.add(1, b0)));
  return expressionForm({
    reduce: 'sum',
    terms: [e.square(e.sub(x, y))],
    rank: e.mul(0.25, e.add(radial, e.mul(e.mul(a1, b1), s0))),
    finish: hyperbolicFinish(c),
    aux: 2,
  });
}
