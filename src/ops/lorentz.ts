import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import * as programs from '../specs/rowProgram/lorentz.js';
import * as ball from '../specs/rowProgram/poincare.js';
import { checkPositive } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';
import { centroidOf, mapsOf, timesWeights } from './hyperbolicMaps.js';

/**
 * The hyperboloid (Lorentz model) <x, x> = -1/c of sectional curvature -c, <x, y> = -x0 y0 + x.y.
 *
 * Points are stored by their space part: any row of d numbers is a point, with x0 = sqrt(1/c + |x|^2).
 * Tangents at x too: v0 = x.v / x0. So nothing can leave the manifold or its tangent spaces, and rows
 * hold far more radius than with x0 stored (Mishne et al. 2023 discuss what is lost).
 *
 * In all functions rows are float32 tensors or nested arrays [..., d] whose leading dimensions
 * broadcast, and c > 0 is a number or has one value per row. All are differentiable to any order by
 * rows, scalars and c, and smooth as c tends to 0. Gradients pass through the origin; where there is
 * none (distance of equal points, length of the zero vector) they are 0.
 *
 * All throw ShapeError for features that differ or rows that do not broadcast, DtypeError for a tensor
 * that is not float32, DomainError for a number c that is not above 0.
 *
 * Numerics: pairs are compared in polar coordinates round the origin, so that neither near pairs nor
 * points on one ray cancel, to radius 44 / sqrt(c) each (dist: 85). In float32 the turn u2 - u1 between
 * the directions of far points keeps an absolute error of some 2^-24: what rounding the coordinates
 * costs anyway.
 *
 * Reference: Nickel, Kiela, Learning Continuous Hierarchies in the Lorentz Model, ICML 2018, section 3.
 */

const run = mapsOf('lorentz');

/**
 * Distance acosh(-c <x, y>) / sqrt(c), [...], as 2 / sqrt(c) asinh(h) with
 * h^2 = sinh^2((r1 - r2) / 2) + c |x| |y| |u1 - u2|^2 / 4 of radii r and directions u.
 * Symmetric to the bit, 0 for equal rows. Gradient: 0 at equal rows.
 * @example
 * lorentz.dist([0, 0], [Math.sinh(1), 0]).print(); // 1
 */
export function dist(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('dist', programs.dist, { x, y }, c);
}

/** Distance from the origin, asinh(sqrt(c) |x|) / sqrt(c), [...]. Gradient: 0 at the origin. */
export function dist0(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('dist0', programs.dist0, { x }, c);
}

/** <x, y> of points, [...], at most -1/c, by their distance: -1/c - 2 sinh^2(sqrt(c) d / 2) / c. */
export function minkowskiInner(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('minkowskiInner', programs.minkowskiInner, { x, y }, c);
}

/** The time coordinate x0 = sqrt(1/c + |x|^2), [...]. */
export function time(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('time', programs.time, { x }, c);
}

/** Inner product of tangents at x, u.v - u0 v0, [...]. */
export function inner(x: RowsLike, u: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('inner', programs.inner, { x, u, v }, c);
}

/**
 * Length of a tangent at x, [...]: sqrt(|v_across|^2 + v_along^2 / (1 + c |x|^2)) of its parts across and
 * along x. Gradient: 0 at v = 0.
 */
export function norm(x: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('norm', programs.norm, { x, v }, c);
}

/**
 * Exponential map at x: the end of the geodesic that leaves x with velocity v, [..., d],
 * cosh(t) x + sinh(t) v / t with t = sqrt(c) |v|_x; x itself for v = 0. t is cut where it and the radius of
 * x come to 80, past which float32 may overflow.
 */
export function expMap(x: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('expMap', programs.expMap, { x, v }, c);
}

/**
 * Logarithm at x: the tangent v, [..., d], with expMap(x, v) = y, of length dist(x, y); 0 for equal rows.
 * The Riemannian gradient of dist(x, y) by x is -logMap(x, y) / dist(x, y).
 */
export function logMap(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('logMap', programs.logMap, { x, y }, c);
}

/**
 * Exponential map at the origin, sinh(sqrt(c) |v|) v / (sqrt(c) |v|), [..., d]: d(0, expMap0(v)) = |v|,
 * cut at 80 / sqrt(c).
 */
export function expMap0(v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('expMap0', programs.expMap0, { v }, c);
}

/** Logarithm at the origin, asinh(sqrt(c) |x|) x / (sqrt(c) |x|), [..., d]. */
export function logMap0(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('logMap0', programs.logMap0, { x }, c);
}

/**
 * Parallel transport of the tangent v at x along the geodesic to y, [..., d]:
 * v + c <y, v> / (1 - c <x, y>) (x + y). Keeps inner products.
 */
export function transport(x: RowsLike, y: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('transport', programs.transport, { x, y, v }, c);
}

