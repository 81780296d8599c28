import * as tf from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';
import { SLAB_ELEMENTS } from '../numerics.js';
import { checkMode } from '../ops/checks.js';
import { prepareMasks } from '../ops/masks.js';
import type { MaskOptions, Masks } from '../ops/masks.js';
import { prepareMetric } from '../ops/metricRows.js';
import type { PreparedMetric } from '../ops/metricRows.js';
import { isSimilarity } from '../specs/metricForm.js';
import type { Mode } from '../specs/metricForm.js';
import { PairBuffer, offsetsOf } from './csr.js';
import type { NeighborLists } from './csr.js';
import { selfOffsetOf } from './options.js';
import type { ExcludeSelf, RunOptions, SearchOptions } from './options.js';
import { slabs } from './querySlabs.js';
import type { Slab } from './querySlabs.js';
import { checkSameFeatures, rowTensor } from './rowInput.js';
import type { RowInput } from './rowInput.js';
import {
  cloneMasks,
  cloneSide,
  disposeMasks,
  disposeSide,
  finishOnHost,
  nearestOnDevice,
  readNeighbors,
  releaseSide,
  rowsOf,
  slicePointMasks,
  sliceQueryMasks,
  sliceSide,
  takeQueryMasks,
  takeSide,
  tidy,
} from './sides.js';
import type { Side } from './sides.js';

export interface RadiusOptions extends SearchOptions, MaskOptions, RunOptions {
  /** As in knn: by index, so that an equal twin stays. Default false. */
  readonly excludeSelf?: ExcludeSelf;
  /** Order within a query: by (distance, index), the default, or by index. */
  readonly sort?: 'distance' | 'index';
}

const OP = 'radiusNeighbors';

/** Points searched at a time, a multiple of the 32 points of a mask's word. */
const POINT_SLAB = 1 << 16;

/** Queries searched at a time. */
const QUERY_SLAB = 1 << 12;

/** Neighbours asked for in the first search of a slab, and the factor to the next. */
const FIRST_K = 32;
const K_STEP = 4;

interface Search {
  readonly metric: PreparedMetric;
  readonly queries: Side;
  readonly points: readonly {
    readonly side: Side;
    readonly start: number;
    readonly masks: Masks;
  }[];
  readonly mode: Mode;
  readonly own: number | undefined;
  readonly inside: (distance: number) => boolean;
  readonly options: RadiusOptions;
}

/**
 * All points within a radius of every query: distance <= radius (innerProduct: product >= radius),
 * radius rounded to float32.
 *
 * The same distances, order and masks as {@link knn}: in mode 'exact' the result is the beginning of
 * knn with k = n, the same bits on every backend where knn has that.
 *
 * @param queries Rows [q, d], float32: a tensor, a nested array, or rows on the host.
 * @param points Rows [n, d].
 * @param radius Not NaN; >= 0 for distances.
 * @param options Metric, mode, masks and groups as in knn; excludeSelf; sort; signal; onProgress
 * (queries so far).
 * @returns Compressed sparse rows on the host: `offsets` [q + 1], `indices`, `distances`.
 * Cost: O(q n d) time, once more for slabs where a query has more neighbours than were asked for;
 * O(result) memory and one slab.
 * @throws ShapeError, DtypeError, DomainError as knn; DomainError for a bad radius.
 * @example
 * const { offsets, indices } = await radiusNeighbors([[0, 0]], [[3, 4], [0, 1]], 1);
 * // offsets [0, 1], indices [1]
 */
export async function radiusNeighbors(
  queries: RowInput,
  points: RowInput,
  radius: number,
  options: RadiusOptions = {},
): Promise<NeighborLists> {
  const mode = checkMode(OP, options.mode);
  const own = selfOffsetOf(OP, options.excludeSelf);
  checkSort(options.sort);
  const { metric, sides, masks } = prepare(queries, points, options);
  let parts: Search['points'] = [];
  try {
    const inside = insideOf(metric, radius, options);
    parts = cutPoints(sides[1], masks);
    return await searchAll({
      metric,
      queries: sides[0],
      points: parts,
      mode,
      own,
      inside,
      options,
    });
  } finally {
    for (const part of parts) {
      releaseSide(part.side);
      disposeMasks(part.masks);
    }
    sides.forEach(disposeSide);
    disposeMasks(masks);
  }
}

