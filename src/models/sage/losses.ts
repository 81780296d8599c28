import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { BatchLoss } from '../../train/index.js';

/** Weights of the parts of the loss; a part of weight 0 is not computed. */
export interface LossWeights {
  readonly task: number;
  readonly reconstruction: number;
  readonly center: number;
}

/**
 * Mean cross-entropy of a batch: mean_i (logsumexp_j z_ij - sum_j y_ij z_ij).
 * @param logits Shape [b, classes]. @param oneHot Shape [b, classes], rows sum to 1, no gradient.
 * @returns Scalar >= 0, nats.
 * Numerics: the largest logit is taken out before the exponential, so nothing overflows.
 * Gradient: d/dz = (softmax(z) - y) / b, first order.
 */
export function crossEntropy(logits: Tensor, oneHot: Tensor): Scalar {
  const perRow = tf.customGrad<Tensor>((...args) => {
    const [z, save] = args as [Tensor, tf.GradSaveFunc];
    const top = tf.max(z, 1, true);
    const exponentials = tf.exp(tf.sub(z, top));
    const sums = tf.sum(exponentials, 1, true);
    const shifted = tf.sub(tf.mul(z, oneHot).sum(1, true), top);
    // The labels too: tfjs frees what the forward pass made before it runs the backward pass.
    save([tf.div(exponentials, sums), oneHot]);
    return {
      value: tf.sub(tf.log(sums), shifted).reshape([-1]),
      gradFunc: (dy: Tensor, [softmax, labels]: Tensor[]) =>
        tf.mul(tf.sub(softmax, labels), dy.reshape([-1, 1])),
    };
  });
  return tf.mean(perRow(logits));
}

/**
 * Mean squared difference over all elements of two tensors of one shape.
 * @returns Scalar >= 0. Gradient: both arguments.
 */
export function meanSquaredError(predicted: Tensor, actual: Tensor): Scalar {
  return tf.mean(tf.squaredDifference(predicted, actual));
}

/**
 * Centre loss: (1 / b) sum_i |z_i - c_{y_i}|^2, the squared distance of latents to the centre of their
 * class.
 * @param latents Shape [b, d]. @param oneHot Shape [b, classes]. @param centers Shape [classes, d].
 * @returns Scalar >= 0. Gradient: latents; centres move by {@link movedCenters}.
 * Reference: Wen, Zhang, Li, Qiao, A Discriminative Feature Learning Approach for Deep Face
 * Recognition, 2016, eq. 2 (theirs has a factor 1/2, SAGE's authors' has none).
 */
export function centerLoss(latents: Tensor, oneHot: Tensor2D, centers: Tensor2D): Scalar {
  const own = tf.matMul(oneHot, centers);
  return tf.mean(tf.sum(tf.squaredDifference(latents, own), 1));
}

/**
 * Centres after a batch: c_j + a sum_{i: y_i = j} (z_i - c_j) / (1 + n_j), with a = 1/2.
 * Reference: Wen et al., 2016, eq. 4. SAGE's authors move the centre row by row with the same rate,
 * which makes it depend on the order of rows; this form does not.
 */
export function movedCenters(latents: Tensor2D, oneHot: Tensor2D, centers: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const counts = tf.sum(oneHot, 0).reshape([-1, 1]);
    const sums = tf.matMul(oneHot, latents, true, false);
    const pull = tf.sub(sums, tf.mul(centers, counts));
    return tf.add(centers, tf.mul(CENTER_RATE, tf.div(pull, tf.add(counts, 1))));
  });
}

/** Rate at which centres follow their class, as in SAGE's code. */
const CENTER_RATE = 0.5;

/** What a forward pass of a batch gives the loss. */
export interface SageForward {
  /** Shape [b, d]. */
  readonly latents: Tensor;
  /** Shape [b, classes] or [b, 1]. */
  readonly output: Tensor;
  /** Shape [b, ...row]; left out when reconstruction has no weight. */
  readonly reconstruction?: Tensor;
}

/** What the forward pass is compared with. */
export interface SageTruth {
  readonly x: Tensor;
  /** One-hot labels [b, classes], or scaled values [b, 1]. */
  readonly y: Tensor;
  readonly task: 'classification' | 'regression';
  /** Shape [classes, d]; for the centre loss. */
  readonly centers?: Tensor2D;
}

/**
 * The loss of SAGE: w_task * (cross-entropy or squared error) + w_reconstruction * mean squared
 * reconstruction error + w_center * centre loss.
 * @returns The weighted total, and the unweighted parts that have a weight.
 * Reference: Schreyer, Anderson, Thompson, SAGE, 2025 (arXiv 2502.16329): joint training.
 */
export function sageLoss(forward: SageForward, truth: SageTruth, weights: LossWeights): BatchLoss {
  const parts: Record<string, Scalar> = {};
  if (weights.task > 0) {
    parts.task =
      truth.task === 'classification'
        ? crossEntropy(forward.output, truth.y)
        : meanSquaredError(forward.output, truth.y);
  }
  if (forward.reconstruction !== undefined && weights.reconstruction > 0) {
    parts.reconstruction = meanSquaredError(forward.reconstruction, truth.x);
  }
  if (truth.centers !== undefined && weights.center > 0) {
    parts.center = centerLoss(forward.latents, truth.y as Tensor2D, truth.centers);
  }
  const weighted = Object.entries(parts).map(([name, value]) =>
    tf.mul(value, weights[name as keyof LossWeights]),
  );
  return { total: tf.addN(weighted).asScalar(), parts };
}
