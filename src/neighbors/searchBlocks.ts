import * as tf from '@tensorflow/tfjs';
import type { Tensor3D } from '@tensorflow/tfjs';
import { checkMode } from '../ops/checks.js';
import { prepareMetric, usesOrigin } from '../ops/metricRows.js';
import type { PreparedMetric } from '../ops/metricRows.js';
import { isSimilarity } from '../specs/metricForm.js';
import { ahead } from './ahead.js';
import { emptyLists, mergeLists } from './merge.js';
import type { Neighbors, SortedLists } from './merge.js';
import { checkIndexRange, checkNeighborCount, selfOffsetOf } from './options.js';
import type { ExcludeSelf, RunOptions, SearchOptions } from './options.js';
import { querySlabs, searchSlab } from './querySlabs.js';
import { checkSameFeatures, rowTensor } from './rowInput.js';
import type { RowBlocks, RowInput } from './rowInput.js';
import {
  NO_MASKS,
  disposeSide,
  finishOnHost,
  readNeighbors,
  releaseSide,
  rowsOf,
  sideOf,
  tidy,
} from './sides.js';
import type { Side } from './sides.js';

export interface SearchBlocksOptions extends SearchOptions, RunOptions {
  /** Query i never returns point i (+ offset), counted over all blocks. Default false. */
  readonly excludeSelf?: ExcludeSelf;
  /** Index of the first point of the first block: where a shard starts. Default 0. */
  readonly firstIndex?: number;
  /** Allow fewer points than k: empty slots hold index -1. Default false: an error. */
  readonly pad?: boolean;
}

const OP = 'searchBlocks';

interface Search {
  readonly metric: PreparedMetric;
  readonly queries: Side;
  readonly options: SearchBlocksOptions;
  readonly k: number;
}

/**
 * Exact neighbours among points that come block by block and may be larger than memory: O(q k) and one
 * block (two while the next one is read) are held. In mode 'exact' the result has the same bits as
 * {@link knn} of all points at once.
 *
 * @param queries Rows [q, d], in memory.
 * @param points Blocks of rows, numbered through in order; the next is asked for while the current one
 * is searched.
 * @param k Neighbours per query, 1 <= k <= points (more with `pad`).
 * @param options Metric, mode, excludeSelf, firstIndex, pad, signal, onProgress (points so far).
 * @returns Neighbours on the host.
 * @throws ShapeError when features differ; DomainError for a bad k; whatever `points` throws.
 * Numerics: metrics with an origin (mahalanobis, seuclidean) are moved by `options.origin`, by default
 * the mean of the queries, so that it does not depend on the blocks.
 * @example
 * const near = await searchBlocks(queries, blocksFromDisk(), 10, { metric: 'cosine' });
 */
export async function searchBlocks(
  queries: RowInput,
  points: RowBlocks,
  k: number,
  options: SearchBlocksOptions = {},
): Promise<Neighbors> {
  checkNeighborCount(OP, k, Infinity, '');
  const rows = tf.tidy(() => rowTensor(OP, 'queries', queries).clone());
  const sides: Side[] = [];
  try {
    const d = rows.shape[2];
    const metric = prepareMetric(OP, await withOrigin(rows, options), d);
    const side = sideOf(metric, rows);
    sides.push(side);
    const search = { metric, queries: side, options, k };
    const best = await searchAll(search, points, d);
    const distances = await finishOnHost(metric, best.values);
    const found = { count: rowsOf(side), k, distances, indices: best.indices };
    return metric.post === undefined ? found : { ...found, ranks: best.values };
  } finally {
    rows.dispose();
    sides.forEach(disposeSide);
  }
}

/** Options with an origin that does not depend on the points. */
async function withOrigin(queries: Tensor3D, options: SearchOptions): Promise<SearchOptions> {
  if (!usesOrigin(OP, options) || options.origin !== undefined) return options;
  const [, q, d] = queries.shape;
  return { ...options, origin: meanOfFinite(await queries.data<'float32'>(), q, d) };
}

/** Mean of the rows, each value that is not finite counted as 0. */
export function meanOfFinite(values: Float32Array, rows: number, d: number): number[] {
  const mean = Array<number>(d).fill(0);
  for (let i = 0; i < rows * d; i++) if (Number.isFinite(values[i])) mean[i % d] += values[i];
  return mean.map((sum) => sum / Math.max(1, rows));
}

async function searchAll(search: Search, points: RowBlocks, d: number): Promise<SortedLists> {
  const { options, queries, metric, k } = search;
  const { firstIndex = 0, signal, onProgress } = options;
  const descending = isSimilarity(metric.form);
  let best = emptyLists(rowsOf(queries), k, descending);
  let seen = 0;
  for await (const block of ahead(points)) {
    signal?.throwIfAborted();
    const side = tidy(() => {
      const rows = rowTensor(OP, 'a block of points', block);
      checkSameFeatures(OP, ['queries', d], ['a block of points', rows.shape[2]]);
      return sideOf(metric, rows);
    });
    const count = rowsOf(side);
    checkIndexRange(OP, firstIndex + seen + count);
    try {
      if (count > 0) best = await searchBlock(search, side, firstIndex + seen, best);
    } finally {
      releaseSide(side);
    }
    seen += count;
    onProgress?.(seen, undefined);
  }
  if (options.pad !== true) {
    const excludesSelf = selfOffsetOf(OP, options.excludeSelf) !== undefined;
    checkNeighborCount(OP, k, excludesSelf ? seen - 1 : seen, excludesSelf ? 'n - 1' : 'n');
  }
  return best;
}

/** The neighbours so far, joined by those among one block. */
async function searchBlock(
  { metric: { form }, queries, options, k }: Search,
  points: Side,
  first: number,
  best: SortedLists,
): Promise<SortedLists> {
  const descending = isSimilarity(form);
  const kept = Math.min(k, rowsOf(points));
  const parts = querySlabs(queries, kept);
  const own = selfOffsetOf(OP, options.excludeSelf);
  const attrs = {
    form,
    k: kept,
    mode: checkMode(OP, options.mode),
    selfOffset: own === undefined ? undefined : own - first,
    resident: parts.length > 1,
  };
  const out = emptyLists(rowsOf(queries), k, descending);
  for (const part of parts) {
    options.signal?.throwIfAborted();
    const found = await readNeighbors(searchSlab(queries, points, NO_MASKS, attrs, part));
    const [from, to] = [part.start * k, (part.start + part.count) * k];
    const before = {
      k,
      values: best.values.subarray(from, to),
      indices: best.indices.subarray(from, to),
    };
    const merged = mergeLists(before, { k: kept, ...found }, k, descending, first);
    out.values.set(merged.values, from);
    out.indices.set(merged.indices, from);
  }
  return out;
}
