import { symmetricEigen } from './symmetricEigen.js';

/**
 * Singular values of a matrix in float64, largest first: the roots of the eigenvalues of the smaller of
 * M M^T and M^T M.
 * @param matrix rows x columns values, row by row, finite. It is not changed.
 * @returns min(rows, columns) values >= 0. Those below 1e-8 of the largest are rounding.
 * Cost: O(rows columns k + k^3) with k the smaller side.
 */
export function singularValues(
  matrix: ArrayLike<number>,
  rows: number,
  columns: number,
): Float64Array {
  const k = Math.min(rows, columns);
  const [length, step, stride] = rows <= columns ? [columns, columns, 1] : [rows, 1, columns];
  const gram = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let f = 0; f < length; f++) {
        sum += matrix[i * step + f * stride] * matrix[j * step + f * stride];
      }
      gram[i * k + j] = sum;
      gram[j * k + i] = sum;
    }
  }
  return symmetricEigen(gram, k)
    .values.map((value) => Math.sqrt(Math.max(0, value)))
    .reverse();
}
