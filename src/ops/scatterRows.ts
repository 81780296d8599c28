import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs';

/**
 * x with some of its rows replaced: out[indices[i]] = rows[i], all others as they are, to the bit.
 * @param x Shape [n, ...]. @param indices Shape [r], int32, in range, none twice: the caller has checked.
 * @param rows Shape [r, ...]. @returns Shape [n, ...]. No gradient. Cost: one copy of x.
 */
export function scatterRows(x: Tensor, indices: Tensor1D, rows: Tensor): Tensor {
  if (indices.size === 0) return x.clone();
  return tf.tidy(() => {
    const [n, ...shape] = x.shape;
    const width = x.size / Math.max(1, n);
    const flat = x.reshape([n, width]);
    const updated = tf.tensorScatterUpdate(
      flat,
      tf.expandDims(indices, -1),
      rows.reshape([indices.size, width]),
    );
    return updated.reshape([n, ...shape]);
  });
}
