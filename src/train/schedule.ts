import { DomainError } from '../errors.js';

/** How the learning rate falls over a stage of training. */
export type Decay = 'none' | 'linear' | 'cosine';

interface WarmUp {
  /** Epochs, not always whole ones, over which the rate first rises from about 0. Default 0. */
  readonly warmUpEpochs?: number;
}

/**
 * Course of the learning rate over a stage, as a factor of it. S are the steps of the stage after the
 * warm-up, s the steps done since then, and e = s / steps per epoch:
 * - `constant`: 1;
 * - `linear`: from 1 to `final` (default 0), 1 - (1 - final) s/S;
 * - `cosine`: final + (1 - final) (1 + cos(pi s/S)) / 2 (Loshchilov, Hutter, SGDR, 2017, eq. 5, one cycle);
 * - `step`: factor^floor(e / everyEpochs);
 * - `exponential`: factor^e, in every step a little.
 *
 * A warm-up of W steps comes in front: (w + 1) / (W + 1) in its step w.
 */
export type Schedule =
  | Decay
  | ({ readonly kind: 'constant' } & WarmUp)
  | ({ readonly kind: 'linear' | 'cosine'; readonly final?: number } & WarmUp)
  | ({ readonly kind: 'step'; readonly everyEpochs: number; readonly factor: number } & WarmUp)
  | ({ readonly kind: 'exponential'; readonly factor: number } & WarmUp);

type Plan = Exclude<Schedule, Decay>;

function planOf(schedule: Schedule): Plan {
  if (typeof schedule !== 'string') return schedule;
  return { kind: schedule === 'none' ? 'constant' : schedule };
}

/**
 * Factor of the learning rate at a step, see {@link Schedule}.
 * @param step 0-based. @param steps Steps of the stage.
 * @param stepsPerEpoch Unit of what a schedule counts in epochs.
 */
export function rateFactor(
  schedule: Schedule,
  step: number,
  steps: number,
  stepsPerEpoch = 1,
): number {
  const plan = planOf(schedule);
  const warmUp = Math.round((plan.warmUpEpochs ?? 0) * stepsPerEpoch);
  if (step < warmUp) return (step + 1) / (warmUp + 1);
  const done = (step - warmUp) / (steps - warmUp);
  const epochs = (step - warmUp) / stepsPerEpoch;
  switch (plan.kind) {
    case 'constant':
      return 1;
    case 'linear':
      return between(plan.final, 1 - done);
    case 'cosine':
      return between(plan.final, (1 + Math.cos(Math.PI * done)) / 2);
    case 'step':
      return plan.factor ** Math.floor(epochs / plan.everyEpochs);
    case 'exponential':
      return plan.factor ** epochs;
  }
}

/** `left` (1 to 0) on the way from 1 to `final`. */
function between(final = 0, left: number): number {
  return final === 0 ? left : final + (1 - final) * left;
}

/** @throws DomainError naming the field of the schedule that is out of range. */
export function checkSchedule(op: string, arg: string, schedule: Schedule): void {
  const plan = planOf(schedule);
  const check = (field: string, value: number, holds: boolean, expected: string): void => {
    if (holds && Number.isFinite(value)) return;
    throw new DomainError({ op, arg: `${arg}.${field}`, expected, got: String(value) });
  };
  const { warmUpEpochs = 0 } = plan;
  check('warmUpEpochs', warmUpEpochs, warmUpEpochs >= 0, 'be a finite number >= 0');
  switch (plan.kind) {
    case 'constant':
      return;
    case 'linear':
    case 'cosine': {
      const { final = 0 } = plan;
      check('final', final, final >= 0, 'be a finite number >= 0');
      return;
    }
    case 'step':
      check('everyEpochs', plan.everyEpochs, plan.everyEpochs > 0, 'be a finite number > 0');
      check('factor', plan.factor, plan.factor > 0, 'be a finite number > 0');
      return;
    case 'exponential':
      check('factor', plan.factor, plan.factor > 0, 'be a finite number > 0');
  }
}
