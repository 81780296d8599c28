import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D } from '@tensorflow/tfjs';
import { FLOAT32_MAX, SLAB_ELEMENTS } from '../numerics.js';
import type { KnnAttrs } from '../specs/knn.js';
import { isSimilarity } from '../specs/metricForm.js';
import { unpackMask } from './masks.js';
import type { Masks } from './masks.js';
import type { PairSide } from './pairs.js';
import { composedPairwise } from './pairwiseDistance.js';

/**
 * Composed form of knn: slabs of the distance matrix and topk of the negated distance, which prefers the
 * lower index among equals. Distances are those of pairwiseDistance's composed form.
 */
export function composedKnn(
  [queries, points]: readonly [PairSide, PairSide],
  masks: Masks,
  attrs: KnnAttrs,
): Tensor[] {
  const [batch, q] = (queries.rows as Tensor3D).shape;
  const [, n] = (points.rows as Tensor3D).shape;
  if (batch * q === 0)
    return [tf.zeros([batch, q, attrs.k]), tf.zeros([batch, q, attrs.k], 'int32')];
  const step = Math.max(1, Math.floor(SLAB_ELEMENTS / Math.max(1, batch * n)));
  const distances: Tensor[] = [];
  const indices: Tensor[] = [];
  for (let start = 0; start < q; start += step) {
    const count = Math.min(step, q - start);
    const slab = tf.tidy(() => {
      const cut = (t: Tensor): Tensor => t.slice([0, start, 0], [-1, count, -1]);
      const rows = {
        rows: cut(queries.rows),
        aux: queries.aux === undefined ? undefined : cut(queries.aux),
      };
      const distance = composedPairwise(rows, points, attrs);
      return nearest(distance, excludedPairs(distance, masks, attrs, start), attrs);
    });
    distances.push(slab[0]);
    indices.push(slab[1]);
  }
  return distances.length === 1
    ? [distances[0], indices[0]]
    : [tf.concat(distances, 1), tf.concat(indices, 1)];
}

/** Bool [B, rows, n]: pairs that do not exist, or whose distance is NaN. */
function excludedPairs(distance: Tensor, masks: Masks, attrs: KnnAttrs, start: number): Tensor {
  const [, rows, n] = distance.shape as [number, number, number];
  let excluded: Tensor = tf.isNaN(distance);
  const exclude = (pairs: Tensor): void => {
    excluded = tf.logicalOr(excluded, pairs.broadcastTo(distance.shape));
  };
  if (attrs.selfOffset !== undefined) {
    const self = tf.range(0, rows, 1, 'int32').add(tf.scalar(start + attrs.selfOffset, 'int32'));
    const column = tf.range(0, n, 1, 'int32');
    exclude(tf.equal(self.toInt().expandDims(1), column.expandDims(0)).expandDims(0));
  }
  if (masks.allowed !== undefined) {
    const { allowed } = masks;
    const words = allowed.shape[1] === 1 ? allowed : allowed.slice([0, start, 0], [-1, rows, -1]);
    exclude(tf.logicalNot(unpackMask(words, n)));
  }
  if (masks.queryGroups !== undefined && masks.pointGroups !== undefined) {
    const own = masks.queryGroups.slice([0, start], [-1, rows]).expandDims(2);
    exclude(tf.notEqual(own, masks.pointGroups.expandDims(1)));
  }
  return excluded;
}

/**
 * Excluded pairs rank as infinitely far, behind every real distance: those that overflowed to infinity
 * count as the largest float and are turned back after the selection.
 */
function nearest(distance: Tensor, excluded: Tensor, { form, k }: KnnAttrs): [Tensor, Tensor] {
  const similarity = isSimilarity(form);
  const value = similarity ? distance : tf.neg(distance);
  const lowest = tf.fill(value.shape, -FLOAT32_MAX);
  const bounded = tf.where(tf.less(value, lowest), lowest, value);
  const key = tf.where(excluded, tf.fill(value.shape, -Infinity), bounded);
  const top = tf.topk(key, k, true);
  const isEmpty = tf.equal(top.values, -Infinity);
  const shape = top.values.shape;
  const isFarthest = tf.lessEqual(top.values, tf.scalar(-FLOAT32_MAX));
  const far = tf.fill(shape, similarity ? -Infinity : Infinity);
  const found = tf.where(isFarthest, far, similarity ? top.values : tf.neg(top.values));
  // -0 would show as a negative zero distance.
  const clean = similarity ? found : tf.abs(found);
  return [clean, tf.where(isEmpty, tf.fill(shape, -1, 'int32'), top.indices.toInt())];
}
