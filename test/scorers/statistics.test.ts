import { describe, expect, it } from 'vitest';
import { orthonormalBasis } from '../../src/scorers/orthonormal.js';
import { scatter, whiten, whitenedSquares } from '../../src/scorers/statistics.js';
import * as reference from '../reference/scorers.js';
import type { Matrix } from '../support/arbitraries.js';
import { normalRows } from '../support/arbitraries.js';

const hostRows = (rows: Matrix) => ({
  data: Float32Array.from(rows.flat()),
  count: rows.length,
  rowShape: [rows[0].length],
});

describe('statistics by blocks', () => {
  it('reference: scatter, over several blocks, of odd and even widths, with weights and centres', () => {
    // 300 rows are two full blocks and a part; every third row has weight 0.
    for (const [n, d] of [
      [300, 7],
      [256, 4],
      [129, 1],
      [1, 3],
    ]) {
      // prettier-ignore
      const rows = normalRows(n, d, n);
      const centers = [normalRows(1, d, 7)[0], normalRows(1, d, 8)[0]];
      const weight = (i: number): number => (i % 3) / 2;
      const got = scatter(hostRows(rows), (i) => Float64Array.from(centers[i % 2]), weight);
      for (let j = 0; j < d; j++) {
        for (let l = 0; l < d; l++) {
          const want = reference.sum(
            rows.map((x, i) => {
              const c = centers[i % 2];
              return weight(i) * (x[j] - c[j]) * (x[l] - c[l]);
            }),
          );
          expect(got[j * d + l]).toBeCloseTo(want, 10);
          expect(got[j * d + l]).toBe(got[l * d + j]);
        }
      }
    }
  });

  it('edge: rows of weight 0 only give zeros', () => {
    const rows = hostRows(normalRows(5, 3, 1));
    expect(scatter(rows, () => new Float64Array(3), () => 0)).toEqual(new Float64Array(9)); // prettier-ignore
  });

  it('reference: squared distances after whitening, for odd numbers of rows and directions', () => {
    for (const [n, d] of [
      [5, 3],
      [4, 4],
      [1, 1],
    ]) {
      // prettier-ignore
      const [rows, bank] = [normalRows(n, d, 3), normalRows(40, d, 4)];
      const mean = reference.mean(bank);
      const centers = bank.map(() => mean);
      const covariance = reference.covariance(bank, centers);
      const whitening = whiten('test', '', Float64Array.from(covariance.flat()), d, 0);
      const precision = reference.inverse(covariance);
      const got = whitenedSquares(hostRows(rows), mean, whitening);
      rows.forEach((x, i) => {
        const want = reference.quadratic(precision, reference.minus(x, mean));
        expect(Math.abs(got[i] / want - 1)).toBeLessThan(1e-10);
      });
    }
  });

  it('an orthonormal basis spans the columns, also nearly parallel ones, and no more', () => {
    const a = Float64Array.of(1, 2, 3, 4);
    const near = a.map((v, j) => v * 3 + (j === 0 ? 1e-5 : 0));
    const sum = a.map((v, j) => v + near[j]);
    const basis = orthonormalBasis([a, near, sum, new Float64Array(4)], 1e-9);
    expect(basis).toHaveLength(2);
    const dot = (x: Float64Array, y: Float64Array): number => reference.dot([...x], [...y]);
    expect(dot(basis[0], basis[0])).toBeCloseTo(1, 14);
    expect(dot(basis[1], basis[1])).toBeCloseTo(1, 14);
    expect(Math.abs(dot(basis[0], basis[1]))).toBeLessThan(1e-14);
    for (const column of [a, near, sum]) {
      const seen = dot(column, basis[0]) ** 2 + dot(column, basis[1]) ** 2;
      expect(seen / dot(column, column)).toBeCloseTo(1, 12);
    }
    expect(orthonormalBasis([new Float64Array(2)], 0)).toEqual([]);
  });
});
