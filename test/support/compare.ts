import { expect } from 'vitest';
import type { ReferenceNeighbours } from '../reference/knn.js';
import { bound, isClose } from './tolerances.js';
import type { Tolerance } from './tolerances.js';

/** Assert that all values are close, naming the first that is not. */
export function expectClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: Tolerance,
  scale = 1,
): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    if (!isClose(got[i], want[i], tolerance, scale)) {
      expect.fail(`element ${i}: got ${got[i]}, want ${want[i]} (${tolerance.reason})`);
    }
  }
}

/**
 * Assert that neighbours equal the oracle's up to ties within rounding: distances close rank by rank,
 * every index's own distance close to the one reported for it, no index twice, and order kept.
 * @param distanceOf Float64 distance of query i to point j.
 */
export function expectNeighbours(
  got: { readonly distances: ArrayLike<number>; readonly indices: ArrayLike<number> },
  want: readonly ReferenceNeighbours[],
  distanceOf: (query: number, point: number) => number,
  tolerance: Tolerance,
): void {
  const k = want.length === 0 ? 0 : want[0].indices.length;
  expect(got.indices.length).toBe(want.length * k);
  want.forEach((row, i) => {
    const indices = Array.from({ length: k }, (_, s) => got.indices[i * k + s]);
    const distances = Array.from({ length: k }, (_, s) => got.distances[i * k + s]);
    expectClose(distances, row.distances, tolerance);
    const real = indices.filter((index) => index >= 0);
    expect(new Set(real).size, `query ${i}: an index appears twice`).toBe(real.length);
    row.indices.forEach((index, slot) => {
      if (index === -1) expect(indices[slot], `query ${i} slot ${slot}`).toBe(-1);
      else {
        const own = distanceOf(i, indices[slot]);
        if (!isClose(own, row.distances[slot], tolerance)) {
          expect.fail(
            `query ${i} slot ${slot}: point ${indices[slot]} is at ${own}, not ${row.distances[slot]}`,
          );
        }
      }
    });
    for (let s = 1; s < k; s++) {
      if (distances[s] < distances[s - 1]) expect.fail(`query ${i}: slot ${s} is not ascending`);
    }
  });
}

/** Neighbours as an op returns them, one row of k after the other. */
export interface Found {
  readonly distances: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
}

/**
 * Assert that neighbours are the oracle's to the bit: distances equal after rounding to float32, and
 * the same indices in the same slots.
 */
export function expectSameNeighbours(got: Found, want: readonly ReferenceNeighbours[]): void {
  const k = want.length === 0 ? 0 : want[0].indices.length;
  expect(got.indices.length).toBe(want.length * k);
  expect(got.distances.length).toBe(want.length * k);
  want.forEach((row, i) => {
    row.indices.forEach((index, s) => {
      const distance = Math.fround(row.distances[s]);
      const at = i * k + s;
      if (got.indices[at] !== index || got.distances[at] !== distance) {
        expect.fail(
          `query ${i} slot ${s}: got point ${got.indices[at]} at ${got.distances[at]}, ` +
            `want point ${index} at ${distance}`,
        );
      }
    });
  });
}

/**
 * Assert that neighbours equal the oracle's up to rounding, as scikit-learn does: distances close slot
 * by slot, no index twice, and for every run of distances that are equal within the tolerance the same
 * set of indices (a run that k cuts: a subset). Empty slots must be the same.
 * @param ranking Oracle's neighbours, at least k deep; deeper where the last run is to be seen whole.
 */
export function expectQuasiNeighbours(
  got: Found,
  ranking: readonly ReferenceNeighbours[],
  k: number,
  tolerance: Tolerance,
  scale = 1,
): void {
  expect(got.indices.length).toBe(ranking.length * k);
  expect(got.distances.length).toBe(ranking.length * k);
  ranking.forEach((row, i) => {
    const indices = Array.from({ length: k }, (_, s) => got.indices[i * k + s]);
    const distances = Array.from({ length: k }, (_, s) => got.distances[i * k + s]);
    expectClose(distances, row.distances.slice(0, k), tolerance, scale);
    const real = indices.filter((index) => index >= 0);
    if (new Set(real).size !== real.length) {
      expect.fail(`query ${i}: an index appears twice in ${indices.join(', ')}`);
    }
    for (let start = 0; start < k;) {
      const end = runEnd(row, start, tolerance, scale);
      const run = new Set(row.indices.slice(start, end));
      const stranger = indices.slice(start, Math.min(end, k)).find((index) => !run.has(index));
      if (stranger !== undefined) {
        expect.fail(
          `query ${i}: point ${stranger} stands among those at ${row.distances[start]} ` +
            `(slots ${start} to ${end - 1}: ${[...run].join(', ')})`,
        );
      }
      start = end;
    }
  });
}

/** End of the run of equal distances (or empty slots) that begins at a slot. */
function runEnd(
  { distances, indices }: ReferenceNeighbours,
  start: number,
  tolerance: Tolerance,
  scale: number,
): number {
  let end = start + 1;
  while (end < distances.length && indices[end] < 0 === indices[start] < 0) {
    const [before, next] = [distances[end - 1], distances[end]];
    const near = bound(tolerance, before, scale) + bound(tolerance, next, scale);
    if (before !== next && !(Math.abs(next - before) <= near)) break;
    end++;
  }
  return end;
}
