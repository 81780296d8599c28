import { DomainError, ShapeError } from '../errors.js';
import { checkMode } from '../ops/checks.js';
import { prepareMasks } from '../ops/masks.js';
import type { Masks } from '../ops/masks.js';
import { prepareMetric } from '../ops/metricRows.js';
import type { PreparedMetric } from '../ops/metricRows.js';
import { resolveMetric } from '../specs/metric.js';
import { isSimilarity } from '../specs/metricForm.js';
import { PairBuffer, offsetsOf } from './csr.js';
import type { NeighborLists } from './csr.js';
import { checkNeighborCount } from './options.js';
import type { RunOptions, SearchOptions } from './options.js';
import { querySlabs, searchSlab } from './querySlabs.js';
import { radiusNeighbors } from './radius.js';
import { rowTensor } from './rowInput.js';
import type { RowInput } from './rowInput.js';
import {
  cloneMasks,
  cloneSide,
  disposeMasks,
  finishOnHost,
  readNeighbors,
  releaseSide,
  rowsOf,
  tidy,
} from './sides.js';
import type { Side } from './sides.js';

export interface GraphOptions extends SearchOptions, RunOptions {
  /**
   * 'directed' (default): i -> j when j is a neighbour of i. 'mutual': only where i is a neighbour of j
   * as well. 'symmetric': i -> j and j -> i where either holds, both with the nearer of the two distances
   * (they differ only for metrics that are not symmetric, as kl).
   */
  readonly kind?: 'directed' | 'mutual' | 'symmetric';
  /** What the edges carry: the distance (default), or 1 for each. */
  readonly weights?: 'distance' | 'connectivity';
  /** Keep the edge from a point to itself. Default false; equal twins are always kept. */
  readonly includeSelf?: boolean;
  /** Group of every point [n], int32: edges stay within a group, as in a ragged batch. */
  readonly groups?: readonly number[] | Int32Array;
}

type Kind = NonNullable<GraphOptions['kind']>;

/**
 * Graph of the k nearest neighbours of every point among the points.
 *
 * @param points Rows [n, d], float32.
 * @param k Neighbours per point, 1 <= k <= n - 1 (n with includeSelf). A point of a group with fewer
 * others has fewer edges; a row with NaN has none.
 * @param options Metric and mode as in knn; kind, weights, includeSelf, groups, signal, onProgress
 * (points so far).
 * @returns Compressed sparse rows on the host, [n] rows, each sorted by (distance, index);
 * {@link csrToEdges} makes the list of edges.
 * Cost: as knn of the points among themselves; O(n k) memory.
 * @throws ShapeError, DtypeError, DomainError as knn.
 * @example
 * const graph = await knnGraph(points, 8, { kind: 'symmetric' });
 * const { source, target, distance } = csrToEdges(graph);
 */
export async function knnGraph(
  points: RowInput,
  k: number,
  options: GraphOptions = {},
): Promise<NeighborLists> {
  const op = 'knnGraph';
  checkGraphOptions(op, options);
  const { metric, side, masks } = prepare(op, points, options);
  try {
    const n = rowsOf(side);
    const most = options.includeSelf === true ? n : n - 1;
    if (n > 0) checkNeighborCount(op, k, most, most === n ? 'n' : 'n - 1');
    const found = await searchAll(op, { metric, side, masks }, k, options);
    const distances = await finishOnHost(metric, found.distances);
    return finishGraph(op, { ...found, distances }, options, isSimilarity(metric.form));
  } finally {
    releaseSide(side);
    disposeMasks(masks);
  }
}

/**
 * Graph that joins every point with all others within a radius; the options and the result are those of
 * {@link knnGraph}, the edges those of {@link radiusNeighbors}.
 * @throws as radiusNeighbors.
 * @example
 * const graph = await radiusGraph(points, 0.5, { weights: 'connectivity' });
 */
export async function radiusGraph(
  points: RowInput,
  radius: number,
  options: GraphOptions = {},
): Promise<NeighborLists> {
  const op = 'radiusGraph';
  checkGraphOptions(op, options);
  const { includeSelf = false, groups } = options;
  const masked = groups === undefined ? {} : { queryGroups: groups, pointGroups: groups };
  const found = await radiusNeighbors(points, points, radius, {
    ...options,
    ...masked,
    excludeSelf: !includeSelf,
  });
  const { metric = 'euclidean' } = options;
  const descending = typeof metric !== 'object' && resolveMetric(op, metric) === 'innerProduct';
  return finishGraph(op, found, options, descending);
}

function checkGraphOptions(op: string, { kind, weights }: GraphOptions): void {
  const check = (arg: string, value: string | undefined, known: readonly string[]): void => {
    if (value === undefined || known.includes(value)) return;
    throw new DomainError({
      op,
      arg,
      expected: `be one of ${known.join(', ')}`,
      got: `'${value}'`,
    });
  };
  check('kind', kind, ['directed', 'mutual', 'symmetric']);
  check('weights', weights, ['distance', 'connectivity']);
}

