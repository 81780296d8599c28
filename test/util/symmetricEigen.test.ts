import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/util/rng.js';
import { symmetricEigen } from '../../src/util/symmetricEigen.js';
import { PROPERTY } from '../support/arbitraries.js';

function randomSymmetric(n: number, seed: number, rank = n): Float64Array {
  const rng = new Rng(seed);
  const a = new Float64Array(n * n);
  for (let k = 0; k < rank; k++) {
    const v = Float64Array.from({ length: n }, () => rng.normal());
    const sign = rng.uniform() < 0.5 ? -1 : 1;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j] += sign * (v[i] * v[j]);
  }
  return a;
}

const dot = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);

describe('symmetricEigen', () => {
  it('golden: 2 x 2, diagonal, zero, one and no value', () => {
    const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
    expect(values[0]).toBeCloseTo(1, 14);
    expect(values[1]).toBeCloseTo(3, 14);
    expect(Math.abs(vectors[0] + vectors[1])).toBeLessThan(1e-15);
    const diagonal = symmetricEigen(Float64Array.of(3, 0, 0, 0, -1, 0, 0, 0, 2), 3);
    expect(Array.from(diagonal.values)).toEqual([-1, 2, 3]);
    expect(Array.from(diagonal.vectors, Math.abs)).toEqual([0, 1, 0, 0, 0, 1, 1, 0, 0]);
    expect(Array.from(symmetricEigen(new Float64Array(9), 3).values)).toEqual([0, 0, 0]);
    expect(Array.from(symmetricEigen(Float64Array.of(-4), 1).values)).toEqual([-4]);
    expect(symmetricEigen(new Float64Array(0), 0).values.length).toBe(0);
  });

  it('reference: the second difference matrix has eigenvalues 2 - 2 cos(pi k / (n + 1))', () => {
    const n = 40;
    const a = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      a[i * n + i] = 2;
      if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    symmetricEigen(a, n).values.forEach((value, k) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos((Math.PI * (k + 1)) / (n + 1)), 13);
    });
  });

  it('property: orthonormal vectors that rebuild the matrix, of any size, rank and scale', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(),
        fc.integer({ min: -100, max: 100 }),
        (n, rank, seed, exponent) => {
          const a = randomSymmetric(n, seed, rank).map((value) => value * 10 ** exponent);
          const before = a.slice();
          const { values, vectors } = symmetricEigen(a, n);
          expect(a).toEqual(before);
          const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          const row = (k: number): Float64Array => vectors.subarray(k * n, (k + 1) * n);
          for (let i = 0; i < n; i++) {
            if (i > 0) expect(values[i]).toBeGreaterThanOrEqual(values[i - 1]);
            for (let j = 0; j < n; j++) {
              expect(Math.abs(dot(row(i), row(j)) - (i === j ? 1 : 0))).toBeLessThan(1e-13);
              let sum = 0;
              for (let k = 0; k < n; k++) sum += values[k] * row(k)[i] * row(k)[j];
              expect(Math.abs(sum - a[i * n + j])).toBeLessThanOrEqual(2e-14 * largest);
            }
          }
        },
      ),
      PROPERTY,
    );
  });
});

describe('symmetricEigen of graded matrices', () => {
  it('converges where most eigenvalues are nothing but rounding', () => {
    // cosh of distances on a path: entries from 1 to 1e60, of numerical rank 1.
    for (const [n, scale] of [
      [120, 1],
      [60, 2.5],
      [200, 0.05],
    ]) {
      const a = Float64Array.from({ length: n * n }, (_, at) =>
        Math.cosh(scale * Math.abs(Math.floor(at / n) - (at % n))),
      );
      const { values, vectors } = symmetricEigen(a, n);
      const trace = values.reduce((sum, value) => sum + value, 0);
      const largest = Math.max(Math.abs(values[0]), values[n - 1]);
      expect(Math.abs(trace - n)).toBeLessThan(1e-12 * largest);
      for (let k = 0; k < n; k += 7) {
        const row = vectors.subarray(k * n, (k + 1) * n);
        for (let i = 0; i < n; i += 11) {
          const product = row.reduce((sum, value, j) => sum + a[i * n + j] * value, 0);
          expect(Math.abs(product - values[k] * row[i])).toBeLessThan(1e-13 * largest);
        }
      }
    }
  });
});
