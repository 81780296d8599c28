import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { VOLUME_FLOOR } from '../../numerics.js';

/** What keeps latents small. */
export type Penalty = 'leastVolume' | 'l1' | 'lasso' | 'studentT' | 'none';

/**
 * Unbiased standard deviation of every latent over a batch: sqrt(sum_r (z_ri - mean_i)^2 / (b - 1)).
 * @param z Shape [b, d] with b >= 2. @returns Shape [d], >= 0.
 * Gradient: (z_ri - mean_i) / ((b - 1) std_i); 0 where the latent is constant. First order.
 */
export function batchDeviations(z: Tensor2D): Tensor1D {
  const deviations = tf.customGrad<Tensor>((...args) => {
    const [values, save] = args as [Tensor2D, tf.GradSaveFunc];
    const rest = values.shape[0] - 1;
    const centred = tf.sub(values, tf.mean(values, 0, true));
    const std = tf.sqrt(tf.div(tf.sum(tf.square(centred), 0), rest));
    save([centred, std]);
    return {
      value: std,
      gradFunc: (dy: Tensor, [from, spread]: Tensor[]) =>
        tf.div(tf.mul(dy, tf.divNoNan(from, spread.expandDims(0))), rest),
    };
  });
  return deviations(z) as Tensor1D;
}

/** Mean over the latents that are kept: sum_i mask_i x_i / sum_i mask_i. */
function meanKept(x: Tensor, mask: Tensor1D): Scalar {
  return tf.div(tf.sum(tf.mul(x, mask)), tf.sum(mask));
}

/**
 * Volume of the latent set: exp(mean_i log(std_i + eta)), the geometric mean of std_i + eta over the
 * latents that are kept. For eta = 0 it is the volume of the box of standard deviations to the power
 * 1 / d; for eta to infinity its differences tend to those of mean std.
 * @param deviations Shape [d]. @param mask Shape [d]: 1 for latents that are kept, 0 for pruned ones.
 * @returns Scalar > 0. Gradient: volume / (kept (std_i + eta)); 0 where std_i + eta < VOLUME_FLOOR.
 * Reference: Chen, Fuge, Compressing Latent Space via Least Volume, 2024 (arXiv 2404.17773).
 */
export function leastVolume(deviations: Tensor1D, eta: number, mask: Tensor1D): Scalar {
  const floored = tf.maximum(tf.add(deviations, eta), VOLUME_FLOOR);
  return tf.exp(meanKept(tf.log(floored), mask));
}

/**
 * The penalty that is weighed by lambda:
 * - leastVolume: {@link leastVolume};
 * - l1: mean_i std_i;
 * - lasso: mean over rows and latents of |z|;
 * - studentT: mean over rows and latents of log(1 + z^2) (Ranzato, Boureau, LeCun, 2007).
 * @param z Latents [b, d]. @param mask As for {@link leastVolume}.
 */
export function latentPenalty(
  kind: Exclude<Penalty, 'none'>,
  z: Tensor2D,
  eta: number,
  mask: Tensor1D,
): Scalar {
  switch (kind) {
    case 'leastVolume':
      return leastVolume(batchDeviations(z), eta, mask);
    case 'l1':
      return meanKept(batchDeviations(z), mask);
    case 'lasso':
      return meanKept(tf.mean(tf.abs(z), 0), mask);
    case 'studentT':
      return meanKept(tf.mean(tf.log(tf.add(tf.square(z), 1)), 0), mask);
  }
}

/** Number of kept latents whose deviation is above `ratio` times the largest; no gradient. */
export function liveCount(deviations: Tensor1D, ratio: number, mask: Tensor1D): Scalar {
  const kept = tf.mul(deviations, mask);
  return tf.sum(tf.cast(tf.greater(kept, tf.mul(tf.max(kept), ratio)), 'float32'));
}
