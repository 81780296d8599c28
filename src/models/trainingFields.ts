import { DomainError, ShapeError } from '../errors.js';
import type { OptimizerSpec, TrainStage } from '../train/index.js';
import type { Rng } from '../util/rng.js';
import { choice, COUNT, integer, positive, real } from './fields.js';

/**
 * Settings of the training loop that every model has beside its rate; docs/training.md says what they mean. A model
 * spreads them into its own strict object.
 *
 * - `learningRateDecay` ('cosine') to 0 over a stage, after `warmUpEpochs` (0) in which the rate rises.
 * - `optimizer` ('adam'): 'adamw' with `weightDecay` (null: 0.01), 'sgd' with `momentum` (0.9) and
 *   `weightDecay` (null: 0); biases do not decay. `clipNorm` (null = none): largest length of all gradients
 *   together.
 * - `patience` (null = never): a stage ends after so many epochs without a better loss and keeps the weights
 *   of its best epoch. The loss is that of `validationFraction` (0) of the training rows, which no step then
 *   sees; of the training steps when it is 0.
 */
export const trainingFields = {
  learningRateDecay: choice('none', 'linear', 'cosine').default('cosine'),
  warmUpEpochs: real(0, Infinity).default(0),
  optimizer: choice('adam', 'adamw', 'sgd').default('adam'),
  weightDecay: real(0, Infinity).nullable().default(null),
  momentum: real(0, 0.999).default(0.9),
  clipNorm: positive().nullable().default(null),
  validationFraction: real(0, 0.9).default(0),
  patience: integer(1, COUNT, 'null or an integer').nullable().default(null),
};

/** See {@link trainingFields}. */
export interface TrainingSettings {
  readonly learningRateDecay: 'none' | 'linear' | 'cosine';
  readonly warmUpEpochs: number;
  readonly optimizer: 'adam' | 'adamw' | 'sgd';
  readonly weightDecay: number | null;
  readonly momentum: number;
  readonly clipNorm: number | null;
  readonly validationFraction: number;
  readonly patience: number | null;
}

/** Rules over several of the fields. @throws DomainError naming the field at fault. */
export function checkTraining(op: string, { optimizer, weightDecay }: TrainingSettings): void {
  if (optimizer !== 'adam' || weightDecay === null) return;
  throw new DomainError({
    op,
    arg: 'config.weightDecay',
    expected: "be null with optimizer 'adam'",
    got: String(weightDecay),
    fix: "Set optimizer to 'adamw'.",
  });
}

/** What the settings say of a stage. */
export function stageSettings(
  settings: TrainingSettings,
): Pick<TrainStage, 'decay' | 'optimizer' | 'clip' | 'stopping'> {
  const { learningRateDecay, warmUpEpochs, clipNorm, patience } = settings;
  const kind = learningRateDecay === 'none' ? 'constant' : learningRateDecay;
  return {
    decay: { kind, warmUpEpochs },
    optimizer: optimizerOf(settings),
    ...(clipNorm !== null && { clip: { norm: clipNorm } }),
    ...(patience !== null && { stopping: { patience } }),
  };
}

function optimizerOf({ optimizer, weightDecay, momentum }: TrainingSettings): OptimizerSpec {
  const decay = weightDecay === null ? {} : { weightDecay };
  switch (optimizer) {
    case 'adam':
      return { kind: 'adam' };
    case 'adamw':
      return { kind: 'adamw', ...decay };
    case 'sgd':
      return { kind: 'sgd', momentum, ...decay };
  }
}

/**
 * Which of some rows are kept from the steps: a random part, at least one unless the fraction is 0.
 * @returns Positions below `count`, ascending. @throws ShapeError when no row would be left to train on.
 */
export function drawValidation(
  op: string,
  count: number,
  { validationFraction: fraction }: TrainingSettings,
  rng: Rng,
): { readonly training: Int32Array; readonly validation: Int32Array } {
  const held = fraction === 0 ? 0 : Math.max(1, Math.round(fraction * count));
  if (held > 0 && held >= count) {
    throw new ShapeError({
      op,
      arg: 'x',
      expected: 'have at least two rows to train on with validationFraction above 0',
      got: `${count} rows`,
    });
  }
  const { drawn, rest } = rng.draw(count, held);
  return { training: rest, validation: drawn };
}
