import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';
import { FLOAT32_MAX, SLAB_ELEMENTS } from '../numerics.js';
import { knnSpec } from '../specs/knn.js';
import type { KnnAttrs } from '../specs/knn.js';
import { resolveMetric } from '../specs/metric.js';
import type { Metric, MetricName } from '../specs/metric.js';
import { sizeOf } from '../util/shape.js';
import { checkRowSets, checkRowTensor } from './checks.js';
import { dispatch } from './dispatch.js';
import { pairwiseDistance } from './pairwiseDistance.js';
import { scatterAddRows } from './scatterAddRows.js';

export interface KnnOptions {
  /** Default 'euclidean'. Aliases: l2; l1, cityblock = manhattan. */
  readonly metric?: MetricName;
  /**
   * Leave a point out of its own neighbours, by index, so that an equal twin stays: `true` says that
   * query i is point i, `{offset}` that query i is point i + offset. Default false.
   */
  readonly excludeSelf?: boolean | { readonly offset: number };
}

export interface KnnResult {
  /** Shape [..., q, k], float32, ascending along the last axis. */
  readonly distances: Tensor;
  /** Shape [..., q, k], int32: rows of points. */
  readonly indices: Tensor;
}

/**
 * The k nearest points of every query, exactly (brute force), nearest first.
 *
 * Order is total and equal on all backends: by distance, then lower index. A NaN distance is never
 * returned; slots left empty by that hold index -1 and distance +Infinity.
 *
 * @param queries Shape [..., q, d], float32.
 * @param points Shape [..., n, d], float32; batch dimensions broadcast with those of queries.
 * @param k Neighbours per query, integer, 1 <= k <= n (n - 1 with excludeSelf).
 * @param options.metric Default 'euclidean' (not squared).
 * @param options.excludeSelf Default false.
 * @returns `{distances, indices}`, both [..., q, k].
 *
 * Numerics: ranked and returned from direct differences; see {@link pairwiseDistance}.
 * Gradient: of distances with respect to queries and points, first order; 0 at coincident rows and
 * at empty slots; indices carry none. Points gather by a deterministic sum.
 * Cost: O(q n d) time, O(q k) memory in a kernel; the composed form holds slabs of [rows, n].
 * @throws ShapeError, DtypeError as pairwiseDistance; DomainError for a bad k, metric or offset.
 * @example
 * const { distances, indices } = knn([[0, 0]], [[3, 4], [0, 1], [0, 2]], 2);
 * indices.print(); // [[1, 2]]
 * distances.print(); // [[1, 2]]
 */
export function knn(
  queries: Tensor | TensorLike,
  points: Tensor | TensorLike,
  k: number,
  options: KnnOptions = {},
): KnnResult {
  const op = knnSpec.op;
  const metric = resolveMetric(op, options.metric ?? 'euclidean');
  return tf.tidy(() => {
    const q = checkRowTensor(op, 'queries', queries);
    const p = checkRowTensor(op, 'points', points);
    const sets = checkRowSets(op, ['queries', q], ['points', p]);
    const selfOffset = checkSelfOffset(options.excludeSelf);
    checkK(k, sets.b.shape[1], selfOffset !== undefined);
    const attrs: KnnAttrs = { metric, k, selfOffset };
    const result = differentiable(sets.a, sets.b, attrs);
    const shape = [...sets.batchShape, sets.a.shape[1], k];
    return { distances: result.distances.reshape(shape), indices: result.indices.reshape(shape) };
  });
}

function checkSelfOffset(excludeSelf: KnnOptions['excludeSelf']): number | undefined {
  if (excludeSelf === undefined || excludeSelf === false) return undefined;
  if (excludeSelf === true) return 0;
  const { offset } = excludeSelf;
  if (!Number.isInteger(offset)) {
    throw new DomainError({
      op: knnSpec.op,
      arg: 'excludeSelf.offset',
      expected: 'be an integer',
      got: String(offset),
    });
  }
  return offset;
}

function checkK(k: number, n: number, excludesSelf: boolean): void {
  const most = excludesSelf ? n - 1 : n;
  if (Number.isInteger(k) && k >= 1 && k <= most) return;
  const rule = excludesSelf ? `[1, n - 1 = ${most}] when self is excluded` : `[1, n = ${n}]`;
  throw new DomainError({
    op: knnSpec.op,
    arg: 'k',
    expected: `be an integer in ${rule}`,
    got: String(k),
    fix: 'Lower k or add points.',
  });
}

function differentiable(
  queries: Tensor3D,
  points: Tensor3D,
  attrs: KnnAttrs,
): { distances: Tensor3D; indices: Tensor3D } {
  // The search itself is not on the path from the inputs to the result that tfjs differentiates:
  // customGrad below returns its distances and states their gradient.
  const [found, indices] = dispatch(knnSpec, { queries, points }, attrs, () =>
    composed(queries, points, attrs),
  );
  const withGradient = tf.customGrad<Tensor>((...args) => {
    const [a, b, save] = args as [Tensor3D, Tensor3D, tf.GradSaveFunc];
    save([a, b, found, indices]);
    return {
      value: found.clone(),
      gradFunc: (dy: Tensor, saved: Tensor[]) => gradient(dy as Tensor3D, saved, attrs.metric),
    };
  });
  return { distances: withGradient(queries, points) as Tensor3D, indices: indices as Tensor3D };
}

