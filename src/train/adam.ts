import * as tf from '@tensorflow/tfjs';
import type { Variable } from '@tensorflow/tfjs';
import type { SavedArray } from '../util/artifacts.js';
import { savedVariable } from './savedVariable.js';

/** The usual constants of Adam (Kingma, Ba, 2015, algorithm 1), epsilon as in tfjs. */
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-7];

interface Moment {
  readonly originalName: string;
  readonly variable: Variable;
}

/** State of tfjs's Adam, which it keeps to itself: its own getWeights leaves the powers of beta out. */
interface AdamState {
  readonly accBeta1: Variable;
  readonly accBeta2: Variable;
  accumulatedFirstMoment: Moment[];
  accumulatedSecondMoment: Moment[];
}

/** What the next update follows from, on the host. */
export interface SavedAdam {
  /** beta1^t and beta2^t. */
  readonly powers: readonly [number, number];
  /** First moments of the variables that have been updated, then as many second moments. */
  readonly moments: readonly SavedArray[];
}

/** tfjs's Adam with a learning rate that can change between steps, and a state that can be saved. */
export class ScheduledAdam extends tf.AdamOptimizer {
  constructor(private readonly baseRate: number) {
    super(baseRate, BETA1, BETA2, EPSILON);
  }

  /** Set the rate to `factor` times the one that it was made with. */
  scaleRate(factor: number): void {
    this.learningRate = this.baseRate * factor;
  }

  async save(): Promise<SavedAdam> {
    const { accBeta1, accBeta2, accumulatedFirstMoment, accumulatedSecondMoment } = this.#state;
    const [first, second] = [(await accBeta1.data())[0], (await accBeta2.data())[0]];
    return {
      powers: [first, second],
      moments: await Promise.all(
        [...accumulatedFirstMoment, ...accumulatedSecondMoment].map(({ variable }) =>
          savedVariable(variable),
        ),
      ),
    };
  }

  /** Go on from a saved state, in place of that of a new optimiser. */
  restore({ powers, moments }: SavedAdam): void {
    const state = this.#state;
    tf.tidy(() => {
      state.accBeta1.assign(tf.scalar(powers[0]));
      state.accBeta2.assign(tf.scalar(powers[1]));
    });
    const made = moments.map(({ shape, data }, i) => ({
      originalName: `restored/${i}`,
      variable: tf.tidy(() => tf.variable(tf.tensor(data, [...shape], 'float32'), false)),
    }));
    state.accumulatedFirstMoment = made.slice(0, made.length / 2);
    state.accumulatedSecondMoment = made.slice(made.length / 2);
  }

  get #state(): AdamState {
    return this as unknown as AdamState;
  }
}
