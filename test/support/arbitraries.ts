import fc from 'fast-check';
import { Rng } from '../../src/util/rng.js';

/** Rows of float32 values as nested arrays: what tfjs and the oracles both take. */
export type Matrix = number[][];

/** Seeded normal rows, rounded to float32 so that the oracle sees what the kernel sees. */
export function normalRows(count: number, features: number, seed: number, scale = 1): Matrix {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: features }, () => Math.fround(rng.normal() * scale)),
  );
}

/** Seed and options of every property run: the same cases each time, reproducible from the message. */
export const PROPERTY = { seed: 20250222, numRuns: 25 } as const;

/** Two sets of rows with a common number of features. */
export function rowSets(max: { n: number; m: number; d: number }): fc.Arbitrary<[Matrix, Matrix]> {
  return fc
    .tuple(
      fc.integer({ min: 1, max: max.n }),
      fc.integer({ min: 1, max: max.m }),
      fc.integer({ min: 1, max: max.d }),
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    )
    .map(([n, m, d, seed]) => [normalRows(n, d, seed), normalRows(m, d, seed + 1)]);
}
