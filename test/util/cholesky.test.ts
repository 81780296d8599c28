import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cholesky, solveFactored } from '../../src/util/cholesky.js';

describe('solveFactored', () => {
  it('property: solves positive definite systems', () => {
    const entry = fc.double({ min: -1, max: 1, noNaN: true });
    const side = 4;
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: side * side, maxLength: side * side }),
        fc.array(entry, { minLength: side, maxLength: side }),
        (values, right) => {
          // A A^T and a ridge of 1.
          const matrix = Array.from({ length: side }, (_, i) =>
            Array.from({ length: side }, (_v, j) => {
              let sum = i === j ? 1 : 0;
              for (let k = 0; k < side; k++) sum += values[i * side + k] * values[j * side + k];
              return sum;
            }),
          );
          const factor = cholesky(matrix);
          if (factor === undefined) throw new Error('a ridge keeps the matrix positive');
          const x = solveFactored(factor, right);
          matrix.forEach((row, i) => {
            const got = row.reduce((sum, value, j) => sum + value * x[j], 0);
            expect(Math.abs(got - right[i])).toBeLessThan(1e-12);
          });
        },
      ),
      { seed: 3 },
    );
  });
});
