import { DomainError } from '../../errors.js';
import type { Rows } from '../../util/rows.js';
import { shortestPaths } from '../../util/shortestPaths.js';
import { squaredDistances } from '../diffusionMap/kernel.js';
import { diffusionCoordinates } from '../diffusionMap/operator.js';

/** Ways to measure how far apart rows are. */
export const ROW_DISTANCES = ['euclidean', 'graph', 'diffusion'] as const;

export type RowDistance = (typeof ROW_DISTANCES)[number];

export interface RowDistanceSettings {
  readonly distances: RowDistance;
  /** Neighbours of each row in the graph, and in the bandwidth of the diffusion. */
  readonly neighbors: number;
  /** Coordinates of the diffusion map. */
  readonly diffusionDims: number;
  /** Time of the diffusion. */
  readonly time: number;
}

/** Rows of which all distances stay within 150 MiB. */
export const MOST_MATCHED_ROWS = 6000;

/** Distances of all pairs [n, n], and the root of the mean of their squares that they were divided by. */
export interface RowDistances {
  readonly matrix: Float32Array;
  readonly scale: number;
}

/**
 * Distances of all pairs of rows, divided by their root mean square:
 *
 * - euclidean: |x - y|;
 * - graph: shortest paths along the symmetric graph of k nearest neighbours, as Isomap takes them for lengths
 *   of geodesics;
 * - diffusion: |psi(x) lambda^t - psi(y) lambda^t| among the coordinates of a diffusion map.
 *
 * Cost: O(n^2 d) time on the host; graph O(n^2 k log n), diffusion O(n^3) beside it.
 * @throws DomainError for more than {@link MOST_MATCHED_ROWS} rows, too few for the neighbours, a graph in
 * several pieces, or rows that all coincide.
 */
export function rowDistances(op: string, x: Rows, settings: RowDistanceSettings): RowDistances {
  const n = x.count;
  const least = settings.distances === 'euclidean' ? 2 : settings.neighbors + 1;
  if (n < least || n > MOST_MATCHED_ROWS) {
    const expected = `have ${least} to ${MOST_MATCHED_ROWS} rows`;
    throw new DomainError({ op, arg: 'x', expected, got: String(n) });
  }
  const all = DISTANCES[settings.distances](op, x, settings);
  const scale = Math.sqrt(all.reduce((sum, value) => sum + value * value, 0) / (n * (n - 1)));
  if (!(scale > 0)) {
    const expected = 'have rows that differ';
    throw new DomainError({ op, arg: 'x', expected, got: `${n} rows without distance` });
  }
  return { matrix: Float32Array.from(all, (value) => value / scale), scale };
}

const DISTANCES: Readonly<
  Record<RowDistance, (op: string, x: Rows, settings: RowDistanceSettings) => Float64Array>
> = {
  euclidean: (_op, x) => squaredDistances(x).map(Math.sqrt),
  graph: graphLengths,
  diffusion: (_op, x, { diffusionDims, time, neighbors }) => {
    const dims = Math.min(diffusionDims, x.count - 2);
    const found = diffusionCoordinates(x, { dims, alpha: 1, bandwidth: 'auto', neighbors });
    const factors = found.eigenvalues.map((value) => Math.max(0, value) ** time);
    const points = Float32Array.from(found.vectors, (value, at) => value * factors[at % dims]);
    return squaredDistances({ data: points, count: x.count, rowShape: [dims] }).map(Math.sqrt);
  },
};

function graphLengths(op: string, x: Rows, { neighbors }: RowDistanceSettings): Float64Array {
  const n = x.count;
  const lengths = squaredDistances(x).map(Math.sqrt);
  const lists = Array.from({ length: n }, () => new Map<number, number>());
  for (let i = 0; i < n; i++) {
    const row = lengths.subarray(i * n, (i + 1) * n);
    const others = Array.from(row.keys()).filter((j) => j !== i);
    others.sort((a, b) => row[a] - row[b] || a - b);
    for (const j of others.slice(0, neighbors)) {
      lists[i].set(j, row[j]);
      lists[j].set(i, row[j]);
    }
  }
  const offsets = new Int32Array(n + 1);
  lists.forEach((list, i) => (offsets[i + 1] = offsets[i] + list.size));
  const graph = {
    offsets,
    indices: lists.flatMap((list) => [...list.keys()]),
    distances: lists.flatMap((list) => [...list.values()]),
  };
  for (let i = 0; i < n; i++) {
    const row = shortestPaths(graph, i);
    if (i === 0 && row.includes(Infinity)) {
      throw new DomainError({
        op,
        arg: 'x',
        expected: `be joined by a graph of ${neighbors} neighbours`,
        got: 'rows in several pieces',
        fix: 'Raise neighbors, or use other distances.',
      });
    }
    lengths.set(row, i * n);
  }
  return lengths;
}

/** Distances of the rows of a batch [b, b], row by row. */
export function distanceBlock(matrix: Float32Array, n: number, indices: Int32Array): Float32Array {
  const b = indices.length;
  const out = new Float32Array(b * b);
  for (let i = 0; i < b; i++) {
    for (let j = 0; j < b; j++) out[i * b + j] = matrix[indices[i] * n + indices[j]];
  }
  return out;
}
