import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import type { Rng } from '../../util/rng.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderDefinition } from '../autoencoder/index.js';
import { choice, parseConfig, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { trainingPass, weightedLoss } from './pass.js';

const OP = 'DenoisingAutoencoder';

const schema = z.strictObject({
  ...autoencoderFields,
  corruption: choice('gaussian', 'zeros').default('gaussian'),
  deviation: real(0).default(0.5),
  fraction: real(0, 1).default(0.3),
});

/**
 * Every setting of a {@link DenoisingAutoencoder}: those of all autoencoders (docs/autoencoders.md), and
 *
 * - `corruption` ('gaussian'): normal noise of standard deviation `deviation` (0.5) is added to every element
 *   in the scale of the network's input; 'zeros' sets a random `fraction` (0.3) of the elements to 0.
 */
export type DenoisingConfig = DeepReadonly<z.output<typeof schema>>;
export type DenoisingConfigInput = DeepReadonly<z.input<typeof schema>>;

/** Rows with fresh noise. */
function corrupted(x: Tensor, config: DenoisingConfig, noise: Rng): Tensor {
  const { corruption, deviation, fraction } = config;
  const values = Float32Array.from({ length: x.size }, () =>
    corruption === 'gaussian' ? deviation * noise.normal() : Number(noise.uniform() >= fraction),
  );
  const drawn = tf.tensor(values, x.shape);
  return corruption === 'gaussian' ? tf.add(x, drawn) : tf.mul(x, drawn);
}

const definition: AutoencoderDefinition<DenoisingConfig> = {
  model: 'denoising',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  plan: (op, config, rowShape) => planAutoencoder(op, config, rowShape),
  loss: (core, batch) => {
    const entering = corrupted(batch.x, core.config, batch.noise);
    const { reconstruction } = trainingPass(definition, core, batch, entering);
    return weightedLoss({ reconstruction: [1, () => reconstruction] });
  },
};

/**
 * Denoising autoencoder: rows enter with noise and are compared with themselves without it, so that
 * `reconstruct` moves a row towards the training data. The noise is drawn anew at every step.
 *
 * loss = mean |D(E(x + noise)) - x|^2.
 *
 * Reference: Vincent, Larochelle, Bengio, Manzagol, Extracting and composing robust features with denoising
 * autoencoders, 2008, section 2.3 ('zeros'); Vincent et al., Stacked denoising autoencoders, 2010 ('gaussian').
 * @example
 * const model = await new DenoisingAutoencoder({ deviation: 0.5 }).fit(x);
 * const cleaned = await model.reconstruct(noisy);
 */
export class DenoisingAutoencoder extends Autoencoder<DenoisingConfig> {
  constructor(config: DenoisingConfigInput = {}) {
    super(definition, config);
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): DenoisingAutoencoder {
    return new DenoisingAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
