import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import { SLAB_ELEMENTS } from '../numerics.js';
import { resolveMetric } from '../specs/metric.js';
import type { Metric, MetricName } from '../specs/metric.js';
import { pairwiseDistanceSpec } from '../specs/pairwiseDistance.js';
import { checkRowSets, checkRowTensor } from './checks.js';
import { dispatch } from './dispatch.js';

export interface PairwiseDistanceOptions {
  /** Default 'euclidean'. Aliases: l2; l1, cityblock = manhattan. */
  readonly metric?: MetricName;
}

/**
 * Distances between every row of x and every row of y.
 *
 * euclidean: |x - y|; sqeuclidean: |x - y|^2; manhattan: sum |x_f - y_f|;
 * cosine: 1 - x.y / (|x| |y|), and 1 when either vector is zero.
 *
 * @param x Rows, shape [..., n, d], float32.
 * @param y Rows, shape [..., m, d], float32; batch dimensions broadcast with those of x. Default: x.
 * @param options.metric Default 'euclidean'.
 * @returns Distances, shape [..., n, m], float32, >= 0 (cosine: in [0, 2]); NaN where a row holds NaN.
 *
 * Numerics: computed from differences, never from |x|^2 + |y|^2 - 2 x.y, so near-duplicates do not
 * collapse to 0, x against itself has an exactly zero diagonal (cosine: to rounding), and a common
 * translation changes nothing beyond rounding of the inputs. Bounds per backend: docs/numerics.md.
 * Gradient: x and y, any order except manhattan (first; its second is 0 almost everywhere); 0 where
 * rows coincide (euclidean, manhattan: a chosen subgradient) and at zero vectors (cosine).
 * Cost: O(n m d) time; nothing of size n m d is stored.
 * @throws ShapeError if a rank is below 2, the feature counts differ or batch shapes do not broadcast.
 * @throws DtypeError if a tensor is not float32. @throws DomainError for an unknown metric.
 * @example
 * pairwiseDistance([[0, 0]], [[3, 4], [0, 1]]).print(); // [[5, 1]]
 */
export function pairwiseDistance(
  x: Tensor | TensorLike,
  y?: Tensor | TensorLike,
  options: PairwiseDistanceOptions = {},
): Tensor {
  const op = pairwiseDistanceSpec.op;
  const metric = resolveMetric(op, options.metric ?? 'euclidean');
  return tf.tidy(() => {
    const xRows = checkRowTensor(op, 'x', x);
    const yRows = y === undefined ? xRows : checkRowTensor(op, 'y', y);
    const sets = checkRowSets(op, ['x', xRows], ['y', yRows]);
    const distances = differentiable(sets.a, sets.b, metric);
    return distances.reshape([...sets.batchShape, sets.a.shape[1], sets.b.shape[1]]);
  });
}

function differentiable(x: Tensor3D, y: Tensor3D, metric: Metric): Tensor3D {
  const withGradient = tf.customGrad<Tensor>((...args) => {
    const [a, b, save] = args as [Tensor3D, Tensor3D, tf.GradSaveFunc];
    save([a, b]);
    const [value] = dispatch(pairwiseDistanceSpec, { x: a, y: b }, { metric }, () => [
      composed(a, b, metric),
    ]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) =>
        gradient(dy as Tensor3D, saved[0] as Tensor3D, saved[1] as Tensor3D, metric),
    };
  });
  return withGradient(x, y) as Tensor3D;
}

// Composed form

function composed(x: Tensor3D, y: Tensor3D, metric: Metric): Tensor {
  if (x.size === 0 || y.size === 0) {
    // No rows, or no features: an empty sum is 0, and the angle of zero vectors is defined as 1.
    return tf.fill([x.shape[0], x.shape[1], y.shape[1]], metric === 'cosine' ? 1 : 0);
  }
  if (metric === 'cosine') {
    const similarity = tf.matMul(unitRows(x), unitRows(y), false, true);
    const distance = tf.sub(1, similarity);
    // Not clipByValue: on some backends it turns NaN into the lower bound.
    return tf.where(tf.less(distance, 0), tf.zerosLike(distance), distance);
  }
  const slabs = overSlabs(x, y, (rows) => {
    const difference = tf.sub(rows.expandDims(2), y.expandDims(1));
    if (metric === 'manhattan') return sumFeatures(tf.abs(difference));
    const squared = sumFeatures(tf.square(difference));
    return metric === 'euclidean' ? tf.sqrt(squared) : squared;
  });
  return slabs.length === 1 ? slabs[0] : tf.concat(slabs, 1);
}

/** Apply `body` to slabs of the rows of x so small that a [B, rows, m, d] temporary fits the bound. */
function overSlabs(
  x: Tensor3D,
  y: Tensor3D,
  body: (rows: Tensor3D, start: number) => Tensor,
): Tensor[] {
  const [batch, n, d] = x.shape;
  const perRow = batch * y.shape[1] * d;
  const step = Math.max(1, Math.floor(SLAB_ELEMENTS / Math.max(1, perRow)));
  const out: Tensor[] = [];
  for (let start = 0; start < n; start += step) {
    const count = Math.min(step, n - start);
    out.push(tf.tidy(() => body(x.slice([0, start, 0], [-1, count, -1]), start)));
  }
  return out;
}