/** Parallel transport of the tangent v at the origin to y, [..., d]. */
export function transport0(y: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('transport0', programs.transport0, { y, v }, c);
}

/** Rows farther out than radius 44 / sqrt(c) brought to it, others as they are, [..., d]. */
export function project(x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('project', programs.project, { x }, c);
}

/**
 * Space part of the orthogonal projection of an ambient vector (w0, w) on the tangent space at x,
 * w + c <x, (w0, w)> x, [..., d].
 * @param w0 Time coordinate: a number, or one per row. Default 0.
 */
export function projectTangent(
  x: RowsLike,
  w: RowsLike,
  w0: ScalarsLike = 0,
  c: ScalarsLike = 1,
): Tensor {
  return run('projectTangent', programs.projectTangent, { x, w }, c, { w0 });
}

/**
 * Riemannian gradient, [..., d], of the gradient `grad` by the space part (as tf.grad gives it):
 * grad + c (x.grad) x.
 */
export function egradToRgrad(x: RowsLike, grad: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('egradToRgrad', programs.egradToRgrad, { x, grad }, c);
}

/**
 * Weighted Lorentz centroid of m points, [..., d]: sum w x scaled onto the hyperboloid. It minimises
 * the weighted sum of -2/c - 2 <x, y>.
 * @param points [..., m, d].
 * @param weights [..., m], >= 0; default all 1. Points whose weights are all 0 give the origin.
 * @param c A number, or one per result.
 * Reference: Law, Liao, Snell, Zemel, Lorentzian Distance Learning, ICML 2019, proposition 3.1.
 */
export function centroid(points: RowsLike, weights?: RowsLike, c: ScalarsLike = 1): Tensor {
  return centroidOf('lorentz.centroid', points, weights, c);
}

/**
 * Half aperture of the entailment cone at x, asin(2 K / (sqrt(c) |x|)), [...], in [0, pi/2]; pi/2 where the
 * argument is 1 or more, near the origin.
 * @param minRadius K > 0. Default 0.1.
 * @throws DomainError for a number minRadius that is not above 0.
 * Reference: Desai et al., Hyperbolic Image-Text Representations (MERU), ICML 2023, equation (6).
 */
export function halfAperture(
  x: RowsLike,
  c: ScalarsLike = 1,
  minRadius: ScalarsLike = 0.1,
): Tensor {
  checkPositive('lorentz.halfAperture', 'minRadius', minRadius);
  return run('halfAperture', programs.halfAperture, { x }, c, { minRadius });
}

/**
 * Exterior angle at x of the triangle of the origin, x and y, [...], in [0, pi]: y is in the cone of x when
 * it is at most {@link halfAperture}. 0 for y = x and for x = 0, whose cone is the whole space.
 * Gradient: 0 in these points, and across the ray through x.
 * Reference: Desai et al. 2023, equation (7), by atan2 in place of acos.
 */
export function exteriorAngle(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('exteriorAngle', programs.exteriorAngle, { x, y }, c);
}

/**
 * Signed distance from x to the hyperplane through p with normal a (a tangent at p), [...]:
 * asinh(sqrt(c) <x, a> / |a|_p) / sqrt(c); positive on the side that a points to, 0 for a = 0.
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
 * Gyration gyr[a, b] v, [..., d], for which a + (b + v) = (a + b) + gyr[a, b] v: a rotation of R^d, the same
 * as that of the ball, so v may be a point or a tangent at the origin. Computed with the images of a and b
 * in the ball, which float32 resolves to radius 16 / sqrt(c).
 */
export function gyration(a: RowsLike, b: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return tf.tidy(() => {
    const image = (x: RowsLike): Tensor => run('gyration', ball.fromLorentz, { x }, c);
    return run('gyration', ball.gyration, { a: image(a), b: image(b), v }, c);
  });
}

/**
 * expMap(x, transport0(x, logMap0(y))), [..., d]: the image of Möbius addition in the ball. Not
 * commutative. (-x) + x is exactly 0.
 */
export function add(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('add', programs.add, { x, y }, c);
}

/**
 * expMap0(factor logMap0(x)), [..., d]: the image of scalar multiplication in the ball.
 * @param factor A number, or one per row.
 */
export function scalarMul(factor: ScalarsLike, x: RowsLike, c: ScalarsLike = 1): Tensor {
  return run('scalarMul', programs.scalarMul, { x }, c, { factor });
}

/**
 * expMap0(logMap0(x) W), [..., m]: the image of the Möbius matrix-vector product in the ball.
 * @param weights W, [d, m]: rows are multiplied from the left, as in a dense layer.
 * @throws ShapeError if weights are no matrix with as many rows as x has features.
 */
export function matVec(weights: RowsLike, x: RowsLike, c: ScalarsLike = 1): Tensor {
  return tf.tidy(() => {
    const log = run('matVec', programs.logMap0, { x }, c);
    return expMap0(timesWeights('lorentz.matVec', log, weights), c);
  });
}
