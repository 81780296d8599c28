import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { FLOAT32_TINY } from '../numerics.js';
import { programOf } from '../specs/rowProgram/programOf.js';
import type { RowGraph, Value } from '../specs/rowProgram/graph.js';
import { applyRows, checkCurvature } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';
import { UP, upOf } from './heights.js';

/**
 * The upper half-space model of hyperbolic space of curvature -c: points are rows [..., d] whose last
 * coordinate, the height, is above 0; the metric at p is <u, v> / (c p_d^2). Leading dimensions
 * broadcast; all float32. The curvature only scales lengths, so there is no limit c -> 0.
 *
 * All functions throw ShapeError if features differ or leading dimensions do not broadcast, DtypeError
 * if a tensor is not float32, DomainError for a curvature that is not above 0. Heights are not read from
 * the device to check them: at height 0 or below, results are NaN. Gradients: all arguments, any order.
 * Cost: O(n d).
 */

const upright = (g: RowGraph): Value => g.row(UP);
const heightOf = (g: RowGraph, p: Value): Value => g.dot(p, upright(g));

function apply(
  name: string,
  program: ReturnType<typeof programOf>,
  rows: Readonly<Record<string, RowsLike>>,
  c?: ScalarsLike,
): Tensor {
  const op = `halfSpace.${name}`;
  if (c !== undefined) checkCurvature(op, c);
  const [first] = Object.values(rows);
  return tf.tidy(() => {
    const all = { ...rows, [UP]: upOf(op, first) };
    return applyRows(op, program(), { rows: all, scalars: c === undefined ? {} : { c } })[0];
  });
}

/** sinh of half the distance at c = 1. */
const halfSine = (g: RowGraph, x: Value, y: Value): Value => {
  const heights = g.mul(g.sqrt(heightOf(g, x)), g.sqrt(heightOf(g, y)));
  return g.div(g.mul(0.5, g.norm(g.sub(x, y))), heights);
};

const distProgram = programOf((g) => {
  const sine = halfSine(g, g.row('x'), g.row('y'));
  return g.div(g.mul(2, g.unary('asinh', sine)), g.sqrt(g.scalar('c')));
});

/**
 * Distance: (2 / sqrt(c)) asinh(|x - y| / (2 sqrt(x_d y_d))).
 * @returns [...], >= 0, exactly 0 for equal rows. Gradient: 0 at coincident points.
 */
export function dist(x: RowsLike, y: RowsLike, c: ScalarsLike = 1): Tensor {
  return apply('dist', distProgram, { x, y }, c);
}

const expProgram = programOf((g) => {
  const [p, v] = [g.row('x'), g.row('v')];
  const height = heightOf(g, p);
  const a = g.div(v, height);
  const rise = g.dot(a, upright(g));
  const flat = g.sub(a, g.mul(rise, upright(g)));
  const z = g.dot(a, a);
  const [cosine, sine] = [g.unary('coshRoot', z), g.unary('sinhcRoot', z)];
  // 1 / (cosh - rise sinhc), which cancels for a rising start.
  const rising = g.div(
    g.add(cosine, g.mul(rise, sine)),
    g.add(1, g.mul(g.dot(flat, flat), g.square(sine))),
  );
  const falling = g.div(1, g.sub(cosine, g.mul(rise, sine)));
  const growth = g.where('lt', 0, rise, rising, falling);
  const side = g.mul(g.mul(height, g.mul(growth, sine)), flat);
  const base = g.sub(p, g.mul(height, upright(g)));
  return g.add(g.add(base, side), g.mul(g.mul(height, growth), upright(g)));
});

/**
 * End of the geodesic from x with velocity v. With a = v / x_d, t = |a|, a' and a_d its parts along the
 * floor and the height: height x_d / (cosh t - a_d sinh(t)/t), and a' sinh(t)/t of that sideways.
 * The same for every c. @returns Points [..., d].
 */
export function expMap(x: RowsLike, v: RowsLike): Tensor {
  return apply('expMap', expProgram, { x, v });
}

/** logMap at p for height 1, to be scaled by the height; and the height of p. */
function logOf(g: RowGraph, p: Value, y: Value): Value {
  const height = heightOf(g, p);
  const move = g.div(g.sub(y, p), height);
  const climb = g.dot(move, upright(g));
  const flat = g.sub(move, g.mul(climb, upright(g)));
  const ratio = g.div(heightOf(g, y), height);
  const sine = halfSine(g, p, y);
  // t / sinh t of the distance t.
  const shrink = g.div(g.unary('asinhc', sine), g.hypot(1, sine));
  const excess = g.add(g.dot(flat, flat), g.mul(climb, g.add(ratio, 1)));
  const rise = g.mul(g.div(g.mul(0.5, excess), ratio), upright(g));
  return g.mul(g.mul(height, shrink), g.add(g.div(flat, ratio), rise));
}

const logProgram = programOf((g) => logOf(g, g.row('x'), g.row('y')));

/**
 * Tangent at x that leads to y, the inverse of {@link expMap}; the same for every c.
 * @returns Tangents [..., d]; |logMap| / (sqrt(c) x_d) = dist(x, y).
 */
export function logMap(x: RowsLike, y: RowsLike): Tensor {
  return apply('logMap', logProgram, { x, y });
}

const transportProgram = programOf((g) => {
  const [x, y, v] = [g.row('x'), g.row('y'), g.row('v')];
  const unit = (row: Value): Value => g.safeDiv(row, g.norm(row));
  const start = unit(logOf(g, x, y));
  const end = g.neg(unit(logOf(g, y, x)));
  // The turn that takes the geodesic's direction at x to that at y; it leaves the rest alone.
  const sum = g.add(start, end);
  const share = g.safeDiv(g.mul(2, g.dot(sum, v)), g.dot(sum, sum));
  const turned = g.sub(g.add(v, g.mul(g.mul(2, g.dot(start, v)), end)), g.mul(share, sum));
  return g.mul(g.div(heightOf(g, y), heightOf(g, x)), turned);
});

/**
 * Parallel transport of tangents from x to y along the geodesic: turned in the plane of the geodesic as
 * its direction turns, and scaled by y_d / x_d. @returns Tangents at y [..., d].
 */
export function transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor {
  return apply('transport', transportProgram, { x, y, v });
}

const innerProgram = programOf((g) => {
  const squared = g.mul(g.scalar('c'), g.square(heightOf(g, g.row('x'))));
  return g.div(g.dot(g.row('u'), g.row('v')), squared);
});

/** Inner product of tangents at x: <u, v> / (c x_d^2), [...]. */
export function inner(x: RowsLike, u: RowsLike, v: RowsLike, c: ScalarsLike = 1): Tensor {
  return apply('inner', innerProgram, { x, u, v }, c);
}

const rgradProgram = programOf((g) => {
  const squared = g.mul(g.scalar('c'), g.square(heightOf(g, g.row('x'))));
  return g.mul(squared, g.row('gradient'));
});

/** Riemannian gradient of a Euclidean one: c x_d^2 gradient. */
export function egradToRgrad(x: RowsLike, gradient: RowsLike, c: ScalarsLike = 1): Tensor {
  return apply('egradToRgrad', rgradProgram, { x, gradient }, c);
}

const projectProgram = programOf((g) => {
  const [x, height] = [g.row('x'), heightOf(g, g.row('x'))];
  const missing = g.sub(g.max(height, FLOAT32_TINY), height);
  return g.add(x, g.mul(missing, upright(g)));
});

/** Heights raised to at least 2^-126, the smallest normal float32. */
export function project(x: RowsLike): Tensor {
  return apply('project', projectProgram, { x });
}
