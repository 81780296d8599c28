/** Concept erasure from the papers' formulas, float64, with dense matrices. */
import { covariance, eigen, inverse, mean, minus, times, transpose } from './scorers.js';
import type { Rows } from './scorers.js';

/** V f(values) V^T; eigenvalues below 1e-12 of the largest give 0. */
function matrixFunction(matrix: Rows, f: (value: number) => number): number[][] {
  const { values, vectors } = eigen(matrix);
  const cut = 1e-12 * Math.max(...values);
  const scaled = vectors.map((v, k) => v.map((x) => (values[k] > cut ? f(values[k]) * x : 0)));
  return times(transpose(vectors), scaled);
}

/** Cross-covariance [d, classes] of rows with one-hot labels, divided by n. */
export function crossCovariance(rows: Rows, labels: readonly number[]): number[][] {
  const classes = [...new Set(labels)];
  const oneHot = labels.map((label) => classes.map((c) => Number(c === label)));
  const [m, z] = [mean(rows), mean(oneHot)];
  const centered = rows.map((row) => minus(row, m));
  return times(
    transpose(centered),
    oneHot.map((row) => minus(row, z)),
  ).map((row) => row.map((v) => v / rows.length));
}

/** M (M^T M)^+ M^T: the orthogonal projection on the columns of M. */
export function projection(m: Rows): number[][] {
  return times(times(m, inverse(times(transpose(m), m))), transpose(m));
}

/** x - S^{1/2} P S^{-1/2} (x - m), with pseudo-inverses throughout. */
export function leace(rows: Rows, labels: readonly number[]): (x: readonly number[]) => number[] {
  const m = mean(rows);
  const s = covariance(
    rows,
    rows.map(() => m),
  );
  const [root, whiten] = [
    matrixFunction(s, Math.sqrt),
    matrixFunction(s, (value) => 1 / Math.sqrt(value)),
  ];
  const p = projection(times(whiten, crossCovariance(rows, labels)));
  const taken = times(times(root, p), whiten);
  return (x) => minus(x, times([minus(x, m)], transpose(taken))[0]);
}

/** x - Q Q^T (x - m), Q spanning the columns of the cross-covariance. */
export function nullProjection(
  rows: Rows,
  labels: readonly number[],
): (x: readonly number[]) => number[] {
  const m = mean(rows);
  const p = projection(crossCovariance(rows, labels));
  return (x) => minus(x, times([minus(x, m)], p)[0]);
}