interface Prepared {
  readonly metric: PreparedMetric;
  readonly sides: readonly [Side, Side];
  readonly masks: Masks;
}

/** Features and masks of all rows, made once, so that no slab changes a bit. */
function prepare(queries: RowInput, points: RowInput, options: RadiusOptions): Prepared {
  let metric: PreparedMetric | undefined;
  const made = tidy(() => {
    const x = rowTensor(OP, 'queries', queries);
    const y = rowTensor(OP, 'points', points);
    checkSameFeatures(OP, ['queries', x.shape[2]], ['points', y.shape[2]]);
    metric = prepareMetric(OP, options, x.shape[2]);
    const [a, b] = metric.rows(x, y);
    const masks = prepareMasks(OP, options, { batchShape: [], q: x.shape[1], n: y.shape[1] });
    // Clones, as some of these may be the caller's own tensors.
    return {
      a: cloneSide(a),
      b: cloneSide(b),
      masks: cloneMasks(masks),
    };
  });
  if (metric === undefined) throw new Error('tidy did not run');
  return { metric, sides: [made.a, made.b], masks: made.masks };
}

function checkSort(sort: string | undefined): void {
  if (sort === undefined || sort === 'distance' || sort === 'index') return;
  throw new DomainError({
    op: OP,
    arg: 'sort',
    expected: "be 'distance' or 'index'",
    got: `'${sort}'`,
  });
}

function insideOf(
  { form }: PreparedMetric,
  radius: number,
  { metric }: SearchOptions,
): (distance: number) => boolean {
  const bound = Math.fround(radius);
  const similarity = isSimilarity(form);
  // A custom metric may be negative.
  const lowest = similarity || typeof metric === 'object' ? -Infinity : 0;
  if (Number.isNaN(bound) || bound < lowest) {
    const expected = lowest === 0 ? 'be a number >= 0' : 'be a number';
    throw new DomainError({ op: OP, arg: 'radius', expected, got: String(radius) });
  }
  return similarity ? (distance) => distance >= bound : (distance) => distance <= bound;
}

/** The points in slabs; every slab owns its tensors. */
function cutPoints(points: Side, masks: Masks): Search['points'] {
  return slabs(rowsOf(points), POINT_SLAB).map(({ start, count }) => ({
    side: tidy(() => sliceSide(points, start, count)),
    start,
    masks: tidy(() => cloneMasks(slicePointMasks(masks, start, count))),
  }));
}

async function searchAll(search: Search): Promise<NeighborLists> {
  const { queries, options, metric } = search;
  const q = rowsOf(queries);
  const counts = new Int32Array(q);
  const indices: Int32Array[] = [];
  const ranks: Float32Array[] = [];
  for (const slab of slabs(q, QUERY_SLAB)) {
    options.signal?.throwIfAborted();
    const pairs = await pairsOfSlab(search, slab);
    const sorted = sortPairs(pairs, slab.count, orderOf(search));
    counts.set(sorted.counts, slab.start);
    indices.push(sorted.indices);
    ranks.push(sorted.values);
    options.onProgress?.(slab.start + slab.count, q);
  }
  const offsets = offsetsOf(OP, counts);
  const values = joined(ranks, new Float32Array(offsets[q]));
  const distances = await finishOnHost(metric, values);
  return { offsets, indices: joined(indices, new Int32Array(offsets[q])), distances };
}

