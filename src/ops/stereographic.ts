import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';
import { programOf } from '../specs/rowProgram/programOf.js';
import type { RowGraph, Value } from '../specs/rowProgram/graph.js';
import { applyRows } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';
import { weightedSums } from './weightedSums.js';

/**
 * The kappa-stereographic model (Bachmann, Bécigneul & Ganea, Constant Curvature Graph Convolutional
 * Networks, 2020): one set of formulas for every constant sectional curvature kappa. For
 * kappa < 0 it is the Poincare ball of radius 1 / sqrt(-kappa), for kappa > 0 the stereographic
 * projection of the sphere of radius 1 / sqrt(kappa), for kappa = 0 R^d with twice the usual lengths;
 * everything is smooth in kappa through 0, and `kappa` may be a tensor [...] of mixed signs with one
 * for each row, to learn it as well.
 *
 * Points and tangents are rows [..., d], float32; the metric at x is lambda^2 <u, v> with
 * lambda = 2 / (1 + kappa |x|^2). Leading dimensions broadcast. Below c = -kappa, alpha = 1 - c |x|^2,
 * beta = 1 - c |y|^2, q = |x - y|^2; sums are in difference forms that do not cancel (see docs/numerics.md).
 *
 * All functions throw ShapeError if features differ or leading dimensions do not broadcast, DtypeError if
 * a tensor is not float32, DomainError for a kappa that is not finite. Gradients: all arguments, kappa
 * included, any order. Cost: O(n d).
 */

/** c = -kappa. */
const negated = (g: RowGraph): Value => g.neg(g.scalar('kappa'));

/**
 * 1 + 2 c <x, y> + c^2 |x|^2 |y|^2: as alpha beta + c |x + y|^2, and near antipodes, where that
 * cancels, as |x + c |x|^2 y|^2 / |x|^2.
 */
function denominator(g: RowGraph, c: Value, x: Value, y: Value, sum: Value): Value {
  const plain = g.add(g.mul(g.gap(c, x), g.gap(c, y)), g.mul(c, g.dot(sum, sum)));
  const [xx, yy] = [g.dot(x, x), g.dot(y, y)];
  const remainder = g.add(x, g.mul(g.mul(c, xx), y));
  const antipodal = g.div(g.dot(remainder, remainder), xx);
  const product = g.mul(c, g.mul(g.sqrt(xx), g.sqrt(yy)));
  return g.where('lt', product, -0.25, antipodal, plain);
}

/** x + y in the gyrovector space: [alpha (x + y) + c |x + y|^2 x] / denominator. */
function plus(g: RowGraph, c: Value, x: Value, y: Value): Value {
  const sum = g.add(x, y);
  const numerator = g.add(g.mul(g.gap(c, x), sum), g.mul(g.mul(c, g.dot(sum, sum)), x));
  return g.div(numerator, denominator(g, c, x, y, sum));
}

/** artan_kappa(|x|) / |x|. */
function artanOver(g: RowGraph, c: Value, x: Value): Value {
  const z = g.mul(c, g.dot(x, x));
  const alpha = g.gap(c, x);
  const ball = g.div(g.unary('asinhcRoot', g.div(z, alpha)), g.sqrt(alpha));
  return g.where('lt', c, 0, g.unary('atanhcRoot', z), ball);
}

function checkKappa(op: string, kappa: ScalarsLike): void {
  if (typeof kappa !== 'number' || Number.isFinite(kappa)) return;
  throw new DomainError({ op, arg: 'kappa', expected: 'be a finite number', got: String(kappa) });
}

function apply(
  name: string,
  program: ReturnType<typeof programOf>,
  rows: Readonly<Record<string, RowsLike>>,
  scalars: Readonly<Record<string, ScalarsLike>> & { readonly kappa: ScalarsLike },
): Tensor {
  const op = `stereographic.${name}`;
  checkKappa(op, scalars.kappa);
  return applyRows(op, program(), { rows, scalars })[0];
}

const addProgram = programOf((g) => plus(g, negated(g), g.row('x'), g.row('y')));