/**
 * Sum over the last axis in blocks of 64: some backends add one by one in float32, whose error grows
 * with the number of terms; two levels keep it at 64 + d / 64 roundings.
 */
function sumFeatures(x: Tensor): Tensor {
  const block = 64;
  const d = x.shape[x.rank - 1];
  if (d <= block) return tf.sum(x, -1);
  const whole = Math.floor(d / block) * block;
  const lead = x.shape.slice(0, -1);
  const begin = lead.map(() => 0);
  const head = x.slice([...begin, 0], [...lead, whole]).reshape([...lead, whole / block, block]);
  const sum = tf.sum(tf.sum(head, -1), -1);
  return whole === d
    ? sum
    : tf.add(sum, tf.sum(x.slice([...begin, whole], [...lead, d - whole]), -1));
}

/** Rows divided by their length; a zero row stays zero. Scaled first, so that squares do not overflow. */
function unitRows(x: Tensor3D): Tensor3D {
  const largest = tf.max(tf.abs(x), -1, true);
  const scaled = tf.div(x, tf.where(tf.greater(largest, 0), largest, tf.onesLike(largest)));
  const length = tf.sqrt(tf.sum(tf.square(scaled), -1, true));
  return tf.div(scaled, tf.where(tf.greater(length, 0), length, tf.onesLike(length)));
}

// Gradient: lazily per input, in tfjs ops.
//
// sqeuclidean: d/dx_i = sum_j 2 g_ij (x_i - y_j); euclidean: the same with g_ij / D_ij for 2 g_ij, 0
// where D_ij = 0. As W = those weights: dx = rowSum(W) x - W y, dy = colSum(W) y - W^T x, two
// products and no [n, m, d] buffer; both sets are first moved by the mean of y, which changes no
// difference and keeps the subtraction from cancelling far from the origin.
// manhattan: sum_j g_ij sign(x_i - y_j), in slabs.
// cosine, u = x/|x|, v = y/|y|: dx = -(P - (u.P) u)/|x| with P = G v; 0 where x = 0.

function gradient(dy: Tensor3D, x: Tensor3D, y: Tensor3D, metric: Metric): Tensor[] {
  if (x.size === 0 || y.size === 0) return [tf.zerosLike(x), tf.zerosLike(y)];
  const transposed = tf.transpose(dy, [0, 2, 1]);
  switch (metric) {
    case 'sqeuclidean':
      return weighted(tf.mul(dy, 2), x, y);
    case 'euclidean': {
      const distance = differentiable(x, y, 'euclidean');
      const apart = tf.greater(distance, 0);
      const weights = tf.div(dy, tf.where(apart, distance, tf.onesLike(distance)));
      return weighted(tf.where(apart, weights, tf.zerosLike(weights)) as Tensor3D, x, y);
    }
    case 'manhattan':
      return [signSum(dy, x, y), signSum(transposed, y, x)];
    case 'cosine':
      return [cosineSide(dy, x, y), cosineSide(transposed, y, x)];
  }
}

function weighted(weights: Tensor3D, x: Tensor3D, y: Tensor3D): Tensor[] {
  const centre = tf.mean(y, 1, true);
  const a = tf.sub(x, centre);
  const b = tf.sub(y, centre);
  const dx = tf.sub(tf.mul(tf.sum(weights, 2, true), a), tf.matMul(weights, b));
  const columns = tf.transpose(tf.sum(weights, 1, true), [0, 2, 1]);
  const dyRows = tf.sub(tf.mul(columns, b), tf.matMul(weights, a, true, false));
  return [dx, dyRows];
}

function signSum(dy: Tensor3D, x: Tensor3D, y: Tensor3D): Tensor {
  const slabs = overSlabs(x, y, (rows, start) => {
    const signs = tf.sign(tf.sub(rows.expandDims(2), y.expandDims(1)));
    const weights = dy.slice([0, start, 0], [-1, rows.shape[1], -1]);
    return tf.sum(tf.mul(signs, weights.expandDims(3)), 2);
  });
  return slabs.length === 1 ? slabs[0] : tf.concat(slabs, 1);
}

function cosineSide(dy: Tensor3D, x: Tensor3D, y: Tensor3D): Tensor {
  const u = unitRows(x);
  const pulled = tf.matMul(dy, unitRows(y));
  const tangent = tf.sub(pulled, tf.mul(tf.sum(tf.mul(u, pulled), -1, true), u));
  const length = tf.sqrt(tf.sum(tf.square(x), -1, true));
  const inverse = tf.div(-1, tf.where(tf.greater(length, 0), length, tf.onesLike(length)));
  return tf.where(
    tf.greater(length, 0).broadcastTo(x.shape),
    tf.mul(tangent, inverse),
    tf.zerosLike(x),
  );
}