function joined<T extends Int32Array | Float32Array>(parts: readonly T[], out: T): T {
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** All pairs within the radius of the queries of a slab, by point slab, then row, then distance. */
async function pairsOfSlab(search: Search, slab: Slab): Promise<PairBuffer> {
  const pairs = new PairBuffer();
  let k = FIRST_K;
  for (const part of search.points) {
    let rows = Int32Array.from({ length: slab.count }, (_, i) => i);
    const found = new Int32Array(slab.count);
    // Rows whose list was cut off are searched again for more.
    for (let ask = k; rows.length > 0; ask *= K_STEP) {
      rows = await searchRows(search, part, slab, rows, { ask, pairs, found });
    }
    k = enoughForMost(found);
  }
  return pairs;
}

/** A power of two above the number of neighbours that nine rows of ten have: the next slab's first k. */
function enoughForMost(found: Int32Array): number {
  const sorted = found.slice().sort();
  const most = sorted[Math.floor(0.9 * (sorted.length - 1))] + 1;
  return Math.min(POINT_SLAB, Math.max(FIRST_K, 2 ** Math.ceil(Math.log2(most + 1))));
}

/** Search some rows of a slab for `ask` neighbours each; returns the rows that have more. */
async function searchRows(
  search: Search,
  part: Search['points'][number],
  slab: Slab,
  rows: Int32Array,
  { ask, pairs, found }: { ask: number; pairs: PairBuffer; found: Int32Array },
): Promise<Int32Array<ArrayBuffer>> {
  const n = rowsOf(part.side);
  const k = Math.min(ask, n);
  const again: number[] = [];
  const step = Math.max(1, Math.floor(SLAB_ELEMENTS / k));
  for (const piece of slabs(rows.length, step)) {
    search.options.signal?.throwIfAborted();
    const chosen = rows.subarray(piece.start, piece.start + piece.count);
    const { values, indices } = await readNeighbors(searchPiece(search, part, slab, chosen, k));
    const distances = await finishOnHost(search.metric, values);
    chosen.forEach((row, i) => {
      const count = countInside(search.inside, distances, indices, i * k, k);
      if (count === k && k < n) {
        again.push(row);
        return;
      }
      found[row] = count;
      const own = search.own === undefined ? -1 : slab.start + row + search.own;
      for (let s = i * k; s < i * k + count; s++) {
        const index = part.start + indices[s];
        if (index !== own) pairs.push(row, index, values[s]);
      }
    });
  }
  return Int32Array.from(again);
}

function countInside(
  inside: (distance: number) => boolean,
  distances: Float32Array,
  indices: Int32Array,
  start: number,
  k: number,
): number {
  let count = 0;
  while (count < k && indices[start + count] >= 0 && inside(distances[start + count])) count++;
  return count;
}

function searchPiece(
  { metric: { form }, queries, points, mode }: Search,
  part: Search['points'][number],
  slab: Slab,
  chosen: Int32Array,
  k: number,
): ReturnType<typeof nearestOnDevice> {
  // A query's own point is dropped on the host, as chosen rows are not consecutive.
  const resident = points.length > 1 || rowsOf(queries) > QUERY_SLAB;
  const attrs = { form, k, mode, selfOffset: undefined, resident };
  return tidy(() => {
    if (chosen.length === slab.count) {
      const masks = sliceQueryMasks(part.masks, slab.start, slab.count);
      const side = sliceSide(queries, slab.start, slab.count);
      return nearestOnDevice(side, part.side, masks, attrs);
    }
    const rows = tf.tensor1d(
      Int32Array.from(chosen, (row) => slab.start + row),
      'int32',
    );
    const side = takeSide(queries, rows);
    return nearestOnDevice(side, part.side, takeQueryMasks(part.masks, rows), attrs);
  });
}

/** How the pairs of a row are ordered; undefined when they come in the order that is asked for. */
type Order = ((pairs: PairBuffer) => (a: number, b: number) => number) | undefined;

function orderOf({ metric, options, points }: Search): Order {
  const sign = isSimilarity(metric.form) ? -1 : 1;
  if (options.sort === 'index') {
    return ({ indices }) =>
      (a, b) =>
        indices[a] - indices[b];
  }
  if (points.length <= 1) return undefined;
  return ({ indices, values }) =>
    (a, b) =>
      values[a] === values[b] ? indices[a] - indices[b] : sign * (values[a] < values[b] ? -1 : 1);
}

/** Pairs by row, within a row in the given order. */
function sortPairs(
  pairs: PairBuffer,
  rowCount: number,
  order: Order,
): { counts: Int32Array; indices: Int32Array; values: Float32Array } {
  const counts = new Int32Array(rowCount);
  for (let p = 0; p < pairs.length; p++) counts[pairs.rows[p]]++;
  const offsets = offsetsOf(OP, counts);
  const place = new Int32Array(pairs.length);
  const next = offsets.slice(0, rowCount);
  for (let p = 0; p < pairs.length; p++) place[next[pairs.rows[p]]++] = p;
  const { indices, values } = pairs;
  const compare = order?.(pairs);
  if (compare !== undefined) {
    for (let row = 0; row < rowCount; row++) {
      place.subarray(offsets[row], offsets[row + 1]).sort(compare);
    }
  }
  return {
    counts,
    indices: Int32Array.from(place, (p) => indices[p]),
    values: Float32Array.from(place, (p) => values[p]),
  };
}
