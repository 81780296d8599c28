import { WORD_BITS, wordCount } from '../util/bits.js';
import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, TensorContainer } from '@tensorflow/tfjs';
import { dispatch } from '../ops/dispatch.js';
import { composedKnn } from '../ops/knnComposed.js';
import type { Masks } from '../ops/masks.js';
import type { PreparedMetric } from '../ops/metricRows.js';
import type { PairSide } from '../ops/pairs.js';
import { knnSpec } from '../specs/knn.js';
import type { KnnAttrs } from '../specs/knn.js';
import { residency } from '../specs/residency.js';

/**
 * Rows as the metric's form wants them, [1, n, d] and [1, n, aux]. Searching works on these and not on
 * the ops: features are made once, kernels may keep what they derive from them, and neighbours from
 * several searches are merged by the value that the kernels rank.
 */
export type Side = PairSide;

/** No pair is excluded. */
export const NO_MASKS: Masks = {
  allowed: undefined,
  queryGroups: undefined,
  pointGroups: undefined,
};

/** tf.tidy for results of our own types. */
export function tidy<T extends object>(body: () => T): T {
  return tf.tidy(() => ({ ...body() }) as unknown as TensorContainer) as unknown as T;
}

export function rowsOf(side: Side): number {
  return side.rows.shape[1] ?? 0;
}

/** Features of one set of rows, for metrics that look at each row by itself. */
export function sideOf(metric: PreparedMetric, rows: Tensor3D): Side {
  return tidy(() => {
    // The other set plays no part: one row of these will do.
    const other = rows.slice([0, 0, 0], [1, Math.min(1, rows.shape[1]), rows.shape[2]]);
    return cloneSide(metric.rows(rows, other)[0]);
  });
}

/** Rows [start, start + count) of a side; the caller disposes of them. */
export function sliceSide(side: Side, start: number, count: number): Side {
  if (start === 0 && count === rowsOf(side)) return cloneSide(side);
  const cut = (t: Tensor): Tensor => t.slice([0, start, 0], [1, count, t.shape[2] ?? 0]);
  return { rows: cut(side.rows), aux: side.aux === undefined ? undefined : cut(side.aux) };
}

/** The given rows of a side, in that order. */
export function takeSide(side: Side, rows: Tensor1D): Side {
  const take = (t: Tensor): Tensor => tf.gather(t, rows, 1);
  return { rows: take(side.rows), aux: side.aux === undefined ? undefined : take(side.aux) };
}

/** One side of the rows of several. */
export function concatSides(sides: readonly Side[]): Side {
  if (sides.length === 1) return cloneSide(sides[0]);
  const scalars = sides.flatMap(({ aux }) => (aux === undefined ? [] : [aux]));
  return {
    rows: tf.concat(
      sides.map(({ rows }) => rows),
      1,
    ),
    aux: scalars.length === 0 ? undefined : tf.concat(scalars, 1),
  };
}

/** Free a side that was searched as resident. */
export function releaseSide(side: Side): void {
  residency.release(side.rows.dataId);
  disposeSide(side);
}

export function disposeSide({ rows, aux }: Side): void {
  rows.dispose();
  aux?.dispose();
}

/** A side that lives on when the tensors of this one, which may be a caller's own, are freed. */
export function cloneSide({ rows, aux }: Side): Side {
  return { rows: rows.clone(), aux: aux?.clone() };
}

export function cloneMasks({ allowed, queryGroups, pointGroups }: Masks): Masks {
  return {
    allowed: allowed?.clone(),
    queryGroups: queryGroups?.clone(),
    pointGroups: pointGroups?.clone(),
  };
}

export function disposeMasks({ allowed, queryGroups, pointGroups }: Masks): void {
  allowed?.dispose();
  queryGroups?.dispose();
  pointGroups?.dispose();
}

/** Masks of queries [start, start + count) of all. */
export function sliceQueryMasks(masks: Masks, start: number, count: number): Masks {
  const { allowed, queryGroups, pointGroups } = masks;
  return {
    allowed:
      allowed === undefined || allowed.shape[1] === 1
        ? allowed
        : allowed.slice([0, start, 0], [1, count, allowed.shape[2]]),
    queryGroups: queryGroups?.slice([0, start], [1, count]),
    pointGroups,
  };
}

/** Masks of the given queries. */
export function takeQueryMasks(masks: Masks, rows: Tensor1D): Masks {
  const { allowed, queryGroups, pointGroups } = masks;
  return {
    allowed:
      allowed === undefined || allowed.shape[1] === 1 ? allowed : tf.gather(allowed, rows, 1),
    queryGroups: queryGroups === undefined ? undefined : tf.gather(queryGroups, rows, 1),
    pointGroups,
  };
}

/** Masks of points [start, start + count) of all; `start` is a multiple of 32. */
export function slicePointMasks(masks: Masks, start: number, count: number): Masks {
  const { allowed, queryGroups, pointGroups } = masks;
  const words = wordCount(count);
  return {
    allowed: allowed?.slice([0, 0, start / WORD_BITS], [1, allowed.shape[1], words]),
    queryGroups,
    pointGroups: pointGroups?.slice([0, start], [1, count]),
  };
}

/** Neighbours on the device, [q, k]; `values` are what the form ranks, before the metric's last step. */
export interface DeviceNeighbors {
  readonly values: Tensor2D;
  readonly indices: Tensor2D;
}

/** Search with the kernel of the active backend, k <= points. */
export function nearestOnDevice(
  queries: Side,
  points: Side,
  masks: Masks,
  attrs: KnnAttrs,
): DeviceNeighbors {
  const inputs = {
    queries: queries.rows,
    points: points.rows,
    queryAux: queries.aux,
    pointAux: points.aux,
    ...masks,
  };
  return tidy(() => {
    const [values, indices] = dispatch(knnSpec, inputs, attrs, () =>
      composedKnn([queries, points], masks, attrs),
    );
    const shape: [number, number] = [rowsOf(queries), attrs.k];
    return { values: values.reshape<Tensor2D>(shape), indices: indices.reshape<Tensor2D>(shape) };
  });
}

/** Values and indices on the host; frees the tensors. */
export async function readNeighbors({ values, indices }: DeviceNeighbors): Promise<{
  readonly values: Float32Array;
  readonly indices: Int32Array;
}> {
  try {
    const [v, i] = await Promise.all([values.data<'float32'>(), indices.data<'int32'>()]);
    return { values: v, indices: i };
  } finally {
    tf.dispose([values, indices]);
  }
}

/** The metric's own distances from the values that its form ranks, element by element. */
export async function finishOnHost(
  metric: PreparedMetric,
  values: Float32Array,
): Promise<Float32Array> {
  const { post } = metric;
  if (post === undefined || values.length === 0) return values;
  const finished = tf.tidy(() => post(tf.tensor1d(values)));
  try {
    return await finished.data<'float32'>();
  } finally {
    finished.dispose();
  }
}
