import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { DomainError } from '../../errors.js';
import type { Rng } from '../../util/rng.js';
import { sizeOf } from '../../util/shape.js';
import { linearise } from '../layers/tangents.js';
import type { LayerChain } from '../layers/tangents.js';

/** How many vectors a Jacobian is seen through, and where they come from. */
export interface JacobianProbes {
  /**
   * 'exact' takes every unit vector of the narrower side; a number takes that many random sign vectors, whose
   * mean is unbiased. Default 'exact'.
   */
  readonly probes?: 'exact' | number;
  /** Draws the signs; needed for a number of probes. */
  readonly rng?: Rng;
}

/**
 * Squared Frobenius norm of the Jacobian of a chain of layers, mean over rows: (1 / b) sum_i |J(x_i)|_F^2.
 * With the encoder it is the penalty of contractive autoencoders, with the decoder a smoothness penalty.
 *
 * Vectors v pass through the narrower side (pulled back through an encoder, pushed through a decoder):
 * |J|_F^2 = sum_k |J^T e_k|^2 = E |J^T v|^2 for random signs v (Hutchinson).
 *
 * @param chain Layers and weights. @param x Shape [b, ...in]. @param options Probes.
 * @returns Scalar >= 0.
 * Gradient: weights and x, through tanh and sigmoid; slopes of rectifiers are constants.
 * Cost: one pass of the layers per probe.
 * @throws DomainError for a number of probes that is no integer >= 1, or without a generator.
 * Reference: Rifai et al., Contractive auto-encoders, 2011, eq. 7; Hutchinson, A stochastic estimator of the
 * trace of the influence matrix, 1990.
 */
export function jacobianPenalty(
  chain: LayerChain,
  x: Tensor,
  { probes = 'exact', rng }: JacobianProbes = {},
): Scalar {
  checkProbes(probes, rng);
  const { value, push, pull } = linearise(chain, x);
  const [inShape, outShape] = [x.shape.slice(1), value.shape.slice(1)];
  const narrowIn = sizeOf(inShape) < sizeOf(outShape);
  const shape = narrowIn ? inShape : outShape;
  const size = sizeOf(shape);
  const count = probes === 'exact' ? size : probes;
  const norms = Array.from({ length: count }, (_, k) => {
    const vector = Float32Array.from(
      { length: size * (rng === undefined ? 1 : x.shape[0]) },
      (_v, j) =>
        rng === undefined || probes === 'exact' ? Number(j % size === k) : 2 * rng.int(2) - 1,
    );
    const rows = tf.tensor(vector, [vector.length / size, ...shape]);
    const every = tf.add(rows, tf.zeros([x.shape[0], ...shape]));
    return tf.sum(tf.square(narrowIn ? push(every) : pull(every))).asScalar();
  });
  const scale = probes === 'exact' ? 1 : 1 / probes;
  // One by one: a sum of many tensors at once exceeds the bindings of a GPU.
  const total = norms.reduce((sum, norm) => tf.add(sum, norm));
  return tf.mul(total, scale / x.shape[0]).asScalar();
}

function checkProbes(probes: 'exact' | number, rng: Rng | undefined): void {
  const op = 'jacobianPenalty';
  if (probes === 'exact') return;
  if (!(Number.isInteger(probes) && probes >= 1)) {
    const expected = "be 'exact' or an integer >= 1";
    throw new DomainError({ op, arg: 'probes', expected, got: String(probes) });
  }
  if (rng !== undefined) return;
  throw new DomainError({ op, arg: 'rng', expected: 'be given with random probes', got: 'none' });
}
