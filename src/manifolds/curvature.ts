import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';

/**
 * A curvature c > 0 that is learnt: c = softplus(raw) = log(1 + e^raw), so that any step of any
 * optimiser of R leaves it positive. `raw` is a trainable variable, on which gradients of everything
 * that a manifold with this curvature computes arrive.
 * @param initial c at the start, > 0, default 1.
 * @throws DomainError for another number.
 */
export class LearntCurvature {
  readonly raw: Variable;

  constructor(initial = 1) {
    if (!(initial > 0 && Number.isFinite(initial))) {
      throw new DomainError({
        op: 'LearntCurvature',
        arg: 'initial',
        expected: 'be a finite number above 0',
        got: String(initial),
      });
    }
    // For large c softplus is the identity, and e^c would overflow.
    const raw = initial > 30 ? initial : Math.log(Math.expm1(initial));
    this.raw = tf.tidy(() => tf.variable(tf.scalar(raw)));
  }

  /** c as a scalar tensor, which the caller disposes of. */
  value(): Tensor {
    return tf.softplus(this.raw);
  }

  dispose(): void {
    this.raw.dispose();
  }
}

/** A fixed curvature, or one that is learnt. */
export type Curvature = number | LearntCurvature;

/** Run `body` with the curvature as it is now; of a learnt one nothing is left but the result. */
export function withCurvature(c: Curvature, body: (c: number | Tensor) => Tensor): Tensor {
  return typeof c === 'number' ? body(c) : tf.tidy(() => body(c.value()));
}
