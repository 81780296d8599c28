import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';
import { knnSpec } from '../specs/knn.js';
import type { KnnAttrs } from '../specs/knn.js';
import { isSimilarity } from '../specs/metricForm.js';
import type { Mode } from '../specs/metricForm.js';
import { checkMode, checkRowSets, checkRowTensor } from './checks.js';
import { dispatch } from './dispatch.js';
import { composedKnn } from './knnComposed.js';
import { knnGradient } from './knnGradient.js';
import { prepareMasks } from './masks.js';
import type { MaskOptions, Masks } from './masks.js';
import { prepareMetric } from './metricRows.js';
import type { MetricOptions } from './metricRows.js';
import type { PairSide } from './pairs.js';
import { withForm } from './withForm.js';

export interface KnnOptions extends MetricOptions, MaskOptions {
  /**
   * 'exact' (default): distances are the float64 distances rounded to float32, ordered by that value.
   * 'direct': float32 differences. 'fast': float32 matrix products where the metric has them; close
   * neighbours may change places.
   */
  readonly mode?: Mode;
  /**
   * Leave a point out of its own neighbours, by index, so that an equal twin stays: `true` says that
   * query i is point i, `{offset}` that query i is point i + offset. Default false.
   */
  readonly excludeSelf?: boolean | { readonly offset: number };
  /**
   * Allow k to be larger than the number of points: slots without a neighbour hold index -1 and distance
   * +Infinity (innerProduct: -Infinity). Default false: an error.
   */
  readonly pad?: boolean;
  /**
   * The same points tensor will be searched again: kernels may keep what they derive from it until
   * `KnnIndex` or `residency.release` lets go of it. Default false.
   */
  readonly resident?: boolean;
}

/** Result of {@link knn}; a type and not an interface, so that tf.tidy may return it. */
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- an interface has no index signature
export type KnnResult = {
  /** Shape [..., q, k], float32, ascending along the last axis (innerProduct: descending). */
  readonly distances: Tensor;
  /** Shape [..., q, k], int32: rows of points. */
  readonly indices: Tensor;
};

/**
 * The k nearest points of every query, exactly (brute force), nearest first.
 *
 * Order is total and equal on all backends: by distance, then lower index. A NaN distance is never
 * returned; slots left empty by that or by a mask hold index -1 and distance +Infinity (innerProduct:
 * -Infinity).
 *
 * @param queries Shape [..., q, d], float32.
 * @param points Shape [..., n, d], float32; batch dimensions broadcast with those of queries.
 * @param k Neighbours per query, integer, 1 <= k <= n (n - 1 with excludeSelf), more with `pad`.
 * @param options.metric Default 'euclidean' (not squared); see {@link pairwiseDistance}.
 * @param options.mode Default 'exact'.
 * @param options.excludeSelf Default false.
 * @param options.allowed Points that may be returned, for all queries or for each. Default: all.
 * @param options.queryGroups With pointGroups: a query sees only the points of its group.
 * @returns `{distances, indices}`, both [..., q, k].
 *
 * Numerics: exact mode returns the correctly rounded distance of the float32 rows, so equal bits on all
 * backends (which metrics: docs/numerics.md); see {@link pairwiseDistance} for the other modes.
 * Gradient: of distances with respect to queries and points, first order; 0 at coincident rows and
 * at empty slots; indices carry none. Points gather by a deterministic sum.
 * Cost: O(q n d) time, O(q k) memory in a kernel; the composed form holds slabs of [rows, n].
 * @throws ShapeError, DtypeError as pairwiseDistance and for masks that do not fit; DomainError for a
 * bad k, metric, mode or offset.
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
  const mode = checkMode(op, options.mode);
  const selfOffset = checkSelfOffset(options.excludeSelf);
  return tf.tidy(() => {
    const q = checkRowTensor(op, 'queries', queries);
    const p = checkRowTensor(op, 'points', points);
    const sets = checkRowSets(op, ['queries', q], ['points', p]);
    const n = sets.b.shape[1];
    checkK(k, n, selfOffset !== undefined, options.pad ?? false);
    const rows = sets.a.shape[1];
    const masks = prepareMasks(op, options, { batchShape: sets.batchShape, q: rows, n });
    const prepared = prepareMetric(op, options, sets.a.shape[2]);
    const { form } = prepared;
    const sides = prepared.rows(sets.a, sets.b);
    const kept = Math.min(k, n);
    const resident = options.resident ?? false;
    const found = differentiable(sides, masks, { form, k: kept, mode, selfOffset, resident });
    const distances =
      prepared.post === undefined ? found.distances : prepared.post(found.distances);
    const shape = [...sets.batchShape, rows, k];
    return {
      distances: padded(distances, k, isSimilarity(form) ? -Infinity : Infinity).reshape(shape),
      indices: padded(found.indices, k, -1).reshape(shape),
    };
  });
}

function padded(found: Tensor3D | Tensor, k: number, value: number): Tensor {
  const [batch, rows, have] = found.shape as [number, number, number];
  if (have === k) return found;
  const filler = tf.fill([batch, rows, k - have], value, found.dtype);
  return have === 0 ? filler : tf.concat([found, filler], 2);
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

function checkK(k: number, n: number, excludesSelf: boolean, pad: boolean): void {
  const most = pad ? Infinity : excludesSelf ? n - 1 : n;
  if (Number.isInteger(k) && k >= 1 && k <= most) return;
  const range = excludesSelf ? `[1, n - 1 = ${most}] when self is excluded` : `[1, n = ${n}]`;
  throw new DomainError({
    op: knnSpec.op,
    arg: 'k',
    expected: pad ? 'be an integer, 1 or more' : `be an integer in ${range}`,
    got: String(k),
    fix: pad ? 'Lower k.' : 'Lower k, add points, or pass pad: true to fill up with index -1.',
  });
}

function differentiable(
  sides: readonly [PairSide, PairSide],
  masks: Masks,
  attrs: KnnAttrs,
): { distances: Tensor; indices: Tensor } {
  const [queries, points] = sides;
  // The search itself is not on the path from the inputs to the result that tfjs differentiates:
  // withForm below returns its distances and states their gradient.
  const inputs = {
    queries: queries.rows,
    points: points.rows,
    queryAux: queries.aux,
    pointAux: points.aux,
    ...masks,
  };
  const [found, indices] =
    attrs.k === 0
      ? emptyResult(queries)
      : dispatch(knnSpec, inputs, attrs, () => composedKnn(sides, masks, attrs));
  const distances = withForm(
    sides,
    () => found.clone(),
    (dy, saved, [kept]) => knnGradient(attrs.form, dy, saved, kept),
    [indices],
  );
  return { distances, indices };
}

function emptyResult({ rows }: PairSide): Tensor[] {
  const [batch, q] = rows.shape as [number, number, number];
  return [tf.zeros([batch, q, 0]), tf.zeros([batch, q, 0], 'int32')];
}
