import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import { SLAB_ELEMENTS } from '../numerics.js';

/**
 * Sum rows into `count` bins: out[bins[i]] += rows[i]; a negative bin adds nothing.
 *
 * As products with one-hot slabs: tfjs's segment sum is missing on some backends and its scatter adds
 * atomically in no fixed order on others, while a product is deterministic everywhere.
 * @param rows Shape [r, d], float32. @param bins Shape [r], int32, < count. @returns Shape [count, d].
 * Cost: O(r count d) time, one slab of one-hot rows at a time.
 */
export function scatterAddRows(rows: Tensor, bins: Tensor1D, count: number): Tensor {
  const [total, d] = rows.shape;
  const step = Math.max(1, Math.floor(SLAB_ELEMENTS / Math.max(1, count)));
  let sum: Tensor = tf.zeros([count, d]);
  for (let start = 0; start < total; start += step) {
    const size = Math.min(step, total - start);
    const next = tf.tidy(() => {
      // As integers first: tfjs's wasm oneHot stores integer bits in a float32 tensor.
      const slab = tf.oneHot(bins.slice(start, size), count).toFloat();
      const part = tf.matMul(slab, rows.slice([start, 0], [size, d]), true, false);
      return tf.add(sum, part);
    });
    sum.dispose();
    sum = next;
  }
  return sum;
}