interface Prepared {
  readonly metric: PreparedMetric;
  readonly side: Side;
  readonly masks: Masks;
}

function prepare(op: string, points: RowInput, options: GraphOptions): Prepared {
  const { groups } = options;
  let metric: PreparedMetric | undefined;
  const made = tidy(() => {
    const rows = rowTensor(op, 'points', points);
    const n = rows.shape[1];
    if (groups !== undefined && groups.length !== n) {
      throw new ShapeError({
        op,
        arg: 'groups',
        expected: `hold one group for each of the ${n} points`,
        got: String(groups.length),
      });
    }
    metric = prepareMetric(op, options, rows.shape[2]);
    const masked = groups === undefined ? {} : { queryGroups: groups, pointGroups: groups };
    const masks = prepareMasks(op, masked, { batchShape: [], q: n, n });
    return { side: cloneSide(metric.rows(rows, rows)[1]), masks: cloneMasks(masks) };
  });
  if (metric === undefined) throw new Error('tidy did not run');
  return { metric, ...made };
}

async function searchAll(
  op: string,
  { metric: { form }, side, masks }: Prepared,
  k: number,
  options: GraphOptions,
): Promise<NeighborLists> {
  const n = rowsOf(side);
  const pairs = new PairBuffer();
  const counts = new Int32Array(n);
  const attrs = {
    form,
    k,
    mode: checkMode(op, options.mode),
    selfOffset: options.includeSelf === true ? undefined : 0,
    resident: true,
  };
  for (const slab of querySlabs(side, k)) {
    options.signal?.throwIfAborted();
    const { values, indices } = await readNeighbors(searchSlab(side, side, masks, attrs, slab));
    for (let s = 0; s < indices.length; s++) {
      if (indices[s] < 0) continue;
      const row = slab.start + Math.floor(s / k);
      pairs.push(row, indices[s], values[s]);
      counts[row]++;
    }
    options.onProgress?.(slab.start + slab.count, n);
  }
  return {
    offsets: offsetsOf(op, counts),
    indices: pairs.indices.slice(0, pairs.length),
    distances: pairs.values.slice(0, pairs.length),
  };
}

function finishGraph(
  op: string,
  found: NeighborLists,
  { kind = 'directed', weights = 'distance' }: GraphOptions,
  descending: boolean,
): NeighborLists {
  const graph = kind === 'directed' ? found : joinBothWays(op, found, kind, descending);
  if (weights === 'distance') return graph;
  return { ...graph, distances: new Float32Array(graph.distances.length).fill(1) };
}

/** Rows of the transposed graph: for each node, who has it as a neighbour, by ascending source. */
function transpose(op: string, { offsets, indices, distances }: NeighborLists): NeighborLists {
  const n = offsets.length - 1;
  const counts = new Int32Array(n);
  for (const target of indices) counts[target]++;
  const back = offsetsOf(op, counts);
  const next = back.slice(0, n);
  const sources = new Int32Array(indices.length);
  const values = new Float32Array(indices.length);
  for (let row = 0; row < n; row++) {
    for (let e = offsets[row]; e < offsets[row + 1]; e++) {
      const at = next[indices[e]]++;
      sources[at] = row;
      values[at] = distances[e];
    }
  }
  return { offsets: back, indices: sources, distances: values };
}

function joinBothWays(
  op: string,
  graph: NeighborLists,
  kind: Exclude<Kind, 'directed'>,
  descending: boolean,
): NeighborLists {
  const back = transpose(op, graph);
  const n = graph.offsets.length - 1;
  const counts = new Int32Array(n);
  const out = new PairBuffer();
  const nearer = descending ? Math.max : Math.min;
  const sign = descending ? -1 : 1;
  for (let row = 0; row < n; row++) {
    const edges = new Map<number, number>();
    const into = new Map<number, number>();
    for (let e = back.offsets[row]; e < back.offsets[row + 1]; e++) {
      into.set(back.indices[e], back.distances[e]);
    }
    for (let e = graph.offsets[row]; e < graph.offsets[row + 1]; e++) {
      const [target, own] = [graph.indices[e], graph.distances[e]];
      const other = into.get(target);
      if (kind === 'mutual') {
        if (other !== undefined) edges.set(target, own);
      } else edges.set(target, nearer(own, other ?? own));
    }
    if (kind === 'symmetric') {
      for (const [source, distance] of into) if (!edges.has(source)) edges.set(source, distance);
    }
    const sorted = [...edges].sort(([i, a], [j, b]) => (a === b ? i - j : sign * (a < b ? -1 : 1)));
    for (const [target, distance] of sorted) out.push(row, target, distance);
    counts[row] = sorted.length;
  }
  return {
    offsets: offsetsOf(op, counts),
    indices: out.indices.slice(0, out.length),
    distances: out.values.slice(0, out.length),
  };
}
