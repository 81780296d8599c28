import { expect } from 'vitest';
import type { ReferenceNeighbours } from '../reference/knn.js';
import { isClose } from './tolerances.js';
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
