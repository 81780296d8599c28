import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import { sizeOf } from '../../util/shape.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderDefinition } from '../autoencoder/index.js';
import { choice, integer, parseConfig } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { trainingPass, weightedLoss } from './pass.js';

const OP = 'ConditionalAutoencoder';

const schema = z.strictObject({
  ...autoencoderFields,
  architecture: choice('mlp').default('mlp'),
  latentDim: integer(1).default(2),
});

/**
 * Every setting of a {@link ConditionalAutoencoder}: those of all autoencoders (docs/autoencoders.md), with
 * `latentDim` 2 and no architecture but 'mlp'.
 */
export type ConditionalConfig = DeepReadonly<z.output<typeof schema>>;
export type ConditionalConfigInput = DeepReadonly<z.input<typeof schema>>;

/** Numbers of a condition. */
type ConditionFacts = Readonly<Record<'conditions', number>>;

const readFacts = (value: unknown): ConditionFacts =>
  z.object({ conditions: z.number().int().min(1) }).parse(value);

const definition: AutoencoderDefinition<ConditionalConfig, ConditionFacts> = {
  model: 'conditional',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  conditioned: true,
  facts: (_op, _config, { condition }) => ({ conditions: sizeOf(condition?.rowShape ?? []) }),
  readFacts,
  plan: (op, config, rowShape, { conditions }) =>
    planAutoencoder(op, config, rowShape, { conditions }),
  loss: (core, batch) => {
    const { reconstruction } = trainingPass(definition, core, batch);
    return weightedLoss({ reconstruction: [1, () => reconstruction] });
  },
};

/**
 * Conditional autoencoder: z = E(x, c), x' = D(z, c). What the condition c (the state of a robot, a class as
 * one-hot numbers, a position) says of a row need not be in its latents, and the same latents mean another row
 * under another condition. `fit`, `encode`, `decode` and `reconstruct` take `condition`, one row of numbers per
 * row, which enters as it is: scale it to order 1.
 *
 * Reference: Losey et al., Learning latent actions to control assistive robots, 2021; Karamcheti et al.,
 * Learning visually guided latent actions, 2021, eq. 1.
 */
export class ConditionalAutoencoder extends Autoencoder<ConditionalConfig, ConditionFacts> {
  constructor(config: ConditionalConfigInput = {}) {
    super(definition, config);
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): ConditionalAutoencoder {
    return new ConditionalAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
