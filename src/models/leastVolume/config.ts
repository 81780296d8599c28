import { z } from 'zod';
import { DomainError } from '../../errors.js';
import { autoencoderFields, checkShared } from '../autoencoder/index.js';
import { choice, flag, integer, parseConfig, positive, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';

export const OP = 'LeastVolume';

const pruning = z.strictObject(
  {
    rule: choice('none', 'threshold', 'plummet').default('none'),
    threshold: positive().nullable().default(null),
    ratio: real(0, 1).default(0.02),
    beta: real(0, 0.9999).nullable().default(null),
    fromEpoch: integer(1).default(1),
  },
  { error: 'be an object of settings' },
);

const schema = z.strictObject({
  ...autoencoderFields,
  latentDim: integer(1).default(32),
  slope: real(0, 1).default(0.2),
  // Dropout scales what it keeps, so a decoder with it would not be 1-Lipschitz.
  dropout: z.literal(0, { error: 'be 0 for a 1-Lipschitz decoder' }).default(0),
  penalty: choice('leastVolume', 'l1', 'lasso', 'studentT', 'none').default('leastVolume'),
  lambda: real(0).default(1e-3),
  eta: real(0).default(1),
  lipschitz: flag().default(true),
  warmUp: integer(0, 10_000).default(100),
  liveRatio: real(0, 1).default(0.01),
  pruning: pruning.prefault({}),
});

/**
 * Hyper-parameters of a {@link LeastVolume}: those of every autoencoder (`autoencoderFields`; here latentDim 32,
 * slope .2, no dropout) and:
 *
 * - `penalty` ('leastVolume'): 'l1' (mean standard deviation), 'lasso' (mean |z|), 'studentT'
 *   (mean log(1 + z^2)) and 'none' are for comparison. `lambda` (1e-3) weighs it.
 * - `eta` (1): added to each standard deviation in the volume. Small: a purer volume with steeper
 *   gradients; large: towards 'l1'.
 * - `lipschitz` (true): the decoder's layers are divided by the norm of their linear map, estimated by
 *   power iteration: `warmUp` (100) steps before training and after it, one after every update.
 * - `liveRatio` (.01): a latent is live when its standard deviation is above this part of the largest.
 * - `pruning.rule` ('none') freezes latents at their running mean while training, from `fromEpoch` (1) on:
 *   'threshold' the flattest latent when |x - x'| (root of the mean over rows of the squared norm) plus its
 *   standard deviation is below `threshold`; 'plummet' all whose standard deviation is below `ratio` (.02)
 *   times that before the steepest fall. Running means keep `beta` (null: .8 and .9) of the past.
 */
export type LeastVolumeConfig = DeepReadonly<z.output<typeof schema>>;

/** A {@link LeastVolumeConfig} of which any part may be left out. */
export type LeastVolumeConfigInput = DeepReadonly<z.input<typeof schema>>;

/**
 * Check a config, from code or from a file, and fill in the defaults.
 * @returns A frozen config.
 * @throws DomainError naming the first field at fault, its rule and the value.
 */
export function parseLeastVolumeConfig(value: unknown): LeastVolumeConfig {
  const config = checkShared(OP, parseConfig(OP, schema, value));
  const { rule, threshold } = config.pruning;
  if (rule === 'threshold' && threshold === null) {
    throw new DomainError({
      op: OP,
      arg: 'config.pruning.threshold',
      expected: "be given for pruning rule 'threshold'",
      got: 'null',
      fix: "Give the reconstruction error |x - x'| that you can bear.",
    });
  }
  if (config.batchSize < 2) {
    const expected = 'be an integer >= 2: a standard deviation needs two rows';
    throw new DomainError({ op: OP, arg: 'config.batchSize', expected, got: '1' });
  }
  return config;
}
