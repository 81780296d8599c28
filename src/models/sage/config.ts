import type { MetricName } from '../../specs/metric.js';
import { z } from 'zod';
import { DomainError } from '../../errors.js';
import { choice, COUNT, flag, integer, parseConfig, positive, real, widths } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { checkTraining, trainingFields } from '../trainingFields.js';

/** Metrics of the neighbour search among latents: those without parameters, in both spellings. */
const BANK_METRICS = [
  'euclidean',
  'sqeuclidean',
  'manhattan',
  'cosine',
  'braycurtis',
  'canberra',
  'chebyshev',
  'cityblock',
  'correlation',
] as const satisfies readonly MetricName[];

const lossWeights = z.strictObject(
  {
    task: real(0, Infinity).default(1),
    reconstruction: real(0, Infinity).default(3),
    center: real(0, Infinity).default(0),
  },
  { error: 'be an object of weights' },
);

const stageRates = z.strictObject(
  {
    encoder: real(0, Infinity).default(1 / 3),
    head: real(0, Infinity).default(1 / 6),
    decoder: real(0, Infinity).default(1),
  },
  { error: 'be an object of factors' },
);

const schema = z.strictObject({
  version: z.literal(1, { error: 'be 1' }).default(1),
  task: choice('auto', 'classification', 'regression').default('auto'),
  architecture: choice('mlp', 'conv', 'conv-pool').default('mlp'),
  hidden: widths().default([384, 128]),
  convWidth: integer(1, COUNT).default(16),
  latentDim: integer(1, COUNT).default(32),
  headHidden: widths().default([20]),
  activation: choice('leakyRelu', 'relu').default('leakyRelu'),
  dropout: real(0, 0.95).default(0),
  standardize: z
    .union([z.boolean(), z.literal('auto')], { error: "be true, false or 'auto'" })
    .default('auto'),
  epochs: z
    .union([z.literal('auto'), integer(1, COUNT)], { error: "be 'auto' or an integer >= 1" })
    .default('auto'),
  batchSize: integer(1, COUNT).default(256),
  learningRate: positive().default(2e-3),
  ...trainingFields,
  lossWeights: lossWeights.prefault({}),
  training: choice('joint', 'two-stage').default('joint'),
  stageTwoRates: stageRates.prefault({}),
  k: integer(1, COUNT).default(25),
  metric: choice(...BANK_METRICS).default('manhattan'),
  bankLimit: integer(1, COUNT, 'null or an integer').nullable().default(null),
  calibrationFraction: real(0.001, 0.9).default(0.1),
  calibrationLimit: integer(1, COUNT, 'null or an integer').nullable().default(null),
  temperatureScaling: flag().default(true),
  reconstructionTest: choice('combined', 'error').default('combined'),
  ensemble: choice('geometric', 'harmonic', 'minimum').default('geometric'),
  compat: flag().default(false),
  seed: integer(0, 2 ** 32 - 1).default(1),
});

