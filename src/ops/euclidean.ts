import type { Tensor } from '@tensorflow/tfjs';
import { programOf } from '../specs/rowProgram/programOf.js';
import { applyRows } from './applyRows.js';
import type { RowsLike } from './applyRows.js';

/**
 * R^d: rows [..., d], float32, whose leading dimensions broadcast. All functions throw ShapeError if
 * features differ or leading dimensions do not broadcast, DtypeError if a tensor is not float32.
 */

const distProgram = programOf((g) => g.norm(g.sub(g.row('x'), g.row('y'))));

/** |x - y|, [...]. Gradient: 0 at equal rows. */
export function dist(x: RowsLike, y: RowsLike): Tensor {
  return applyRows('euclidean.dist', distProgram(), { rows: { x, y } })[0];
}

const innerProgram = programOf((g) => g.dot(g.row('u'), g.row('v')));

/** <u, v>, [...]. */
export function inner(u: RowsLike, v: RowsLike): Tensor {
  return applyRows('euclidean.inner', innerProgram(), { rows: { u, v } })[0];
}

const addProgram = programOf((g) => g.add(g.row('x'), g.row('v')));

/** x + v, [..., d]. */
export function expMap(x: RowsLike, v: RowsLike): Tensor {
  return applyRows('euclidean.expMap', addProgram(), { rows: { x, v } })[0];
}

const subtractProgram = programOf((g) => g.sub(g.row('y'), g.row('x')));

/** y - x, [..., d]. */
export function logMap(x: RowsLike, y: RowsLike): Tensor {
  return applyRows('euclidean.logMap', subtractProgram(), { rows: { x, y } })[0];
}
