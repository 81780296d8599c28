import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { Moments, TrainOptimizer } from './trainOptimizer.js';
import type { OptimizerGroup } from './trainOptimizer.js';

export interface SgdOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

/** Stochastic gradient descent with momentum as PyTorch defines it: see OptimizerSpec. */
export class Sgd extends TrainOptimizer {
  protected readonly kinds: readonly Moments[];
  protected powers: readonly number[] = [];
  private readonly momentum: number;
  private readonly nesterov: boolean;
  private readonly weightDecay: number;

  constructor(
    group: OptimizerGroup,
    { momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions,
  ) {
    super(group);
    this.momentum = momentum;
    this.nesterov = nesterov;
    this.weightDecay = weightDecay;
    this.kinds = momentum === 0 ? [] : [new Moments(group)];
  }

  protected beginStep(): void {
    // Nothing is shared by the variables of a step.
  }

  protected endStep(): void {
    // As above.
  }

  protected step(variable: Variable, gradient: Tensor, i: number, decays: boolean): Tensor {
    const slope =
      decays && this.weightDecay > 0
        ? tf.add(gradient, tf.mul(variable, this.weightDecay))
        : gradient;
    return tf.sub(variable, tf.mul(this.direction(slope, i), this.rate));
  }

  private direction(slope: Tensor, i: number): Tensor {
    if (this.momentum === 0) return slope;
    const velocity = this.kinds[0].at(i);
    const next = tf.add(tf.mul(velocity, this.momentum), slope);
    velocity.assign(next);
    return this.nesterov ? tf.add(slope, tf.mul(next, this.momentum)) : next;
  }
}
