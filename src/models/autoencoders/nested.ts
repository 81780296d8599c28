import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderDefinition } from '../autoencoder/index.js';
import { parseConfig, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { nestedDropout } from '../layers/nestedDropout.js';
import { trainingPass, weightedLoss } from './pass.js';

const OP = 'NestedDropoutAutoencoder';

const schema = z.strictObject({ ...autoencoderFields, keep: real(1e-3, 1).default(1) });

/**
 * Every setting of a {@link NestedDropoutAutoencoder}: those of all autoencoders (docs/autoencoders.md), and
 * `keep` (1): the number of latents that are kept is k with probability proportional to keep^k; 1 is uniform.
 */
export type NestedDropoutConfig = DeepReadonly<z.output<typeof schema>>;
export type NestedDropoutConfigInput = DeepReadonly<z.input<typeof schema>>;

const definition: AutoencoderDefinition<NestedDropoutConfig> = {
  model: 'nestedDropout',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  plan: (op, config, rowShape) => planAutoencoder(op, config, rowShape),
  loss: (core, batch) => {
    const { reconstruction } = trainingPass(definition, core, batch, batch.x, (latents) =>
      nestedDropout(latents, batch.noise, core.config.keep),
    );
    return weightedLoss({ reconstruction: [1, () => reconstruction] });
  },
};

/**
 * Autoencoder with ordered latents: in training every row keeps only its first k latents, k drawn at random, so
 * that the first latents carry the most. Cutting latents off the end degrades reconstruction as little as that
 * many latents allow; a linear one gives the principal components in their order.
 *
 * Reference: Rippel, Gelbart, Adams, Learning ordered representations with nested dropout, 2014, section 3.
 */
export class NestedDropoutAutoencoder extends Autoencoder<NestedDropoutConfig> {
  constructor(config: NestedDropoutConfigInput = {}) {
    super(definition, config);
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): NestedDropoutAutoencoder {
    return new NestedDropoutAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
