import { rowSize } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';

/** |x_i - x_j|^2 of all pairs [n, n]. */
export function squaredDistances(rows: Rows): Float64Array {
  const [n, d] = [rows.count, rowSize(rows)];
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let f = 0; f < d; f++) sum += (rows.data[i * d + f] - rows.data[j * d + f]) ** 2;
      out[i * n + j] = sum;
      out[j * n + i] = sum;
    }
  }
  return out;
}

/** Median over pairs of different rows; 1 when it is 0, where most rows are equal. */
export function medianOfPairs(squares: Float64Array, n: number): number {
  const pairs = new Float64Array((n * (n - 1)) / 2);
  let at = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) pairs[at++] = squares[i * n + j];
  const median = pairs.sort()[pairs.length >> 1] ?? 0;
  return median > 0 ? median : 1;
}

/** Sums of the rows of a square matrix. */
export function rowSums(matrix: Float64Array, n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) =>
    matrix.subarray(i * n, (i + 1) * n).reduce((sum, value) => sum + value, 0),
  );
}

/** Multiplies entry (i, j) by factor i and factor j. */
export function scaleBoth(matrix: Float64Array, factors: Float64Array): void {
  const n = factors.length;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) matrix[i * n + j] *= factors[i] * factors[j];
  }
}

/**
 * Median over rows of the squared distance to the k-th nearest other row; 1 when it is 0, where most rows are
 * equal to k others.
 */
export function medianToNeighbor(squares: Float64Array, n: number, k: number): number {
  const reach = Float64Array.from({ length: n }, (_, i) => {
    const row = squares.slice(i * n, (i + 1) * n).sort();
    return row[Math.min(k, n - 1)];
  });
  const median = reach.sort()[n >> 1];
  return median > 0 ? median : 1;
}
