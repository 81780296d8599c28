import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { Moments, TrainOptimizer } from './trainOptimizer.js';
import type { OptimizerGroup } from './trainOptimizer.js';

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled: w <- (1 - rate weightDecay) w before the step. */
  readonly weightDecay: number;
}

/**
 * Adam, and AdamW with a weight decay: see OptimizerSpec. The operations and their order are those of
 * tfjs's Adam, so that weights are the same to the bit; tfjs's keeps its state to itself, and leaves the
 * powers of beta out of what it saves.
 */
export class Adam extends TrainOptimizer {
  protected readonly kinds: readonly [Moments, Moments];
  protected powers: readonly number[];
  private readonly betas: readonly [number, number];
  private readonly epsilon: number;
  private readonly weightDecay: number;
  /** 1 - beta^t of the step under way. */
  private corrections: readonly Scalar[] = [];

  constructor(
    group: OptimizerGroup,
    { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, weightDecay }: AdamOptions,
  ) {
    super(group);
    this.betas = [beta1, beta2];
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
    this.powers = [Math.fround(beta1), Math.fround(beta2)];
    this.kinds = [new Moments(group), new Moments(group)];
  }

  protected beginStep(): void {
    this.corrections = this.powers.map((power) => tf.scalar(1 - power));
  }

  /** In float32, as if the powers were tensors. */
  protected endStep(): void {
    this.powers = this.powers.map((power, i) => Math.fround(power * Math.fround(this.betas[i])));
  }

  protected step(variable: Variable, gradient: Tensor, i: number, decays: boolean): Tensor {
    const [beta1, beta2] = this.betas;
    const [first, second] = this.kinds.map((kind) => kind.at(i));
    const mean = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
    const square = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
    const [unbiasedMean, unbiasedSquare] = [
      tf.div(mean, this.corrections[0]),
      tf.div(square, this.corrections[1]),
    ];
    first.assign(mean);
    second.assign(square);
    const direction = tf.div(unbiasedMean, tf.add(tf.sqrt(unbiasedSquare), this.epsilon));
    const shrink = decays ? 1 - this.rate * this.weightDecay : 1;
    const start = shrink === 1 ? variable : tf.mul(variable, shrink);
    return tf.add(tf.mul(direction, -this.rate), start);
  }
}