/**
 * Every hyper-parameter of a {@link Sage}, plain JSON. Defaults and meaning:
 *
 * - `task` ('auto'): 'classification' or 'regression'; 'auto' takes it from the targets.
 * - `architecture` ('mlp'): 'mlp' of `hidden` ([384, 128]) units, mirrored in the decoder; 'conv' is
 *   three 3x3 convolutions of stride 2 with `convWidth` (16), twice and twice as many channels and
 *   their mirror, for rows of shape [height, width, channels]; 'conv-pool' is two 3x3 convolutions of
 *   `convWidth` channels at full size, a 2x2 pooling and 196 units, and back.
 * - `latentDim` (32); `headHidden` ([20]) units between latents and output; `activation` ('leakyRelu',
 *   slope 0.01); `dropout` (0) after each hidden layer.
 * - `standardize` ('auto'): rows to mean 0 and standard deviation 1 per feature; 'auto' does so when
 *   rows are vectors (rank 1) and not when they are images.
 * - `epochs` ('auto'; per stage): 'auto' makes at least {@link AUTO_STEPS} steps, in 5 to 200 epochs;
 *   `batchSize` (256), `learningRate` (2e-3) of Adam, `learningRateDecay` ('cosine') to 0 over a stage,
 *   after `warmUpEpochs` (0) in which the rate rises.
 * - `optimizer` ('adam'): 'adamw' with `weightDecay` (null: 0.01), 'sgd' with `momentum` (0.9) and
 *   `weightDecay` (null: 0); biases do not decay. `clipNorm` (null = none): largest length of all gradients
 *   together.
 * - `patience` (null = never): a stage ends after so many epochs without a better loss and keeps the weights
 *   of its best epoch. The loss is that of `validationFraction` (0) of the training rows, which no step then
 *   sees but which stay in the bank; of the training steps when it is 0.
 * - `lossWeights` (task 1, reconstruction 3, center 0): the paper has 1, 1 and, where it uses a centre
 *   loss, .1.
 * - `training` ('joint'): 'two-stage' trains encoder and head first (task + centre), then everything
 *   (task + reconstruction) with the rates `stageTwoRates` (encoder 1/3, head 1/6, decoder 1) times
 *   `learningRate`: the authors' 1e-4, 5e-5, 3e-4 for a rate of 3e-4.
 * - `k` (25) neighbours by `metric` ('manhattan') among the training rows, of which a random
 *   `bankLimit` (null = all) are kept.
 * - `calibrationFraction` (0.1) of the rows given to fit is held out to calibrate, when no calibration
 *   set is given; at most `calibrationLimit` (null = all) calibration rows are used.
 * - `temperatureScaling` (true) of a classifier's logits on the calibration rows.
 * - `reconstructionTest` ('combined'): 'combined' asks whether a row's error is large, large where
 *   training rows have little, or too small; 'error' is the mean squared error, as with `compat`.
 * - `ensemble` ('geometric'): how the three probabilities become one: their 'geometric' mean, their
 *   'harmonic' mean, in which a small one counts more, or the 'minimum'.
 * - `compat` (false): the authors' definition of the scores, with its ties and zeros. It leaves
 *   `reconstructionTest` out of account.
 * - `seed` (1) of weights, order of rows, dropout and splits.
 */
export type SageConfig = DeepReadonly<z.output<typeof schema>>;

/** A {@link SageConfig} of which any part may be left out. */
export type SageConfigInput = DeepReadonly<z.input<typeof schema>>;

/** Steps of a stage that epochs 'auto' asks for, and the epochs that it stays within. */
export const AUTO_STEPS = 1000;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [5, 200];

/** Epochs of a stage for a number of training rows. */
export function epochsFor({ epochs, batchSize }: SageConfig, rows: number): number {
  if (epochs !== 'auto') return epochs;
  const wanted = Math.ceil(AUTO_STEPS / Math.ceil(rows / batchSize));
  return Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, wanted));
}

/** The test in use: the published scores know the error only. */
export function reconstructionTest({
  compat,
  reconstructionTest: asked,
}: SageConfig): SageConfig['reconstructionTest'] {
  return compat ? 'error' : asked;
}

/**
 * Check a config, from code or from a file, and fill in the defaults.
 * @returns A frozen config.
 * @throws DomainError naming the first field at fault, its rule and the value.
 */
export function parseSageConfig(value: unknown): SageConfig {
  const config = parseConfig('Sage', schema, value);
  checkTogether(config);
  return config;
}

/** Rules over several fields. */
function checkTogether(config: SageConfig): void {
  const { lossWeights: weights, training } = config;
  checkTraining('Sage', config);
  const refuse = (expected: string): void => {
    const got = JSON.stringify(weights);
    throw new DomainError({ op: 'Sage', arg: 'config.lossWeights', expected, got });
  };
  const supervised = weights.task + weights.center;
  if (training === 'two-stage' && supervised === 0) {
    refuse('have task or center above 0 for two-stage training');
  }
  if (supervised + weights.reconstruction === 0) refuse('have a weight above 0');
}
