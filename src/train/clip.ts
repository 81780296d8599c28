import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';

/** Limits of gradients, applied before the optimiser sees them: first `value`, then `norm`. */
export interface GradientClip {
  /**
   * Largest Euclidean length of all gradients together; longer ones are scaled by norm / (length + 1e-6)
   * (Pascanu, Mikolov, Bengio, 2013, algorithm 1; the constant is PyTorch's).
   */
  readonly norm?: number;
  /** Largest magnitude of every entry. */
  readonly value?: number;
}

/** Keeps the quotient finite, as in PyTorch's clip_grad_norm_. */
const TINY = 1e-6;

export type Gradients = Readonly<Record<string, Tensor>>;

/**
 * Gradients within the limits, and the length of them all before `norm` (after `value`), which is
 * infinite when their squares overflow float32. Runs inside a tidy; NaN stays NaN.
 */
export function clipGradients(
  gradients: Gradients,
  { norm, value }: GradientClip,
): { readonly gradients: Gradients; readonly length?: Scalar } {
  const limited = value === undefined ? gradients : mapped(gradients, (g) => limit(g, value));
  if (norm === undefined) return { gradients: limited };
  const squares = Object.values(limited).map((g) => tf.sum(tf.square(g)));
  const length = tf.sqrt(tf.addN(squares)).asScalar();
  const factor = tf.minimum(tf.div(norm, tf.add(length, TINY)), 1);
  return { gradients: mapped(limited, (g) => tf.mul(g, factor)), length };
}

function mapped(gradients: Gradients, change: (gradient: Tensor) => Tensor): Gradients {
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, change(gradient)]),
  );
}

/** Comparisons are false for NaN, which a clip by value would turn into a number on some backends. */
function limit(gradient: Tensor, value: number): Tensor {
  const low = tf.where(tf.less(gradient, -value), tf.fill(gradient.shape, -value), gradient);
  return tf.where(tf.greater(low, value), tf.fill(gradient.shape, value), low);
}
