import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import { broadcastShapes, formatShape } from '../util/shape.js';

/**
 * Weighted sums over sets of rows: sum_i w_i rows_i [..., d] and sum_i w_i scalars_i [...].
 * @param rows [..., m, d]. @param scalars [..., m]. @param weights [..., m], all 1 when left out.
 * @throws ShapeError if the rows have rank 1 or the weights do not broadcast with them.
 */
export function weightedSums(
  op: string,
  rows: Tensor,
  scalars: Tensor,
  weights: Tensor | undefined,
): [rows: Tensor, scalars: Tensor] {
  if (rows.rank < 2) {
    throw new ShapeError({
      op,
      arg: 'points',
      expected: 'have shape [..., points, features], rank 2 or more',
      got: `shape ${formatShape(rows.shape)}`,
    });
  }
  if (weights === undefined) return [tf.sum(rows, -2), tf.sum(scalars, -1)];
  const lead = rows.shape.slice(0, -1);
  const m = lead[lead.length - 1];
  const fits = weights.shape[weights.rank - 1] === m;
  if (!fits || broadcastShapes(weights.shape, lead) === undefined) {
    throw new ShapeError({
      op,
      arg: 'weights',
      expected: `have one for each point, [..., ${m}], and broadcast with the points, which have shape ${formatShape(rows.shape)}`,
      got: `shape ${formatShape(weights.shape)}`,
    });
  }
  const sum = tf.sum(tf.mul(tf.expandDims(weights, -1), rows), -2);
  return [sum, tf.sum(tf.mul(weights, scalars), -1)];
}
