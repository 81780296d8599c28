import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../../errors.js';
import { pairwiseDistance } from '../../ops/pairwiseDistance.js';
import { formatShape } from '../../util/shape.js';

/**
 * Stress of latents against wanted distances: mean over ordered pairs i, j of a batch of
 * (|z_i - z_j| - D_ij)^2.
 *
 * @param latents Shape [b, d]. @param distances Wanted distances [b, b], symmetric, no gradient.
 * @returns Scalar >= 0.
 * Gradient: latents, first order; 0 for pairs that coincide.
 * Cost: O(b^2 d).
 * @throws ShapeError when the shapes do not go together.
 * Reference: Kruskal, Multidimensional scaling by optimizing goodness of fit, 1964, eq. 1 without its
 * normalisation; Duque et al., GAGA, 2024, use it between latents and manifold distances.
 */
export function distanceMatching(latents: Tensor, distances: Tensor): Scalar {
  checkSquare('distanceMatching', latents, distances);
  const found = pairwiseDistance(latents);
  return tf.mean(tf.squaredDifference(found, distances)).asScalar();
}

/** @throws ShapeError unless distances is [b, b] for latents [b, d]. */
export function checkSquare(op: string, latents: Tensor, distances: Tensor): void {
  const b = latents.shape[0];
  const [want, got] = [formatShape([b, b]), formatShape(distances.shape)];
  if (latents.rank === 2 && want === got) return;
  throw new ShapeError({ op, arg: 'distances', expected: `have shape ${want}`, got });
}
