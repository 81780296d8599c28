import { z } from 'zod';
import { DomainError } from '../../errors.js';
import { choice, COUNT, integer, positive, real, widths } from '../fields.js';
import { checkTraining, trainingFields } from '../trainingFields.js';
import type { TrainingSettings } from '../trainingFields.js';

/**
 * Fields that every autoencoder has; a model spreads them into its own strict object and may replace
 * defaults. Meaning:
 *
 * - `architecture` ('mlp'): 'mlp' of `hidden` ([128, 64]) units, mirrored in the decoder; 'conv' is one
 *   convolution of `filter` (4) and stride 2 for each of `channels` ([16, 32, 64]) and their mirror, for
 *   rows of shape [height, width, channels].
 * - `latentDim` (16). `activation` ('leakyRelu') with `slope` (0.01). `dropout` (0) after each hidden layer.
 * - `standardize` ('auto'): rows to mean 0 and standard deviation 1 per feature; 'auto' does so when rows
 *   are vectors (rank 1) that are compared by squared error.
 * - `reconstructionLoss` ('mse'): mean squared error per element; 'bce' is binary cross-entropy of a
 *   sigmoid output, for rows in [0, 1].
 * - `epochs` ('auto'): 'auto' makes at least {@link AUTO_STEPS} steps, in 5 to 200 epochs; `batchSize`
 *   (128); `learningRate` (1e-3), and the settings of training of {@link trainingFields}: optimiser, schedule,
 *   clipping, validation, early stopping.
 * - `seed` (1) of weights, order of rows and all noise.
 */
export const autoencoderFields = {
  version: z.literal(1, { error: 'be 1' }).default(1),
  architecture: choice('mlp', 'conv').default('mlp'),
  hidden: widths().default([128, 64]),
  channels: widths().default([16, 32, 64]),
  filter: integer(1, 64).default(4),
  latentDim: integer(1).default(16),
  activation: choice('leakyRelu', 'relu', 'tanh').default('leakyRelu'),
  slope: real(0, 1).default(0.01),
  dropout: real(0, 0.95).default(0),
  standardize: z
    .union([z.boolean(), z.literal('auto')], { error: "be true, false or 'auto'" })
    .default('auto'),
  reconstructionLoss: choice('mse', 'bce').default('mse'),
  epochs: z
    .union([z.literal('auto'), integer(1, COUNT)], { error: "be 'auto' or an integer >= 1" })
    .default('auto'),
  batchSize: integer(1).default(128),
  learningRate: positive().default(1e-3),
  ...trainingFields,
  seed: integer(0, 2 ** 32 - 1).default(1),
};

/** What the base reads of a model's config; see {@link autoencoderFields}. */
export interface AutoencoderConfig extends TrainingSettings {
  readonly version: 1;
  readonly architecture: 'mlp' | 'conv';
  readonly hidden: readonly number[];
  readonly channels: readonly number[];
  readonly filter: number;
  readonly latentDim: number;
  readonly activation: 'leakyRelu' | 'relu' | 'tanh';
  readonly slope: number;
  readonly dropout: number;
  readonly standardize: boolean | 'auto';
  readonly reconstructionLoss: 'mse' | 'bce';
  readonly epochs: 'auto' | number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** Steps that epochs 'auto' asks for, and the epochs that it stays within. */
export const AUTO_STEPS = 1000;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [5, 200];

/** Epochs for a number of training rows. */
export function epochsFor(
  { epochs, batchSize }: Pick<AutoencoderConfig, 'epochs' | 'batchSize'>,
  rows: number,
): number {
  if (epochs !== 'auto') return epochs;
  const wanted = Math.ceil(AUTO_STEPS / Math.ceil(rows / batchSize));
  return Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, wanted));
}

/**
 * Rules over several of the shared fields; a model's own parse calls it.
 * @throws DomainError naming the field at fault.
 */
export function checkShared<C extends AutoencoderConfig>(op: string, config: C): C {
  checkTraining(op, config);
  if (config.reconstructionLoss === 'bce' && config.standardize === true) {
    throw new DomainError({
      op,
      arg: 'config.standardize',
      expected: "be false or 'auto' for reconstructionLoss 'bce', which needs rows in [0, 1]",
      got: 'true',
    });
  }
  if (config.architecture === 'conv' && config.channels.length === 0) {
    const expected = "be one or more integers for architecture 'conv'";
    throw new DomainError({ op, arg: 'config.channels', expected, got: '[]' });
  }
  return config;
}

/** Whether rows of a shape are scaled before they enter the network. */
export function scalesRows(
  { standardize, reconstructionLoss }: AutoencoderConfig,
  rowShape: readonly number[],
): boolean {
  if (standardize !== 'auto') return standardize;
  return rowShape.length === 1 && reconstructionLoss === 'mse';
}
