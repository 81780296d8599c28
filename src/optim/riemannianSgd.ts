import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { Manifold } from '../manifolds/index.js';
import { checkNumber, RiemannianOptimizer } from './riemannianOptimizer.js';
import type { OptimizerState, RiemannianOptions, StepInput } from './riemannianOptimizer.js';

export interface RiemannianSgdOptions extends RiemannianOptions {
  /** In [0, 1), default 0: the tangent of past steps is transported along. */
  readonly momentum?: number;
  /** Look ahead along the momentum. Default false. */
  readonly nesterov?: boolean;
  /** Added to the Euclidean gradient, times the point. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent on manifolds: x <- exp_x(-rate b), b = momentum b + grad f, where b is
 * carried to the new point by parallel transport. With `nesterov` the step is along
 * grad f + momentum b.
 * @throws DomainError for a rate, momentum, decay or stabilizeEvery out of range.
 * Reference: Bonnabel, Stochastic Gradient Descent on Riemannian Manifolds, 2013, section 2.
 */
export class RiemannianSgd extends RiemannianOptimizer {
  static readonly className = 'RiemannianSgd';
  protected readonly op = 'RiemannianSgd';
  protected readonly tangents = ['momentum'];
  private readonly momentum: number;
  private readonly nesterov: boolean;
  private readonly weightDecay: number;

  constructor(options: RiemannianSgdOptions = {}) {
    super('RiemannianSgd', options);
    const { momentum = 0, nesterov = false, weightDecay = 0 } = options;
    const op = 'RiemannianSgd';
    checkNumber(op, 'momentum', momentum, momentum >= 0 && momentum < 1, 'be in [0, 1)');
    checkNumber(op, 'weightDecay', weightDecay, weightDecay >= 0, 'be finite, >= 0');
    this.momentum = momentum;
    this.nesterov = nesterov;
    this.weightDecay = weightDecay;
  }

  protected initialState(_manifold: Manifold, point: Tensor): OptimizerState {
    return this.momentum === 0 ? {} : { momentum: tf.zerosLike(point) };
  }

  protected direction({ manifold, point, gradient, state }: StepInput): {
    direction: Tensor;
    state: OptimizerState;
  } {
    const decayed = withDecay(gradient, point, this.weightDecay);
    const slope = manifold.egradToRgrad(point, decayed);
    if (this.momentum === 0) return { direction: slope, state: {} };
    const momentum = tf.add(tf.mul(state.momentum, this.momentum), slope);
    const ahead = tf.add(slope, tf.mul(momentum, this.momentum));
    return { direction: this.nesterov ? ahead : momentum, state: { momentum } };
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { momentum, nesterov, weightDecay } = this;
    return { ...super.getConfig(), momentum, nesterov, weightDecay };
  }
}

/** gradient + decay x, before the metric. */
export function withDecay(gradient: Tensor, point: Tensor, decay: number): Tensor {
  return decay === 0 ? gradient : tf.add(gradient, tf.mul(point, decay));
}
