import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../../errors.js';
import { formatShape } from '../../util/shape.js';

/**
 * Kullback-Leibler divergence of Gaussians of diagonal covariance from the standard one, mean over rows:
 * KL = (1 / (2 b)) sum_ij (exp(l_ij) + m_ij^2 - 1 - l_ij), l = log of the variance.
 *
 * @param means Shape [b, d]. @param logVariances Shape [b, d].
 * @returns Scalar >= 0, nats per row; 0 exactly for means and log-variances of 0.
 * Numerics: a log-variance above 88 overflows to Infinity, which training reports.
 * Gradient: m / b and (exp(l) - 1) / (2 b), of any order.
 * @throws ShapeError when the shapes differ.
 * Reference: Kingma, Welling, Auto-encoding variational Bayes, 2014, appendix B.
 */
export function gaussianDivergence(means: Tensor, logVariances: Tensor): Scalar {
  if (formatShape(means.shape) !== formatShape(logVariances.shape) || means.rank !== 2) {
    throw new ShapeError({
      op: 'gaussianDivergence',
      arg: 'logVariances',
      expected: `have the shape [b, d] of the means, ${formatShape(means.shape)}`,
      got: formatShape(logVariances.shape),
    });
  }
  const terms = tf.sub(tf.add(tf.exp(logVariances), tf.square(means)), tf.add(logVariances, 1));
  return tf.div(tf.sum(terms), 2 * means.shape[0]).asScalar();
}
