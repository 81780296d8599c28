import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import type { MetricForm } from '../specs/metricForm.js';
import { pairGradient } from './pairs.js';
import type { PairGradient, PairSide } from './pairs.js';
import { scatterAddRows } from './scatterAddRows.js';

/**
 * Gradient of knn distances: the neighbours are gathered, the derivative is taken per (query,
 * neighbour), and summed back over k for queries and by index for points.
 * @param dy Shape [B, q, k]. @param indices Shape [B, q, k], int32, -1 for an empty slot.
 */
export function knnGradient(
  form: MetricForm,
  dy: Tensor,
  [queries, points]: readonly [PairSide, PairSide],
  indices: Tensor,
): readonly [PairGradient, PairGradient] {
  const [batch, q, k] = (dy as Tensor3D).shape;
  const [, n, d] = (points.rows as Tensor3D).shape;
  if (batch * q * k === 0) return [zerosOf(queries), zerosOf(points)];
  const offset = tf.range(0, batch, 1, 'int32').mul(tf.scalar(n, 'int32')).reshape([batch, 1, 1]);
  const isFilled = tf.greaterEqual(indices, 0);
  const flat = tf.add(tf.maximum(indices, 0), offset).toInt().as1D();
  const near = (t: Tensor): Tensor => {
    const width = t.shape[t.rank - 1] ?? 0;
    return tf.gather(t.reshape([batch * n, width]), flat).reshape([batch, q, k, width]);
  };
  const x: PairSide = {
    rows: queries.rows.expandDims(2),
    aux: queries.aux === undefined ? undefined : queries.aux.expandDims(2),
  };
  const y: PairSide = {
    rows: d === 0 ? tf.zeros([batch, q, k, 0]) : near(points.rows),
    aux: points.aux === undefined ? undefined : near(points.aux),
  };
  const weight = tf.where(isFilled, dy, tf.zerosLike(dy));
  const [toQuery, toPoint] = pairGradient(form, weight, x, y);
  // An empty slot gathers some point: whatever its derivative is, it adds nothing.
  const pull = (side: Tensor): Tensor => {
    const mask = isFilled.expandDims(3).broadcastTo(side.shape);
    return tf.where(mask, side, tf.zerosLike(side));
  };
  const bins = tf.where(isFilled.reshape([-1]), flat, tf.fill(flat.shape, -1, 'int32')).toInt();
  const scatter = (side: Tensor): Tensor => {
    const [, , , width] = (side as Tensor4D).shape;
    const summed = scatterAddRows(pull(side).reshape([-1, width]), bins, batch * n);
    return summed.reshape([batch, n, width]);
  };
  const gathered = (side: Tensor): Tensor => tf.sum(pull(side), 2);
  if (d === 0) return [zerosOf(queries), zerosOf(points)];
  return [
    { rows: gathered(toQuery.rows), aux: mapped(toQuery.aux, gathered) },
    { rows: scatter(toPoint.rows), aux: mapped(toPoint.aux, scatter) },
  ];
}

const mapped = (t: Tensor | undefined, map: (t: Tensor) => Tensor): Tensor | undefined =>
  t === undefined ? undefined : map(t);

function zerosOf({ rows, aux }: PairSide): PairGradient {
  return {
    rows: tf.zerosLike(rows),
    aux: aux === undefined ? undefined : tf.zerosLike(aux),
  };
}
