/**
 * Lower triangular L with L L^T = the matrix, float64 (Cholesky-Banachiewicz).
 * @param matrix Square and symmetric (to 1e-9 of its largest entry).
 * @returns Rows of L, or undefined when the matrix is not symmetric positive definite.
 */
export function cholesky(
  matrix: readonly (readonly number[])[],
): readonly (readonly number[])[] | undefined {
  const n = matrix.length;
  const largest = Math.max(0, ...matrix.flat().map(Math.abs));
  const factor = matrix.map(() => new Array<number>(n).fill(0));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      if (!(Math.abs(matrix[i][j] - matrix[j][i]) <= 1e-9 * largest)) return undefined;
      let sum = matrix[i][j];
      for (let k = 0; k < j; k++) sum -= factor[i][k] * factor[j][k];
      if (i === j) {
        if (!(sum > 0) || !Number.isFinite(sum)) return undefined;
        factor[i][i] = Math.sqrt(sum);
      } else {
        factor[i][j] = sum / factor[j][j];
      }
    }
  }
  return factor;
}

/** x of L L^T x = b, float64. @param factor Rows of L, as {@link cholesky} gives them. */
export function solveFactored(
  factor: readonly (readonly number[])[],
  right: ArrayLike<number>,
): number[] {
  const x = Array.from(right);
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= factor[i][k] * x[k];
    x[i] /= factor[i][i];
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] -= factor[k][i] * x[k];
    x[i] /= factor[i][i];
  }
  return x;
}
