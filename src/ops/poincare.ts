import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import * as programs from '../specs/rowProgram/poincare.js';
import { checkPositive } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';
import { centroidOf, mapsOf, perSet, timesWeights } from './hyperbolicMaps.js';

/**
 * The Poincaré ball of sectional curvature -c: rows x with |x| < 1/sqrt(c), metric 4 / (1 - c |x|^2)^2.
 *
 * In all functions rows are float32 tensors or nested arrays [..., d] whose leading dimensions
 * broadcast, and c > 0 is a number or has one value per row. All are differentiable to any order by
 * rows, scalars and c, and smooth as c tends to 0. A row on or past the boundary counts as one with
 * 1 - c |x|^2 = 2^-24, so no finite input gives NaN; {@link project} brings it back.
 *
 * All throw ShapeError for features that differ or rows that do not broadcast, DtypeError for a tensor
 * that is not float32, DomainError for a number c that is not above 0.
 *
 * With exact rows, float32 forms are right to some units in the last place up to the boundary, since
 * 1 - c |x|^2 is computed without cancellation; but coordinates themselves resolve angles and radii
 * ever less far out (error e^R 2^-25 at radius R), see docs/numerics.md and the lorentz functions.
 *
 * Reference: Ganea, Bécigneul, Hofmann, Hyperbolic Neural Networks, NeurIPS 2018, section 2; Ungar,
 * A Gyrovector Space Approach to Hyperbolic Geometry, 2009. exp0 and log0 use the metric of the ball at
 * 0, twice the Euclidean: d(0, expMap0(v)) = 2 |v|.
 */

const run = mapsOf('poincare');

/**
 * Distance 2 / sqrt(c) asinh(sqrt(c) |x - y| / sqrt((1 - c |x|^2) (1 - c |y|^2))), [...].
 * Symmetric to the bit, 0 for equal rows. Gradient: 0 at equal rows.
 * @example
 * poincare.dist([0, 0], [0.5, 0]).print(); // 1.0986123
 */
export function dist(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('dist', programs.dist, { x, y }, c);
}

/** Distance from the origin, 2 / sqrt(c) artanh(sqrt(c) |x|), [...]. Gradient: 0 at the origin. */
export function dist0(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('dist0', programs.dist0, { x }, c);
}

/** Möbius addition x (+) y, [..., d]; not commutative. (-x) (+) x is exactly 0. */
export function add(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('add', programs.add, { x, y }, c);
}

/**
 * factor (x) x = expMap0(factor logMap0(x)), [..., d]: the point at factor times the distance on the
 * ray from the origin through x.
 * @param factor A number, or one per row.
 */
export function scalarMul(factor: ScalarsLike, x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('scalarMul', programs.scalarMul, { x }, c, { factor });
}

/**
 * Möbius matrix-vector product, [..., m]: expMap0(logMap0(x) W).
 * @param weights W, [d, m]: rows are multiplied from the left, as in a dense layer.
 * @throws ShapeError if weights are no matrix with as many rows as x has features.
 */
export function matVec(weights: RowsLike, x: RowsLike, c: ScalarsLike = 1): Tensor {
  return tf.tidy(() => {
    const log = run('matVec', programs.logMap0, { x }, c);
    return expMap0(timesWeights('poincare.matVec', log, weights), c);
  });
}

/**
 * Exponential map at x: the end of the geodesic that leaves x with velocity v, [..., d],
 * x (+) tanh(sqrt(c) lambda_x |v| / 2) v / (sqrt(c) |v|). x itself for v = 0.
 * Ends farther out than float32 resolves (radius 17 / sqrt(c)) may round onto the boundary.
 */
export function expMap(x: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('expMap', programs.expMap, { x, v }, c);
}

/** Logarithm at x: the tangent v, [..., d], with expMap(x, v) = y; 0 for equal rows. */
export function logMap(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('logMap', programs.logMap, { x, y }, c);
}

/** Exponential map at the origin, tanh(sqrt(c) |v|) v / (sqrt(c) |v|), [..., d]. */
export function expMap0(v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('expMap0', programs.expMap0, { v }, c);
}

/** Logarithm at the origin, artanh(sqrt(c) |x|) x / (sqrt(c) |x|), [..., d]. */
export function logMap0(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('logMap0', programs.logMap0, { x }, c);
}

/** Gyration gyr[a, b] v = -(a (+) b) (+) (a (+) (b (+) v)), [..., d]: a rotation of v. */
export function gyration(a: RowsLike, b: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('gyration', programs.gyration, { a, b, v }, c);
}

/**
 * Parallel transport of the tangent v at x along the geodesic to y, [..., d]:
 * gyr[y, -x] v lambda_x / lambda_y. Keeps inner products.
 */
export function transport(x: RowsLike, y: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('transport', programs.transport, { x, y, v }, c);
}

