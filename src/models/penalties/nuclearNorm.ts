import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { ShapeError } from '../../errors.js';
import { FLOAT32_TINY } from '../../numerics.js';
import { formatShape } from '../../util/shape.js';

/**
 * Odd polynomials a s + b s^3 + c s^5 that take singular values in (0, 1] towards 1. The first multiplies
 * small ones by 3.4 and keeps all others in [0.68, 1.21], the second ends there: from 0.68 three rounds
 * leave an error below float32 rounding.
 */
const [GROW, SETTLE] = [
  [3.4445, -4.775, 2.0315],
  [15 / 8, -10 / 8, 3 / 8],
] as const;
const ROUNDS = [...new Array<typeof GROW>(8).fill(GROW), SETTLE, SETTLE, SETTLE];

/**
 * Nuclear norm of a matrix, the sum of its singular values: ||M||_* = tr(M^T P) with the polar factor
 * P = U V^T of M = U S V^T.
 *
 * P comes from eleven rounds of Newton-Schulz iteration of fifth order on the device, so nothing is read
 * back during training.
 *
 * @param matrix Shape [m, n], float32.
 * @returns Scalar >= 0.
 * Numerics: singular values above 1e-4 of the Frobenius norm enter with a relative error below 1e-5; a
 * smaller one enters with a share of itself, so the error is at most the sum of those.
 * Gradient: P = U V^T, first order. Where a singular value is 0 its direction has (nearly) no share in P: the
 * subgradient of least norm; a zero matrix has gradient 0.
 * Cost: 33 products of size min(m, n)^2 max(m, n); memory of a few matrices.
 * @throws ShapeError for another rank than 2.
 * Reference: Watson, Characterization of the subdifferential of some matrix norms, 1992 (gradient);
 * Higham, Functions of Matrices, 2008, section 8.3 (iteration).
 */
export function nuclearNorm(matrix: Tensor): Scalar {
  if (matrix.rank !== 2) {
    throw new ShapeError({
      op: 'nuclearNorm',
      arg: 'matrix',
      expected: 'have rank 2',
      got: `shape ${formatShape(matrix.shape)}`,
    });
  }
  const norm = tf.customGrad((...args) => {
    const [m, save] = args as [Tensor2D, tf.GradSaveFunc];
    const polar = polarFactor(m);
    save([polar]);
    return {
      value: tf.sum(tf.mul(m, polar)),
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(dy, saved),
    };
  });
  return norm(matrix).asScalar();
}

/** U V^T of a matrix U S V^T, by rounds of X (a + b A + c A^2), A = X^T X on its smaller side. */
export function polarFactor(matrix: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const wide = matrix.shape[0] < matrix.shape[1];
    const length = tf.maximum(tf.sqrt(tf.sum(tf.square(matrix))), FLOAT32_TINY);
    let x: Tensor2D = tf.div(wide ? tf.transpose(matrix) : matrix, length);
    for (const [a, b, c] of ROUNDS) {
      const gram = tf.matMul(x, x, true, false);
      const powers = tf.add(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c));
      x = tf.add(tf.mul(x, a), tf.matMul(x, powers));
    }
    return wide ? tf.transpose(x) : x;
  });
}
