import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import type { RowProgram } from '../specs/rowProgram/graph.js';
import { centroidDepth, centroidPoint } from '../specs/rowProgram/lorentz.js';
import { formatShape } from '../util/shape.js';
import { applyRows, checkCurvature } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';
import { toFloat32 } from './checks.js';
import { weightedSums } from './weightedSums.js';

/** What the maps of the ball and of the hyperboloid share. */

type RunMap = (
  name: string,
  program: () => RowProgram,
  rows: Readonly<Record<string, RowsLike>>,
  c: ScalarsLike,
  scalars?: Readonly<Record<string, ScalarsLike>>,
) => Tensor;

/** Runs programs of one output by a curvature c, under names `<model>.<map>`. */
export const mapsOf =
  (model: string): RunMap =>
  (name, program, rows, c, scalars) => {
    const op = `${model}.${name}`;
    checkCurvature(op, c);
    return applyRows(op, program(), { rows, scalars: { ...scalars, c } })[0];
  };

/** A curvature with one value per result, beside points [..., m, d]. */
export function perSet(c: ScalarsLike): ScalarsLike {
  if (typeof c === 'number') return c;
  const tensor = c instanceof tf.Tensor ? c : tf.tensor(c, undefined, 'float32');
  return tensor.rank === 0 ? tensor : tf.expandDims(tensor, -1);
}

/** rows [..., d] times weights [d, m]. @throws ShapeError if they do not fit, DtypeError. */
export function timesWeights(op: string, rows: Tensor, weights: RowsLike): Tensor {
  const matrix = toFloat32(op, 'weights', weights);
  const d = rows.shape[rows.rank - 1];
  if (matrix.rank !== 2 || matrix.shape[0] !== d) {
    throw new ShapeError({
      op,
      arg: 'weights',
      expected: `be a matrix [d, m] with d = ${d}, the features of x`,
      got: `shape ${formatShape(matrix.shape)}`,
    });
  }
  const m = matrix.shape[1] ?? 0;
  const flat = tf.matMul(rows.reshape([-1, d]), matrix);
  return flat.reshape([...rows.shape.slice(0, -1), m]);
}

/** Centroid on the hyperboloid of points [..., m, d]. @throws ShapeError, DtypeError */
export function centroidOf(
  op: string,
  points: RowsLike,
  weights: RowsLike | undefined,
  c: ScalarsLike,
): Tensor {
  checkCurvature(op, c);
  return tf.tidy(() => {
    const rows = toFloat32(op, 'points', points);
    const shares = weights === undefined ? undefined : toFloat32(op, 'weights', weights);
    const none = tf.zeros(rows.shape.slice(0, -1));
    const [sum] = weightedSums(op, rows, none, shares);
    const depths = applyRows(op, centroidDepth(), {
      rows: { points: rows, sum: tf.expandDims(sum, -2) },
      scalars: { c: perSet(c) },
    })[0];
    const [, depth] = weightedSums(op, rows, depths, shares);
    return applyRows(op, centroidPoint(), { rows: { sum }, scalars: { depth, c } })[0];
  });
}
