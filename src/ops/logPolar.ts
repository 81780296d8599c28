import type { Tensor } from '@tensorflow/tfjs';
import { asinhOver, programOf } from '../specs/rowProgram/programOf.js';
import type { RowGraph, Value } from '../specs/rowProgram/graph.js';
import { applyRows, checkCurvature } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';

/**
 * Hyperbolic space of curvature -c in the Euclidean parametrisation (Mishne, Wan, Wang & Yang, The
 * Numerical Stability of Hyperbolic Representation Learning, 2023): a row z of R^d stands for
 * the point at distance |z| from the origin in direction z / |z|. Every finite row is a point, so any
 * optimiser of R^d trains it without projection, and float32 holds points at any radius, where the ball
 * ends at 17.3 / sqrt(c) and Lorentz coordinates overflow at 89 / sqrt(c).
 *
 * All functions throw ShapeError if features differ or leading dimensions do not broadcast, DtypeError
 * if a tensor is not float32, DomainError for a curvature that is not above 0. Cost: O(n d).
 */

/** Half distances (times sqrt(c)) above which sinh is 1/2 exp to the last digit of float64. */
const FAR = 20;
/** Radii (times sqrt(c)) to which products of sinh are taken directly. */
const DIRECT = 40;

const LN2 = Math.LN2;

/** log(1 - e^-t). */
const logRest = (g: RowGraph, t: Value): Value => g.unary('log', g.neg(g.unary('expm1', g.neg(t))));

const distProgram = programOf((g) => {
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const s = g.sqrt(c);
  const [first, second] = [g.norm(x), g.norm(y)];
  const [u, v] = [g.safeDiv(x, first), g.safeDiv(y, second)];
  const [p, q] = [g.mul(s, first), g.mul(s, second)];
  const chord = g.mul(0.5, g.norm(g.sub(u, v)));
  const radial = g.mul(0.5, g.unary('abs', g.sub(first, second)));
  const turn = g.mul(s, radial);

  // sinh of the half distance over s: its radial and its angular part.
  const sinhOf = (r: Value, t: Value): Value => g.mul(r, g.unary('sinhc', g.min(t, DIRECT)));
  const radialPart = sinhOf(radial, turn);
  const product = g.mul(g.sqrt(sinhOf(first, p)), g.sqrt(sinhOf(second, q)));
  const middle = g.mul(0.5, g.add(p, q));
  const rests = g.mul(0.5, g.add(logRest(g, g.mul(2, p)), logRest(g, g.mul(2, q))));
  const logAngular = g.add(g.add(g.sub(middle, LN2), rests), g.unary('log', chord));
  const large = g.div(g.unary('exp', g.min(logAngular, DIRECT)), s);
  const isDirect = (then: Value, otherwise: Value): Value =>
    g.where('le', g.max(p, q), DIRECT, then, otherwise);
  const angularPart = isDirect(g.mul(product, chord), large);
  const sine = g.hypot(radialPart, angularPart);
  const near = g.mul(2, asinhOver(g, sine, s));

  const logRadial = g.add(g.sub(turn, LN2), logRest(g, g.mul(2, turn)));
  const [high, low] = [g.max(logRadial, logAngular), g.min(logRadial, logAngular)];
  const joint = g.add(
    high,
    g.mul(0.5, g.unary('log1p', g.unary('exp', g.mul(2, g.sub(low, high))))),
  );
  const far = g.div(g.mul(2, g.add(joint, LN2)), s);
  const distance = g.where('le', high, FAR, near, far);
  // At the origin directions have no derivative, but the distance has: minus the other's direction.
  const atOrigin = (length: Value, own: Value, other: Value): Value =>
    g.where('eq', length, 0, g.neg(g.dot(own, other)), 0);
  return g.add(g.add(distance, atOrigin(first, x, v)), atOrigin(second, y, u));
});

/**
 * Distance: (2 / s) asinh(sqrt(sinh^2((p - q) / 2) + sinh(p) sinh(q) |u - v|^2 / 4)), s = sqrt(c),
 * p = s |x|, q = s |y|, u = x / |x|, v = y / |y|. Half distances above 20 are taken from logarithms, so
 * nothing overflows at any radius.
 * @returns [...], >= 0, exactly 0 for equal rows; 0 <= d <= |x| + |y| up to rounding.
 * Gradient: x, y, c; 0 at coincident points; at the origin first order only.
 */
export function dist(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  checkCurvature('logPolar.dist', c);
  return applyRows('logPolar.dist', distProgram(), { rows: { x, y }, scalars: { c } })[0];
}
