import type { HostRows } from './data.js';

/** Neighbours of some queries: [rows, k] each. */
export interface FoundNeighbours {
  readonly distances: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
}

/** True neighbours of the first queries. */
export interface TrueNeighbours {
  readonly rows: number;
  readonly k: number;
  readonly distances: Float64Array;
  readonly indices: Int32Array;
}

/** Queries whose neighbours are checked. */
export const CHECKED_ROWS = 8;

/** Euclidean neighbours of the first queries, by float64, in the order of (float32 distance, index). */
export function trueNeighbours(queries: HostRows, points: HostRows, k: number): TrueNeighbours {
  const rows = Math.min(CHECKED_ROWS, queries.rows);
  const { d } = points;
  const distances = new Float64Array(rows * k);
  const indices = new Int32Array(rows * k);
  const all = new Float64Array(points.rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < points.rows; j++) {
      let total = 0;
      for (let f = 0, a = i * d, b = j * d; f < d; f++, a++, b++) {
        const difference = queries.data[a] - points.data[b];
        total += difference * difference;
      }
      all[j] = Math.sqrt(total);
    }
    const threshold = all.slice().sort()[k - 1];
    const near: number[] = [];
    // What rounds to the same float32 as the last neighbour competes by index.
    for (let j = 0; j < points.rows; j++) if (all[j] <= threshold * (1 + 2 ** -22)) near.push(j);
    near.sort((a, b) => Math.fround(all[a]) - Math.fround(all[b]) || a - b);
    near.slice(0, k).forEach((index, slot) => {
      indices[i * k + slot] = index;
      distances[i * k + slot] = all[index];
    });
  }
  return { rows, k, distances, indices };
}

/**
 * @param exact Indices and rounded distances must be the true ones; otherwise distances are close.
 * @throws Error naming the first value that is wrong.
 */
export function checkNeighbours(
  found: FoundNeighbours,
  want: TrueNeighbours,
  exact: boolean,
  tolerance = 1e-4,
): void {
  for (let at = 0; at < want.rows * want.k; at++) {
    const [got, distance] = [found.distances[at], want.distances[at]];
    const fits = exact
      ? found.indices[at] === want.indices[at] && got === Math.fround(distance)
      : Math.abs(got - distance) <= tolerance * (1 + distance);
    if (!fits) {
      throw new Error(
        `wrong result: slot ${at} is point ${found.indices[at]} at ${got}, not ` +
          `${want.indices[at]} at ${distance}`,
      );
    }
  }
}

/** @throws Error naming the first value that is not close. */
export function assertClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  bound: number,
  floor = 0,
): void {
  if (got.length !== want.length) throw new Error(`${got.length} values, not ${want.length}`);
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i] - want[i]) <= bound * (Math.abs(want[i]) + floor))) {
      throw new Error(`wrong result: element ${i} is ${got[i]}, not ${want[i]}`);
    }
  }
}
