import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { asinhOver, programOf } from '../specs/rowProgram/programOf.js';
import { applyRows, checkCurvature } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';
import { weightedSums } from './weightedSums.js';

/**
 * The Klein model of hyperbolic space of curvature -c: points are rows [..., d] with |x| < 1 / sqrt(c),
 * geodesics are straight segments. Of all models it reaches least far (float32 to a distance of about
 * 8.7 / sqrt(c) from the origin), so it is for midpoints, not for storage: see convert.ts.
 *
 * All functions throw ShapeError if features differ or leading dimensions do not broadcast, DtypeError
 * if a tensor is not float32, DomainError for a curvature that is not above 0. Gradients: all
 * arguments, any order. Cost: O(n d).
 */

const distProgram = programOf((g) => {
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const difference = g.sub(y, x);
  const [first, second] = [g.gap(c, x), g.gap(c, y)];
  const along = g.mul(g.sqrt(c), g.dot(x, difference));
  const across = g.mul(g.sqrt(first), g.norm(difference));
  const sine = g.div(g.hypot(across, along), g.mul(g.sqrt(first), g.sqrt(second)));
  return asinhOver(g, sine, g.sqrt(c));
});

/**
 * Distance: (1/s) asinh(s sqrt(((1 - c |x|^2) q + c <x, y - x>^2) / ((1 - c |x|^2)(1 - c |y|^2)))),
 * s = sqrt(c), q = |x - y|^2: the sine of cosh d = (1 - c <x,y>) / sqrt((1 - c |x|^2)(1 - c |y|^2)), which
 * does not cancel for near points.
 * @returns [...], >= 0, exactly 0 for equal rows. Gradient: 0 at coincident points.
 */
export function dist(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  checkCurvature('klein.dist', c);
  return applyRows('klein.dist', distProgram(), { rows: { x, y }, scalars: { c } })[0];
}

const gammaProgram = programOf((g) => {
  const gamma = g.div(1, g.sqrt(g.gap(g.scalar('c'), g.row('x'))));
  return [g.mul(gamma, g.row('x')), gamma];
});

/**
 * Einstein midpoint: sum w gamma x / sum w gamma, gamma = 1 / sqrt(1 - c |x|^2) (Ungar 2008;
 * the aggregation of Gulcehre et al., Hyperbolic Attention Networks, 2019). It is the Lorentz
 * centroid in these coordinates.
 * @param points [..., m, d], of the Klein model. @param weights [..., m] >= 0, all 1 when left out.
 * @returns [..., d].
 */
export function einsteinMidpoint(points: Tensor, weights?: Tensor, c: number | Tensor = 1): Tensor {
  const op = 'klein.einsteinMidpoint';
  checkCurvature(op, c);
  return tf.tidy(() => {
    const perSet = typeof c === 'number' || c.rank === 0 ? c : tf.expandDims(c, -1);
    const lifted = applyRows(op, gammaProgram(), { rows: { x: points }, scalars: { c: perSet } });
    const [sum, total] = weightedSums(op, lifted[0], lifted[1], weights);
    return tf.div(sum, tf.expandDims(total, -1));
  });
}
