import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { Manifold } from '../manifolds/index.js';
import { checkNumber, RiemannianOptimizer } from './riemannianOptimizer.js';
import type { OptimizerState, RiemannianOptions, StepInput } from './riemannianOptimizer.js';
import { withDecay } from './riemannianSgd.js';

export interface RiemannianAdamOptions extends RiemannianOptions {
  /** In [0, 1), default 0.9. */
  readonly beta1?: number;
  /** In [0, 1), default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
  /** Divide by the largest second moment so far. Default false. */
  readonly amsgrad?: boolean;
  /** Added to the Euclidean gradient, times the point. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Adam on manifolds: m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) |g|_x^2 with the Riemannian
 * gradient g, x <- exp_x(-rate m^ / (sqrt(v^) + epsilon)) with m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t);
 * m is carried to the new point by parallel transport.
 *
 * v is one number per point, on a product one per factor of each point, and on R^d one per coordinate:
 * there it is the usual Adam. A step's length is about the rate, whatever the gradient's. Note that on
 * the Poincaré ball lengths near the origin are twice the coordinates.
 * @throws DomainError for a rate, beta, epsilon, decay or stabilizeEvery out of range.
 * Reference: Bécigneul, Ganea, Riemannian Adaptive Optimization Methods, 2019, figure 1 (RAMSGrad; without
 * the maximum, RAdam).
 */
export class RiemannianAdam extends RiemannianOptimizer {
  static readonly className = 'RiemannianAdam';
  protected readonly op = 'RiemannianAdam';
  protected readonly tangents = ['first'];
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;
  private readonly amsgrad: boolean;
  private readonly weightDecay: number;

  constructor(options: RiemannianAdamOptions = {}) {
    const op = 'RiemannianAdam';
    super(op, options);
    const {
      beta1 = 0.9,
      beta2 = 0.999,
      epsilon = 1e-8,
      amsgrad = false,
      weightDecay = 0,
    } = options;
    checkNumber(op, 'beta1', beta1, beta1 >= 0 && beta1 < 1, 'be in [0, 1)');
    checkNumber(op, 'beta2', beta2, beta2 >= 0 && beta2 < 1, 'be in [0, 1)');
    checkNumber(op, 'epsilon', epsilon, epsilon > 0, 'be finite, above 0');
    checkNumber(op, 'weightDecay', weightDecay, weightDecay >= 0, 'be finite, >= 0');
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    this.amsgrad = amsgrad;
    this.weightDecay = weightDecay;
  }

  protected initialState(manifold: Manifold, point: Tensor): OptimizerState {
    const first = tf.zerosLike(point);
    const second = manifold.tiledInner(point, first, first);
    const state = { first, second };
    return this.amsgrad ? { ...state, largest: tf.zerosLike(second) } : state;
  }

  protected direction({ manifold, point, gradient, state, step }: StepInput): {
    direction: Tensor;
    state: OptimizerState;
  } {
    const { beta1, beta2, epsilon } = this;
    const slope = manifold.egradToRgrad(point, withDecay(gradient, point, this.weightDecay));
    const squared = manifold.tiledInner(point, slope, slope);
    const first = tf.add(tf.mul(state.first, beta1), tf.mul(slope, 1 - beta1));
    const second = tf.add(tf.mul(state.second, beta2), tf.mul(squared, 1 - beta2));
    const largest = this.amsgrad ? tf.maximum(state.largest, second) : second;
    const root = tf.sqrt(tf.div(largest, 1 - beta2 ** step));
    const direction = tf.div(tf.div(first, 1 - beta1 ** step), tf.add(root, epsilon));
    return { direction, state: { first, second, ...(this.amsgrad ? { largest } : {}) } };
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { beta1, beta2, epsilon, amsgrad, weightDecay } = this;
    return { ...super.getConfig(), beta1, beta2, epsilon, amsgrad, weightDecay };
  }
}