/** Parallel transport of the tangent v at the origin to y, [..., d]: (1 - c |y|^2) v. */
export function transport0(y: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('transport0', programs.transport0, { y, v }, c);
}

/**
 * Rows with sqrt(c) |x| > 1 - 2^-22 scaled to that length (radius 15.94 / sqrt(c)), others as they
 * are, [..., d].
 */
export function project(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('project', programs.project, { x }, c);
}

/** lambda_x = 2 / (1 - c |x|^2), [...]: Riemannian over Euclidean length at x. */
export function conformalFactor(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('conformalFactor', programs.conformalFactor, { x }, c);
}

/** Inner product of tangents at x, lambda_x^2 <u, v>, [...]. */
export function inner(x: RowsLike, u: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('inner', programs.inner, { x, u, v }, c);
}

/** Length of a tangent at x, lambda_x |v|, [...]. Gradient: 0 at v = 0. */
export function norm(x: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('norm', programs.norm, { x, v }, c);
}

/** Riemannian gradient of a Euclidean one, grad (1 - c |x|^2)^2 / 4, [..., d]. */
export function egradToRgrad(x: RowsLike, grad: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('egradToRgrad', programs.egradToRgrad, { x, grad }, c);
}

/**
 * Weighted gyromidpoint of m points, [..., d]: the image of the Lorentz centroid, which is
 * 1/2 (x) sum w lambda x / sum w (lambda - 1).
 * @param points [..., m, d].
 * @param weights [..., m], >= 0; default all 1. Points whose weights are all 0 give 0.
 * @param c A number, or one per result.
 */
export function weightedMidpoint(points: RowsLike, weights?: RowsLike, c: ScalarsLike = 1): Tensor {
  const name = 'weightedMidpoint';
  return tf.tidy(() => {
    const lifted = run(name, programs.toLorentz, { points }, perSet(c));
    const middle = centroidOf('poincare.weightedMidpoint', lifted, weights, c);
    return run(name, programs.fromLorentz, { x: middle }, c);
  });
}

/**
 * Signed distance from x to the hyperplane through p with normal a (a tangent at p), [...]:
 * asinh(2 sqrt(c) <z, a> / ((1 - c |z|^2) |a|)) / sqrt(c) with z = (-p) (+) x; positive on the side that
 * a points to, 0 for a = 0. Logits of hyperbolic multinomial regression are lambda_p |a| times it.
 * Reference: Ganea et al. 2018, equations (23) to (25).
 */
export function hyperplaneDistance(
  x: RowsLike,
  p: RowsLike,
  a: RowsLike,
  c: ScalarsLike = 1,
): Tensor {
  return run('hyperplaneDistance', programs.hyperplaneDistance, { x, p, a }, c);
}

/**
 * Unidirectional logit of x, [...]:
 * 2 |z| / sqrt(c) asinh(lambda_x <sqrt(c) x, z / |z|> cosh(2 sqrt(c) r) - (lambda_x - 1) sinh(2 sqrt(c) r)).
 * The hyperplane stands at offset r along z from the origin; 2 sqrt(c) |r| is cut at 40.
 * @param z Normal at the origin, [..., d].
 * @param r Offset: a number, or one per row.
 * Reference: Shimizu, Mukuta, Harada, Hyperbolic Neural Networks++, ICLR 2021, equation (6).
 */
export function hyperplaneLogit(
  x: RowsLike,
  z: RowsLike,
  r: ScalarsLike = 0,
  c: ScalarsLike = 1,
): Tensor {
  return run('hyperplaneLogit', programs.hyperplaneLogit, { x, z }, c, { r });
}

/**
 * Half aperture of the entailment cone at x, asin(K (1 - c |x|^2) / (sqrt(c) |x|)), [...], in [0, pi/2];
 * pi/2 where the argument is 1 or more, near the origin.
 * @param minRadius K > 0, which sets how narrow cones are. Default 0.1.
 * @throws DomainError for a number minRadius that is not above 0.
 * Reference: Ganea, Bécigneul, Hofmann, Hyperbolic Entailment Cones, ICML 2018, equation (25).
 */
export function coneHalfAperture(
  x: RowsLike,
  c: ScalarsLike = 1,
  minRadius: ScalarsLike = 0.1,
): Tensor {
  checkPositive('poincare.coneHalfAperture', 'minRadius', minRadius);
  return run('coneHalfAperture', programs.coneHalfAperture, { x }, c, { minRadius });
}

/**
 * Angle at x between the ray from the origin through x, prolonged, and the geodesic to y, [...], in
 * [0, pi]: y is in the cone of x when it is at most {@link coneHalfAperture}. 0 for y = x and for x = 0,
 * whose cone is the whole ball. Gradient: 0 in these points, and across the ray.
 * Reference: Ganea et al. 2018 (cones), equation (28).
 */
export function coneAngle(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('coneAngle', programs.coneAngle, { x, y }, c);
}
