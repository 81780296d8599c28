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
  return symmetricEigen(gramMatrix(matrix, rows, columns), k)
    .values.map(root)
    .reverse();
}

/** A root of an eigenvalue that rounding may have made negative. */
function root(value: number): number {
  return Math.sqrt(Math.max(0, value));
}

/** The smaller of M M^T and M^T M (that for a square M). */
function gramMatrix(matrix: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const k = Math.min(rows, columns);
  const [length, step, stride] = rows < columns ? [columns, columns, 1] : [rows, 1, columns];
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
  return gram;
}

/**
 * A matrix whose singular values below `ratio` times the largest are replaced by 0, in float64: M P, or P M for a
 * wide one, with P the projection on the singular vectors that are kept.
 * @param matrix As for {@link singularValues}. @param ratio In [0, 1]; below 1e-8 nothing but rounding is cut.
 * @returns rows x columns values. Cost: O(rows columns k + k^3) with k the smaller side.
 */
export function truncatedRank(
  matrix: ArrayLike<number>,
  rows: number,
  columns: number,
  ratio: number,
): Float64Array {
  const k = Math.min(rows, columns);
  const { values, vectors } = symmetricEigen(gramMatrix(matrix, rows, columns), k);
  const least = ratio * root(values[k - 1]);
  const out = new Float64Array(rows * columns);
  const isWide = rows < columns;
  const [length, step, stride] = isWide ? [columns, 1, columns] : [rows, columns, 1];
  for (let at = 0; at < k; at++) {
    if (root(values[at]) < least) continue;
    const vector = vectors.subarray(at * k, (at + 1) * k);
    for (let i = 0; i < length; i++) {
      const share = vector.reduce((sum, v, j) => sum + v * matrix[i * step + j * stride], 0);
      for (let j = 0; j < k; j++) out[i * step + j * stride] += share * vector[j];
    }
  }
  return out;
}
