import { DomainError } from '../errors.js';

/** Where a loss stopped being finite. */
export interface Divergence {
  readonly stage: string;
  /** What is not finite: a part of the loss, the gradients, or the weights. */
  readonly what: string;
  readonly value: number;
  /** Steps done, over all stages, with the one at fault. */
  readonly step: number;
  /** Step of the last checkpoint, if checkpoints are made: everything in it is finite. */
  readonly lastGood?: number | undefined;
  readonly hasCheckpoints: boolean;
}

/** A loss, the gradients or the weights became NaN or infinite. */
export class DivergenceError extends DomainError {
  readonly stage: string;
  readonly step: number;
  /** Step of the last good checkpoint; undefined when there is none. */
  readonly lastGood: number | undefined;

  constructor({ stage, what, value, step, lastGood, hasCheckpoints }: Divergence) {
    const checkpoint =
      lastGood === undefined
        ? 'No checkpoint was made before it.'
        : `The checkpoint of step ${lastGood} is good.`;
    super({
      op: 'train',
      arg: `${what} of stage '${stage}'`,
      expected: 'stay finite',
      got: `${value} at step ${step}`,
      fix:
        'Lower learningRate, or check the scale of the rows and targets.' +
        (hasCheckpoints ? ` ${checkpoint}` : ''),
    });
    this.stage = stage;
    this.step = step;
    this.lastGood = lastGood;
  }
}
