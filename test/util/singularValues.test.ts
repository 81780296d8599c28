import { describe, expect, it } from 'vitest';
import { singularValues } from '../../src/util/singularValues.js';
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
