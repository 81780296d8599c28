import { describe, expect, it } from 'vitest';
import { singularValues, truncatedRank } from '../../src/util/singularValues.js';
import { jacobiSingularValues } from '../reference/latentPenalties.js';
import { normalRows } from '../support/arbitraries.js';

describe('singularValues', () => {
  it.each([
    [1, 1],
    [3, 5],
    [5, 3],
    [8, 8],
  ])('reference: %i x %i against Jacobi rotations', (m, n) => {
    const rows = normalRows(m, n, m + 10 * n);
    const want = jacobiSingularValues(rows);
    singularValues(rows.flat(), m, n).forEach((value, i) => {
      expect(value).toBeCloseTo(want[i], 12);
    });
  });

  it('edge: a zero matrix and one of rank 1', () => {
    expect(Array.from(singularValues(new Float64Array(6), 2, 3))).toEqual([0, 0]);
    const [first, second] = singularValues([3, 4, 6, 8], 2, 2);
    expect(first).toBeCloseTo(Math.sqrt(125), 12);
    expect(second).toBeLessThan(1e-6);
  });
});

describe('truncatedRank', () => {
  it.each([
    [3, 5],
    [5, 3],
    [8, 8],
  ])('reference: %i x %i keeps the large singular values and takes the others away', (m, n) => {
    const rows = normalRows(m, n, m + 10 * n);
    const matrix = rows.flat();
    const want = jacobiSingularValues(rows);
    const kept = 2;
    const ratio = (want[1] + want[2]) / 2 / want[0];
    const cut = truncatedRank(matrix, m, n, ratio);
    const rest = matrix.map((value, i) => value - cut[i]);
    const nested = (values: ArrayLike<number>): number[][] =>
      Array.from({ length: m }, (_, i) => Array.from(values).slice(i * n, (i + 1) * n));
    const [left, gone] = [cut, rest].map((values) => jacobiSingularValues(nested(values)));
    want.forEach((value, i) => {
      expect(left[i]).toBeCloseTo(i < kept ? value : 0, 10);
      if (i >= kept) expect(gone[i - kept]).toBeCloseTo(value, 10);
    });
  });

  it('edge: ratio 0 keeps all, ratio 1 the largest, a zero matrix stays', () => {
    const matrix = [2, 1, 0, 3];
    Array.from(truncatedRank(matrix, 2, 2, 0)).forEach((value, i) => {
      expect(value).toBeCloseTo(matrix[i], 12);
    });
    expect(singularValues(truncatedRank(matrix, 2, 2, 1), 2, 2)[1]).toBeLessThan(1e-7);
    expect(Array.from(truncatedRank(new Float64Array(4), 2, 2, 0.5))).toEqual([0, 0, 0, 0]);
  });
});