/**
 * Gyrovector sum: [alpha (x + y) + c |x + y|^2 x] / [alpha beta + c |x + y|^2], which equals
 * [(1 - 2 kappa <x,y> - kappa |y|^2) x + (1 + kappa |x|^2) y] / (1 - 2 kappa <x,y> + kappa^2 |x|^2 |y|^2).
 * Not commutative. @returns Points [..., d].
 */
export function add(x: RowsLike, y: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('add', addProgram, { x, y }, { kappa });
}

const scalarMulProgram = programOf((g) => {
  const [c, x] = [negated(g), g.row('x')];
  const factor = g.mul(g.scalar('r'), artanOver(g, c, x));
  const z = g.mul(c, g.mul(g.square(factor), g.dot(x, x)));
  return g.mul(g.mul(factor, g.unary('tanhcRoot', z)), x);
});

/** The point r times as far from the origin on the same ray: tan_k(r artan_k(|x|)) x / |x|. */
export function scalarMul(r: ScalarsLike, x: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('scalarMul', scalarMulProgram, { x }, { r, kappa });
}

const distProgram = programOf((g) => {
  const [c, x, y] = [negated(g), g.row('x'), g.row('y')];
  const difference = g.sub(x, y);
  const q = g.norm(difference);
  const gaps = g.mul(g.sqrt(g.gap(c, x)), g.sqrt(g.gap(c, y)));
  const half = g.div(q, gaps);
  const ball = g.mul(half, g.unary('asinhc', g.mul(g.sqrt(g.max(c, 0)), half)));
  const chord = g.div(q, g.sqrt(denominator(g, c, g.neg(x), y, difference)));
  const angle = g.mul(chord, g.unary('atanhcRoot', g.mul(c, g.square(chord))));
  // An arc of the sphere by its tangent, a length of the ball by its sine: the other saturates.
  return g.mul(2, g.where('lt', c, 0, angle, smooth(g, c, half, ball)));
});

/** asinhc(sqrt(c) h) by the square near 0, whose slope by c exists at c = 0. */
function smooth(g: RowGraph, c: Value, half: Value, far: Value): Value {
  const z = g.mul(c, g.square(half));
  return g.where('lt', z, 1, g.mul(half, g.unary('asinhcRoot', z)), far);
}

/**
 * Distance: (2 / sqrt(c)) asinh(sqrt(c q / (alpha beta))) for kappa <= 0 and
 * (2 / sqrt(kappa)) atan(sqrt(kappa q / (alpha beta + c q))) for kappa > 0; 2 |x - y| at kappa = 0.
 * @returns [...], >= 0, exactly 0 for equal rows; on the sphere at most pi / sqrt(kappa).
 * Gradient: 0 at coincident points.
 */
export function dist(x: RowsLike, y: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('dist', distProgram, { x, y }, { kappa });
}

const dist0Program = programOf((g) => {
  const [c, x] = [negated(g), g.row('x')];
  return g.mul(g.mul(2, g.norm(x)), artanOver(g, c, x));
});

/** Distance from the origin: 2 artan_k(|x|). @returns [...]. Gradient: 0 at the origin. */
export function dist0(x: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('dist0', dist0Program, { x }, { kappa });
}

const expProgram = programOf((g) => {
  const [c, x, v] = [negated(g), g.row('x'), g.row('v')];
  const alpha = g.gap(c, x);
  const direction = g.div(v, alpha);
  const z = g.mul(c, g.dot(direction, direction));
  const cosine = g.unary('coshRoot', z);
  // Both sides of x + tan(t) v / t times cos^2: on the sphere the tangent has a pole, but not the sum.
  const isSphere = (sphere: Value, ball: Value): Value => g.where('lt', c, 0, sphere, ball);
  const a = isSphere(cosine, g.constant(1));
  const scale = isSphere(g.unary('sinhcRoot', z), g.unary('tanhcRoot', z));
  const beta = isSphere(g.constant(1), g.square(g.div(1, cosine)));
  const sum = g.add(g.mul(a, x), g.mul(scale, direction));
  const rest = g.mul(c, g.dot(sum, sum));
  const numerator = g.add(g.mul(g.mul(alpha, a), sum), g.mul(rest, x));
  return g.div(numerator, g.add(g.mul(alpha, beta), rest));
});

/**
 * End of the geodesic from x with velocity v: x + tan_k(lambda |v| / 2) v / |v| in gyrovector sum.
 * @returns Points [..., d]; dist(x, expMap(x, v)) = lambda |v|.
 */