// Composed form: slabs of the distance matrix and topk of the negated distance, which prefers the
// lower index among equals. NaN becomes +Infinity and the (overflowed) distances above the largest
// float become that, so that NaN ranks behind every real distance.

function composed(queries: Tensor3D, points: Tensor3D, attrs: KnnAttrs): Tensor[] {
  const [batch, q] = queries.shape;
  const n = points.shape[1];
  const step = Math.max(1, Math.floor(SLAB_ELEMENTS / Math.max(1, batch * n)));
  const distances: Tensor[] = [];
  const indices: Tensor[] = [];
  for (let start = 0; start < q; start += step) {
    const slab = tf.tidy(() => {
      const rows = queries.slice([0, start, 0], [-1, Math.min(step, q - start), -1]);
      return nearestOfSlab(rows, points, start, attrs);
    });
    distances.push(slab[0]);
    indices.push(slab[1]);
  }
  if (q === 0) return [tf.zeros([batch, 0, attrs.k]), tf.zeros([batch, 0, attrs.k], 'int32')];
  return distances.length === 1
    ? [distances[0], indices[0]]
    : [tf.concat(distances, 1), tf.concat(indices, 1)];
}

function nearestOfSlab(
  rows: Tensor3D,
  points: Tensor3D,
  start: number,
  attrs: KnnAttrs,
): [Tensor, Tensor] {
  const distance = pairwiseDistance(rows, points, { metric: attrs.metric });
  let excluded: Tensor = tf.isNaN(distance);
  if (attrs.selfOffset !== undefined) {
    const self = tf.range(0, rows.shape[1], 1, 'int32').add(start + attrs.selfOffset);
    const column = tf.range(0, points.shape[1], 1, 'int32');
    const isSelf = tf.equal(self.expandDims(1), column.expandDims(0));
    excluded = tf.logicalOr(excluded, isSelf.expandDims(0));
  }
  const last = tf.fill(distance.shape, Infinity);
  const key = tf.where(excluded, last, tf.minimum(distance, FLOAT32_MAX));
  const top = tf.topk(tf.neg(key), attrs.k);
  const filled = tf.greater(top.values, -Infinity);
  const index = tf.where(filled, top.indices, tf.fill(top.indices.shape, -1, 'int32'));
  const found = tf.neg(top.values);
  const overflowed = tf.greaterEqual(found, FLOAT32_MAX);
  return [tf.where(overflowed, tf.fill(found.shape, Infinity), found), index];
}

// Gradient: the neighbours are gathered, the pairwise derivative is taken per (query, neighbour), and
// summed back over k for queries and by index for points.

function gradient(dy: Tensor3D, saved: Tensor[], metric: Metric): Tensor[] {
  const [queries, points, distances, indices] = saved;
  const [batch, q, k] = dy.shape;
  const [, n, d] = points.shape;
  if (sizeOf(dy.shape) === 0 || d === 0) return [tf.zerosLike(queries), tf.zerosLike(points)];
  const offset = tf.range(0, batch, 1, 'int32').mul(n).reshape([batch, 1, 1]);
  const filled = tf.greaterEqual(indices, 0);
  const flat = tf.maximum(indices, 0).add(offset).reshape([-1]);
  const near = tf.gather(points.reshape([-1, d]), flat.toInt()).reshape([batch, q, k, d]);
  const query = queries.expandDims(2).broadcastTo([batch, q, k, d]);
  const [toQuery, toPoint] = pairDerivative(query, near, distances.expandDims(3), metric);
  const mask = filled.expandDims(3).broadcastTo([batch, q, k, d]);
  const pull = (side: Tensor): Tensor =>
    tf.where(mask, tf.mul(side, dy.expandDims(3)), tf.zeros([batch, q, k, d]));
  const bins = tf.where(filled.reshape([-1]), flat, tf.fill(flat.shape, -1, 'int32')).toInt();
  const summed = scatterAddRows(pull(toPoint).reshape([-1, d]), bins.as1D(), batch * n);
  return [tf.sum(pull(toQuery), 2), summed.reshape([batch, n, d])];
}

/** d distance(query, near) / d query and / d near, elementwise over [B, q, k, d]. */
function pairDerivative(
  query: Tensor,
  near: Tensor,
  distance: Tensor,
  metric: Metric,
): [Tensor, Tensor] {
  const difference = tf.sub(query, near);
  switch (metric) {
    case 'sqeuclidean': {
      const side = tf.mul(difference, 2);
      return [side, tf.neg(side)];
    }
    case 'euclidean': {
      const safe = tf.where(tf.greater(distance, 0), distance, tf.onesLike(distance));
      const side = tf.div(difference, safe);
      return [side, tf.neg(side)];
    }
    case 'manhattan': {
      const side = tf.sign(difference);
      return [side, tf.neg(side)];
    }
    case 'cosine': {
      const [u, lengthU] = unit(query);
      const [v, lengthV] = unit(near);
      const along = tf.sum(tf.mul(u, v), -1, true);
      return [
        tf.div(tf.sub(tf.mul(along, u), v), lengthU),
        tf.div(tf.sub(tf.mul(along, v), u), lengthV),
      ];
    }
  }
}

/** Unit vectors along the last axis and their lengths; a zero vector gives zero and length infinity. */
function unit(x: Tensor): [Tensor, Tensor] {
  const length = tf.sqrt(tf.sum(tf.square(x), -1, true));
  const safe = tf.where(tf.greater(length, 0), length, tf.fill(length.shape, Infinity));
  return [tf.div(x, safe), safe];
}
