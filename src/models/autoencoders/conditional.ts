import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import { sizeOf } from '../../util/shape.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  decodeBatch,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderCore, AutoencoderDefinition, TrainBatch } from '../autoencoder/index.js';
import { choice, integer, parseConfig, positive, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { trainingPass, weightedLoss } from './pass.js';

const OP = 'ConditionalAutoencoder';

const schema = z.strictObject({
  ...autoencoderFields,
  architecture: choice('mlp').default('mlp'),
  latentDim: integer(1).default(2),
  consistencyWeight: real(0).default(0),
  consistencyDeviation: positive().default(0.1),
});

/**
 * Every setting of a {@link ConditionalAutoencoder}: those of all autoencoders (docs/autoencoders.md), with
 * `latentDim` 2 and no architecture but 'mlp', and
 *
 * - `consistencyWeight` (0): of the consistency of latents under conditions that lie near each other;
 * - `consistencyDeviation` (0.1): standard deviation of the steps between such conditions, in their own scale.
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
    const { latents, reconstruction } = trainingPass(definition, core, batch);
    return weightedLoss({
      reconstruction: [1, () => reconstruction],
      consistency: [core.config.consistencyWeight, () => inconsistency(core, batch, latents)],
    });
  },
};

/** How far the rows of the same latents lie apart under conditions near each other, per squared step. */
function inconsistency(
  core: AutoencoderCore<ConditionalConfig, ConditionFacts>,
  { condition, noise }: TrainBatch,
  latents: Tensor2D,
): Scalar {
  if (condition === undefined) throw new Error('fit checks that there is a condition');
  const { consistencyDeviation } = core.config;
  const steps = Float32Array.from({ length: condition.size }, () => noise.normal());
  const moved = tf.add<Tensor2D>(
    condition,
    tf.mul(tf.tensor2d(steps, condition.shape), consistencyDeviation),
  );
  // Without dropout, whose masks would differ between the two.
  const here = decodeBatch(definition, core, latents, { condition });
  const there = decodeBatch(definition, core, latents, { condition: moved });
  return tf.div(tf.mean(tf.squaredDifference(there, here)), consistencyDeviation ** 2).asScalar();
}

/**
 * Conditional autoencoder: z = E(x, c), x' = D(z, c). What the condition c (the state of a robot, a class as
 * one-hot numbers, a position) says of a row need not be in its latents, and the same latents mean another row
 * under another condition. `fit`, `encode`, `decode` and `reconstruct` take `condition`, one row of numbers per
 * row, which enters as it is: scale it to order 1.
 *
 *     loss = R(D(z, c), x) + consistencyWeight mean_j (D(z, c + s e)_j - D(z, c)_j)^2 / s^2,
 *
 * e standard normal, s `consistencyDeviation`, the mean over all elements of the batch in the scale of the network's
 * input. For small s the second term is |dD/dc|_F^2 per element: the same latents do much the same under
 * conditions near each other. It is for conditions that are measured, not for one-hot numbers, between which there
 * is nothing. Gradients reach the encoder through z.
 *
 * The rows are said to be controllable when every one of them has latents that give it back under its condition:
 * that is what the reconstruction measures (`errors`), so it has no term of its own.
 *
 * Reference: Karamcheti et al., Learning visually guided latent actions for assistive teleoperation, 2021 (arXiv
 * 2105.00580), trained by the squared error alone; controllability and consistency as properties of latent actions:
 * Losey et al., Learning latent actions to control assistive robots, 2021 (arXiv 2107.02907). The penalty is this
 * package's way to ask for consistency.
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
