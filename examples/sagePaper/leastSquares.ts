/** Ordinary least squares: the plain regressor whose error SAGE's score is to lower. */
import { cholesky, solveFactored } from '../../src/util/cholesky.js';
import type { Rows } from '../../src/util/rows.js';
import type { Labelled } from './scoring.js';

/** Ridge beside a mean square of 1 per standardised feature: columns that sum to one stay solvable. */
const RIDGE = 1e-6;

/** Fit y = b0 + sum_j b_j x_j by least squares, float64; the result predicts rows. */
export function leastSquares({ x, targets }: Labelled): (x: Rows) => Float64Array {
  const size = x.data.length / x.count;
  const { mean, deviation } = momentsOf(x);
  const meanTarget = Array.from(targets.values).reduce((sum, y) => sum + y, 0) / x.count;
  const products = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const sides = new Array<number>(size).fill(0);
  for (let i = 0; i < x.count; i++) {
    const row = standardised(x, i, mean, deviation);
    for (let a = 0; a < size; a++) {
      sides[a] += (row[a] * (targets.values[i] - meanTarget)) / x.count;
      for (let b = 0; b < size; b++) products[a][b] += (row[a] * row[b]) / x.count;
    }
  }
  for (let a = 0; a < size; a++) products[a][a] += RIDGE;
  const weights = solve(products, sides);
  return (rows) =>
    Float64Array.from({ length: rows.count }, (_, i) => {
      const row = standardised(rows, i, mean, deviation);
      return row.reduce((sum, value, j) => sum + value * weights[j], meanTarget);
    });
}

interface Moments {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

function momentsOf({ data, count }: Rows): Moments {
  const size = data.length / count;
  const column = (j: number): number[] =>
    Array.from({ length: count }, (_, i) => data[i * size + j]);
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const columns = Array.from({ length: size }, (_, j) => column(j));
  const mean = columns.map((values) => sum(values) / count);
  const deviation = columns.map(
    (values, j) => Math.sqrt(sum(values.map((value) => (value - mean[j]) ** 2)) / count) || 1,
  );
  return { mean, deviation };
}

function standardised(
  { data, count }: Rows,
  i: number,
  mean: readonly number[],
  deviation: readonly number[],
): number[] {
  const size = data.length / count;
  return mean.map((centre, j) => (data[i * size + j] - centre) / deviation[j]);
}

function solve(matrix: readonly (readonly number[])[], sides: readonly number[]): number[] {
  const factor = cholesky(matrix);
  if (factor === undefined) throw new Error('leastSquares: the features are not independent');
  return solveFactored(factor, sides);
}
