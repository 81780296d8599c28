import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../../../errors.js';
import type { Manifold } from '../../../manifolds/index.js';
import { formatShape } from '../../../util/shape.js';

export interface AttentionOptions {
  /** Divides distances. A number, or a scalar to learn it. Default 1. */
  readonly temperature?: number | Tensor;
  /** Boolean [..., n, m]: keys that a query may see. A query that sees none sees all alike. */
  readonly mask?: Tensor;
}

/** Logit of keys that are masked: finite, so that a row of them has no NaN. */
const MASKED = -1e30;

/**
 * Attention on a manifold: every query gets the centroid of the values, weighted by
 * softmax_j(-d(query_i, key_j) / temperature). With the Lorentz model the centroid is the Einstein midpoint.
 * @param query Points [..., n, d]. @param key Points [..., m, d]. @param value Points [..., m, e].
 * @returns Points [..., n, e]. Gradient: all, and a learnt curvature. Cost: O(n m (d + e)) time and memory.
 * @throws ShapeError if ranks are below 2 or keys and values differ in number.
 * Reference: Gulcehre et al., Hyperbolic Attention Networks, 2019.
 */
export function hyperbolicAttention(
  manifold: Manifold,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { temperature = 1, mask }: AttentionOptions = {},
): Tensor {
  for (const [arg, tensor] of Object.entries({ query, key, value })) {
    if (tensor.rank >= 2) continue;
    throw new ShapeError({
      op: 'hyperbolicAttention',
      arg,
      expected: 'have shape [..., rows, features], rank 2 or more',
      got: `shape ${formatShape(tensor.shape)}`,
    });
  }
  const m = key.shape[key.rank - 2];
  if (value.shape[value.rank - 2] !== m) {
    throw new ShapeError({
      op: 'hyperbolicAttention',
      arg: 'value',
      expected: `have as many rows as key, ${m}`,
      got: `shape ${formatShape(value.shape)}`,
    });
  }
  return tf.tidy(() => {
    const distances = manifold.dist(tf.expandDims(query, -2), tf.expandDims(key, -3));
    const logits = tf.neg(tf.div(distances, temperature));
    const seen =
      mask === undefined
        ? logits
        : tf.where(mask.broadcastTo(logits.shape), logits, tf.fill(logits.shape, MASKED));
    return manifold.centroid(tf.expandDims(value, -3), tf.softmax(seen));
  });
}
