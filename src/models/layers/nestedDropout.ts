import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../../errors.js';
import type { Rng } from '../../util/rng.js';
import { formatShape } from '../../util/shape.js';

/**
 * Nested dropout: of every row only the first K latents are kept, K drawn anew for each row with
 * P(K = k) proportional to q^k, k = 1..d. The earlier a latent, the more often it is there, so the most
 * important ones come first.
 *
 * @param latents Shape [b, d]. @param rng Draws K. @param keep q in (0, 1]; 1 draws K uniformly.
 * @returns Shape [b, d].
 * Gradient: latents, times the same mask.
 * @throws ShapeError for another rank than 2; DomainError for keep outside (0, 1].
 * Reference: Rippel, Gelbart, Adams, Learning ordered representations with nested dropout, 2014, section 2
 * (for a linear autoencoder the solution is PCA in order: theorem 2).
 */
export function nestedDropout(latents: Tensor, rng: Rng, keep = 1): Tensor2D {
  const op = 'nestedDropout';
  if (latents.rank !== 2) {
    const got = formatShape(latents.shape);
    throw new ShapeError({ op, arg: 'latents', expected: 'have shape [b, d]', got });
  }
  if (!(keep > 0 && keep <= 1)) {
    throw new DomainError({ op, arg: 'keep', expected: 'lie in (0, 1]', got: String(keep) });
  }
  const [b, d] = latents.shape as [number, number];
  const mask = new Float32Array(b * d);
  for (let i = 0; i < b; i++) mask.fill(1, i * d, i * d + prefixLength(rng.uniform(), d, keep));
  return tf.mul(latents, tf.tensor2d(mask, [b, d]));
}

/** The K with P(K <= k) = (1 - q^k) / (1 - q^d) (k / d for q = 1), from a uniform number in [0, 1). */
export function prefixLength(uniform: number, d: number, keep: number): number {
  const drawn = keep === 1 ? uniform * d : Math.log1p(-uniform * (1 - keep ** d)) / Math.log(keep);
  return Math.min(d, Math.floor(drawn) + 1);
}
