import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { BatchLoss } from '../../train/index.js';
import { decodeRaw, encodeBatch, reconstructionLoss } from '../autoencoder/index.js';
import type {
  AutoencoderConfig,
  AutoencoderCore,
  AutoencoderDefinition,
  Facts,
  TrainBatch,
} from '../autoencoder/index.js';

/** Latents of a training batch and how well they give the rows back. */
export interface Pass {
  /** Shape [b, latentDim]. */
  readonly latents: Tensor2D;
  readonly reconstruction: Scalar;
}

/** Encode what enters and compare what comes out with the rows of the batch. */
export function trainingPass<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
  { x, condition, noise }: TrainBatch,
  entering: Tensor = x,
  through: (latents: Tensor2D) => Tensor2D = (latents) => latents,
): Pass {
  const side = { condition, noise };
  const latents = encodeBatch(definition, core, entering, side);
  const raw = decodeRaw(definition, core, through(latents), side);
  return { latents, reconstruction: reconstructionLoss(core.config, raw, x) };
}

/** Parts of a loss with their weights, a part of weight 0 left out. */
export function weightedLoss(
  parts: Readonly<Record<string, readonly [weight: number, value: () => Scalar]>>,
): BatchLoss {
  const made: Record<string, Scalar> = {};
  const terms: Scalar[] = [];
  for (const [name, [weight, value]] of Object.entries(parts)) {
    if (weight === 0) continue;
    made[name] = value();
    terms.push(tf.mul(made[name], weight).asScalar());
  }
  return { total: tf.addN(terms).asScalar(), parts: made };
}
