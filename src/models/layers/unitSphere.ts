import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { ShapeError } from '../../errors.js';
import { formatShape } from '../../util/shape.js';

/**
 * Rows scaled to length 1, u = x / |x|: the hyperspherical module drops the magnitude of a latent.
 *
 * @param rows Shape [b, d].
 * @returns Shape [b, d]; a zero row becomes the first unit vector.
 * Numerics: rows are divided by their largest magnitude first, so no square over- or underflows.
 * Gradient: dx = (g - u (u.g)) / |x|, tangential, first order; 0 for a zero row.
 * @throws ShapeError for another rank than 2.
 * Reference: Zhang et al., Hyperspherical embedding for point cloud completion, 2023, section 3.2.
 */
export function unitSphere(rows: Tensor): Tensor2D {
  if (rows.rank !== 2) {
    const got = formatShape(rows.shape);
    throw new ShapeError({ op: 'unitSphere', arg: 'rows', expected: 'have shape [b, d]', got });
  }
  const scaled = tf.customGrad((...args) => {
    const [x, save] = args as [Tensor2D, tf.GradSaveFunc];
    const largest = tf.max(tf.abs(x), 1, true);
    const isZero = tf.cast(tf.equal(largest, 0), 'float32');
    const safe = tf.div(x, tf.add(largest, isZero));
    const d = x.shape[1];
    const first = tf.tensor2d(
      Float32Array.from({ length: d }, (_, j) => Number(j === 0)),
      [1, d],
    );
    const filled = tf.add(safe, tf.mul(isZero, first));
    const length = tf.sqrt(tf.sum(tf.square(filled), 1, true));
    const u = tf.div(filled, length);
    // 1 / |x|, and 0 for a zero row.
    const slope = tf.div(tf.sub(1, isZero), tf.mul(length, tf.add(largest, isZero)));
    save([u, slope]);
    return {
      value: u,
      gradFunc: (dy: Tensor, [unit, inverse]: Tensor[]) => {
        const along = tf.sum(tf.mul(dy, unit), 1, true);
        return tf.mul(tf.sub(dy, tf.mul(unit, along)), inverse);
      },
    };
  });
  return scaled(rows) as Tensor2D;
}
