import { Adam } from './adam.js';
import { checkNumber } from './checks.js';
import { Sgd } from './sgd.js';
import type { OptimizerGroup, TrainOptimizer } from './trainOptimizer.js';

interface AdamConstants {
  /** Decay of the mean of gradients, in [0, 1). Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1). Default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the second moment. Default 1e-7, as in tfjs. */
  readonly epsilon?: number;
  /**
   * One pass over weights and moments instead of an operation after the other. Pays where every operation
   * is a pass over slow memory or a launch on a device, and costs where rows are computed in float64 on
   * the host; `npm run bench -- adam` measures both. The last bits differ. Default: whether it pays on the
   * active backend.
   */
  readonly fused?: boolean;
}

/**
 * How gradients move weights. g is the gradient, a the learning rate at the step t = 1, 2, ...
 * - `adam` (Kingma, Ba, 2015, algorithm 1): m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2,
 *   w <- w - a m^ / (sqrt(v^) + epsilon) with m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t).
 * - `adamw` (Loshchilov, Hutter, Decoupled Weight Decay Regularization, 2019, algorithm 2, as in PyTorch):
 *   w <- (1 - a weightDecay) w, then Adam's step. weightDecay is 0.01 by default.
 * - `sgd` (PyTorch's): g <- g + weightDecay w, b <- momentum b + g,
 *   w <- w - a b, or with `nesterov` w <- w - a (g + momentum b). weightDecay and momentum are 0 by default.
 *
 * Only the `decayed` variables of a group decay.
 */
export type OptimizerSpec =
  | ({ readonly kind: 'adam' } & AdamConstants)
  | ({ readonly kind: 'adamw'; readonly weightDecay?: number } & AdamConstants)
  | {
      readonly kind: 'sgd';
      /** In [0, 1). */
      readonly momentum?: number;
      readonly nesterov?: boolean;
      readonly weightDecay?: number;
    };

/** @throws DomainError naming the field that is out of range. */
export function checkOptimizer(op: string, arg: string, spec: OptimizerSpec): void {
  const share = (field: string, value: number): void =>
    checkNumber(op, `${arg}.${field}`, value, value >= 0 && value < 1, 'be in [0, 1)');
  const size = (field: string, value: number): void =>
    checkNumber(op, `${arg}.${field}`, value, value >= 0, 'be a finite number >= 0');
  switch (spec.kind) {
    case 'sgd': {
      const { momentum = 0, nesterov = false, weightDecay = 0 } = spec;
      share('momentum', momentum);
      size('weightDecay', weightDecay);
      const expected = 'be above 0 with nesterov';
      if (nesterov) checkNumber(op, `${arg}.momentum`, momentum, momentum > 0, expected);
      return;
    }
    case 'adamw':
      size('weightDecay', spec.weightDecay ?? 0);
      break;
    case 'adam':
      break;
  }
  share('beta1', spec.beta1 ?? 0);
  share('beta2', spec.beta2 ?? 0);
  const { epsilon = 1e-7 } = spec;
  checkNumber(op, `${arg}.epsilon`, epsilon, epsilon > 0, 'be a finite number > 0');
}

/** An optimiser of one group, before its first step. The caller disposes of it. */
export function makeOptimizer(spec: OptimizerSpec, group: OptimizerGroup): TrainOptimizer {
  switch (spec.kind) {
    case 'adam':
      return new Adam(group, { ...spec, weightDecay: 0 });
    case 'adamw':
      return new Adam(group, { weightDecay: 0.01, ...spec });
    case 'sgd':
      return new Sgd(group, spec);
  }
}