export function expMap(x: RowsLike, v: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('expMap', expProgram, { x, v }, { kappa });
}

const logProgram = programOf((g) => {
  const [c, x, y] = [negated(g), g.row('x'), g.row('y')];
  const difference = g.sub(y, x);
  const q = g.dot(difference, difference);
  const [alpha, beta] = [g.gap(c, x), g.gap(c, y)];
  const whole = denominator(g, c, g.neg(x), y, difference);
  const ratio = g.div(g.mul(c, q), g.mul(alpha, beta));
  const ball = g.mul(g.sqrt(g.add(1, ratio)), g.unary('asinhcRoot', ratio));
  const sphere = g.unary('atanhcRoot', g.div(g.mul(c, q), whole));
  const scale = g.div(g.mul(alpha, g.where('lt', c, 0, sphere, ball)), whole);
  return g.mul(scale, g.sub(g.mul(alpha, difference), g.mul(g.mul(c, q), x)));
});

/**
 * Tangent at x that leads to y: (2 / lambda) artan_k(|z|) z / |z|, z = -x + y in gyrovector sum.
 * @returns Tangents [..., d]; lambda |logMap| = dist(x, y). Not defined at antipodes of the sphere.
 */
export function logMap(x: RowsLike, y: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('logMap', logProgram, { x, y }, { kappa });
}

const exp0Program = programOf((g) => {
  const [c, v] = [negated(g), g.row('v')];
  return g.mul(g.unary('tanhcRoot', g.mul(c, g.dot(v, v))), v);
});

/** expMap at the origin: tan_k(|v|) v / |v|; dist0(expMap0(v)) = 2 |v|, since lambda is 2 there. */
export function expMap0(v: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('expMap0', exp0Program, { v }, { kappa });
}

const log0Program = programOf((g) => g.mul(artanOver(g, negated(g), g.row('y')), g.row('y')));

/** logMap at the origin: artan_k(|y|) y / |y|. */
export function logMap0(y: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('logMap0', log0Program, { y }, { kappa });
}

const transportProgram = programOf((g) => {
  const [c, x, y, v] = [negated(g), g.row('x'), g.row('y'), g.row('v')];
  const difference = g.sub(y, x);
  const [alpha, beta] = [g.gap(c, x), g.gap(c, y)];
  const q = g.dot(difference, difference);
  const [p, e, h] = [g.dot(x, v), g.dot(difference, v), g.dot(x, difference)];
  const whole = denominator(g, c, g.neg(x), y, difference);
  // gyr[y, -x] v - v, all terms of which are small with y - x.
  const c2 = g.square(c);
  const alongX = g.sub(g.mul(g.mul(c, alpha), e), g.mul(c2, g.mul(q, p)));
  const bend = g.sub(g.mul(g.dot(x, x), e), g.mul(g.mul(2, h), p));
  const alongDifference = g.neg(g.add(g.mul(g.mul(c, alpha), p), g.mul(c2, bend)));
  const turn = g.add(g.mul(alongX, x), g.mul(alongDifference, difference));
  return g.mul(g.div(beta, alpha), g.add(v, g.mul(g.div(2, whole), turn)));
});

/**
 * Parallel transport of tangents from x to y along the geodesic: gyr[y, -x] v lambda_x / lambda_y.
 * @returns Tangents at y [..., d] with the same inner products.
 */
export function transport(x: RowsLike, y: RowsLike, v: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('transport', transportProgram, { x, y, v }, { kappa });
}

const gyrationProgram = programOf((g) => {
  const [c, x, y, v] = [negated(g), g.row('x'), g.row('y'), g.row('v')];
  const c2 = g.square(c);
  const [xv, yv, xy] = [g.dot(x, v), g.dot(y, v), g.dot(x, y)];
  const along = g.mul(c2, g.sub(g.mul(g.mul(2, xy), yv), g.mul(xv, g.dot(y, y))));
  const a = g.add(g.mul(c, yv), along);
  const b = g.neg(g.add(g.mul(c2, g.mul(yv, g.dot(x, x))), g.mul(c, xv)));
  const whole = denominator(g, c, x, y, g.add(x, y));
  return g.add(v, g.mul(g.div(2, whole), g.add(g.mul(a, x), g.mul(b, y))));
});

