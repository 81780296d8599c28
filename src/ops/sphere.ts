import type { Tensor } from '@tensorflow/tfjs';
import { programOf } from '../specs/rowProgram/programOf.js';
import type { RowGraph, Value } from '../specs/rowProgram/graph.js';
import { applyRows, checkPositive } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';

/**
 * The sphere of radius r in R^d: points are rows [..., d] of length r, tangents at x are rows
 * orthogonal to x. Leading dimensions broadcast; `radius` is a number or a tensor [...] with one for
 * each row. All float32.
 *
 * Points are used by their direction, so that a length that is off by rounding does no harm, and
 * gradients are tangent. Angles come from both |u - v| and |u + v| (Kahan 2006, How Futile are Mindless
 * Assessments of Roundoff, section 12), so they are accurate from 0 to pi, where an arc cosine loses
 * half of the digits at both ends. At antipodes, where no shortest path is the only one, dist has
 * gradient 0, logMap is 0 and transport turns the tangent round.
 *
 * All functions throw ShapeError if features differ or leading dimensions do not broadcast, DtypeError
 * if a tensor is not float32, DomainError for a radius that is not above 0. Cost: O(n d).
 */

const unit = (g: RowGraph, x: Value): Value => g.safeDiv(x, g.norm(x));

/** Unit vectors of two points, the lengths of their difference and sum, and tan of half the angle. */
function pair(g: RowGraph): {
  u: Value;
  v: Value;
  apart: Value;
  joint: Value;
  difference: Value;
  sum: Value;
  tangent: Value;
} {
  const [u, v] = [unit(g, g.row('x')), unit(g, g.row('y'))];
  const [difference, sum] = [g.sub(v, u), g.add(v, u)];
  const [apart, joint] = [g.norm(difference), g.norm(sum)];
  return { u, v, apart, joint, difference, sum, tangent: g.div(apart, joint) };
}

const distProgram = programOf((g) => {
  const { tangent } = pair(g);
  return g.mul(g.mul(2, g.scalar('radius')), g.unary('atan', tangent));
});

/**
 * Length of the shortest arc: d = 2 r atan(|u - v| / |u + v|), u = x / |x|, v = y / |y|.
 * @returns Distances [...], in [0, pi r]; exactly 0 for equal rows.
 * Gradient: x, y (tangent, of length 1 where |x| = r), radius; 0 at coincident and opposite points.
 */
export function dist(x: RowsLike, y: RowsLike, radius: ScalarsLike = 1): Tensor {
  checkPositive('sphere.dist', 'radius', radius);
  return applyRows('sphere.dist', distProgram(), { rows: { x, y }, scalars: { radius } })[0];
}

const expProgram = programOf((g) => {
  const [x, v, r] = [g.row('x'), g.row('v'), g.scalar('radius')];
  const z = g.neg(g.dot(g.div(v, r), g.div(v, r)));
  return g.add(g.mul(g.unary('coshRoot', z), x), g.mul(g.unary('sinhcRoot', z), v));
});

/**
 * End of the geodesic that leaves x with velocity v: cos(t) x + sin(t)/t v, t = |v| / r.
 * @param v Tangents at x. @returns Points [..., d]. Gradient: all arguments, smooth at v = 0.
 */
export function expMap(x: RowsLike, v: RowsLike, radius: ScalarsLike = 1): Tensor {
  checkPositive('sphere.expMap', 'radius', radius);
  return applyRows('sphere.expMap', expProgram(), { rows: { x, v }, scalars: { radius } })[0];
}

const logProgram = programOf((g) => {
  const { u, apart, joint, difference, sum, tangent } = pair(g);
  // v - cos(angle) u, of terms that are small together near either end.
  const near = g.add(difference, g.mul(g.mul(0.5, g.square(apart)), u));
  const far = g.sub(sum, g.mul(g.mul(0.5, g.square(joint)), u));
  const square = g.square(tangent);
  const nearScale = g.mul(g.add(1, square), g.unary('atanhcRoot', g.neg(square)));
  const farScale = g.safeDiv(g.mul(4, g.unary('atan', tangent)), g.mul(apart, joint));
  const along = g.where('lt', apart, joint, near, far);
  const scale = g.where('lt', apart, joint, nearScale, farScale);
  return g.mul(g.mul(g.scalar('radius'), scale), along);
});

/**
 * Tangent at x that leads to y: r (t / sin t) (v - cos(t) u), t the angle.
 * @returns Tangents [..., d] of length dist(x, y); 0 at antipodes. Gradient: all arguments.
 */
export function logMap(x: RowsLike, y: RowsLike, radius: ScalarsLike = 1): Tensor {
  checkPositive('sphere.logMap', 'radius', radius);
  return applyRows('sphere.logMap', logProgram(), { rows: { x, y }, scalars: { radius } })[0];
}

const transportProgram = programOf((g) => {
  const { sum } = pair(g);
  const v = g.row('v');
  const share = g.safeDiv(g.mul(2, g.dot(sum, v)), g.dot(sum, sum));
  return g.sub(v, g.mul(share, sum));
});

/**
 * Parallel transport of tangents from x to y along the shortest arc: v - 2 <s, v> / |s|^2 s with
 * s = x/|x| + y/|y|. @returns Tangents at y [..., d]; inner products are kept. Gradient: all arguments.
 */
export function transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor {
  return applyRows('sphere.transport', transportProgram(), { rows: { x, y, v } })[0];
}

const projectProgram = programOf((g) => g.mul(g.scalar('radius'), unit(g, g.row('x'))));

/** Nearest point of the sphere: r x / |x|, and 0 for the zero row, which has none. */
export function project(x: RowsLike, radius: ScalarsLike = 1): Tensor {
  checkPositive('sphere.project', 'radius', radius);
  return applyRows('sphere.project', projectProgram(), { rows: { x }, scalars: { radius } })[0];
}

const tangentProgram = programOf((g) => {
  const [u, v] = [unit(g, g.row('x')), g.row('v')];
  return g.sub(v, g.mul(g.dot(u, v), u));
});

/** The part of v that is tangent at x: v - <u, v> u, u = x / |x|. */
export function projectTangent(x: RowsLike, v: RowsLike): Tensor {
  return applyRows('sphere.projectTangent', tangentProgram(), { rows: { x, v } })[0];
}

/** Riemannian gradient of a Euclidean one: its tangent part. */
export function egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor {
  return applyRows('sphere.egradToRgrad', tangentProgram(), { rows: { x, v: gradient } })[0];
}

const innerProgram = programOf((g) => g.dot(g.row('u'), g.row('v')));

/** Inner product of tangents, [...]: the Euclidean one, the same at every point. */
export function inner(u: RowsLike, v: RowsLike): Tensor {
  return applyRows('sphere.inner', innerProgram(), { rows: { u, v } })[0];
}