/**
 * Gyration: the rotation by which the gyrovector sum fails to be associative,
 * gyr[x, y] v = -(x + y) + (x + (y + v)). @returns [..., d], of length |v|.
 */
export function gyration(x: RowsLike, y: RowsLike, v: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('gyration', gyrationProgram, { x, y, v }, { kappa });
}

const conformalProgram = programOf((g) => g.div(2, g.gap(negated(g), g.row('x'))));

/** lambda = 2 / (1 + kappa |x|^2), [...]. */
export function conformalFactor(x: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('conformalFactor', conformalProgram, { x }, { kappa });
}

const innerProgram = programOf((g) =>
  g.mul(g.square(g.div(2, g.gap(negated(g), g.row('x')))), g.dot(g.row('u'), g.row('v'))),
);

/** Inner product of tangents at x: lambda^2 <u, v>, [...]. */
export function inner(x: RowsLike, u: RowsLike, v: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('inner', innerProgram, { x, u, v }, { kappa });
}

const rgradProgram = programOf((g) =>
  g.mul(g.square(g.mul(0.5, g.gap(negated(g), g.row('x')))), g.row('gradient')),
);

/** Riemannian gradient of a Euclidean one: gradient / lambda^2. */
export function egradToRgrad(x: RowsLike, gradient: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('egradToRgrad', rgradProgram, { x, gradient }, { kappa });
}

const projectProgram = programOf((g) => {
  const [c, x] = [negated(g), g.row('x')];
  // 1 - 2^-22: the float32 rounding of the rows' length cannot carry it over the edge.
  const limit = 1 - 2 ** -22;
  const length = g.mul(g.sqrt(g.max(c, 0)), g.norm(x));
  return g.where('lt', limit, length, g.mul(g.div(limit, length), x), x);
});

/** Points outside the ball of kappa < 0 moved to (1 - 2^-22) of its radius; all others stay. */
export function project(x: RowsLike, kappa: ScalarsLike): Tensor {
  return apply('project', projectProgram, { x }, { kappa });
}

const liftProgram = programOf((g) => {
  const [c, x] = [negated(g), g.row('x')];
  const alpha = g.gap(c, x);
  return [g.div(g.mul(2, x), alpha), g.sub(g.div(2, alpha), 1)];
});

const lowerProgram = programOf((g) => {
  const [kappa, s, t] = [g.scalar('kappa'), g.row('sum'), g.scalar('height')];
  const rest = g.mul(kappa, g.dot(s, s));
  const root = g.sqrt(g.max(g.add(g.square(t), rest), 0));
  // On the lower half of the sphere the other form of the same quotient does not cancel.
  const under = g.div(g.sub(root, t), rest);
  return g.mul(g.where('lt', t, 0, under, g.div(1, g.add(t, root))), s);
});

/**
 * Weighted midpoint: the centroid in the space around the hyperboloid or sphere, brought back to it,
 * x = S / (T + sqrt(T^2 + kappa |S|^2)), S = sum w lambda x, T = sum w (lambda - 1). For kappa < 0 that is
 * the gyromidpoint, for two points of equal weight the middle of the geodesic, and
 * for kappa = 0 the weighted mean.
 * @param points [..., m, d]. @param weights [..., m]; undefined: all 1. Their scale does not matter.
 * @returns [..., d]. Not defined where the sum is 0 (antipodes of the sphere).
 */
export function weightedMidpoint(
  points: Tensor,
  weights: Tensor | undefined,
  kappa: number | Tensor,
): Tensor {
  const op = 'stereographic.weightedMidpoint';
  checkKappa(op, kappa);
  return tf.tidy(() => {
    // One curvature for each set of points.
    const ofPoints = typeof kappa === 'number' ? kappa : tf.expandDims(kappa, -1);
    const lifted = applyRows(op, liftProgram(), {
      rows: { x: points },
      scalars: { kappa: typeof kappa === 'number' || kappa.rank === 0 ? kappa : ofPoints },
    });
    const [sum, height] = weightedSums(op, lifted[0], lifted[1], weights);
    return applyRows(op, lowerProgram(), { rows: { sum }, scalars: { kappa, height } })[0];
  });
}
