import { Rng } from '../../../src/util/rng.js';
import { rowSize } from '../../../src/util/rows.js';
import type { Rows } from '../../../src/util/rows.js';
import { symmetricEigen } from '../../../src/util/symmetricEigen.js';

/** Settings of a linear autoencoder that finds its optimum in a second or two. */
export const LINEAR = {
  hidden: [] as number[],
  standardize: false,
  epochs: 300,
  batchSize: 512,
  learningRate: 0.03,
};

/** Rows of nested arrays. */
export function rowsOf(values: readonly (readonly number[])[]): Rows {
  const rowShape = [values[0].length];
  return { data: Float32Array.from(values.flat()), count: values.length, rowShape };
}

/** Row i as numbers. */
export function rowAt(rows: Rows, i: number): number[] {
  const size = rowSize(rows);
  return Array.from(rows.data.subarray(i * size, (i + 1) * size));
}

/** Normal rows whose standard deviations along random orthogonal directions are the given ones. */
export function ellipsoid(count: number, deviations: readonly number[], seed: number): Rows {
  const d = deviations.length;
  const frame = new Rng(99);
  const noise = Float64Array.from({ length: d * d }, () => frame.normal());
  const symmetric = noise.map((value, at) => value + noise[(at % d) * d + Math.floor(at / d)]);
  const { vectors } = symmetricEigen(symmetric, d);
  const rng = new Rng(seed);
  const values = Array.from({ length: count }, () => {
    const draws = deviations.map((deviation) => deviation * rng.normal());
    return Array.from({ length: d }, (_, f) =>
      draws.reduce((sum, value, k) => sum + value * vectors[k * d + f], 0),
    );
  });
  return rowsOf(values);
}

/** Covariance (about 0) of rows: eigenvalues, largest first, with their directions. */
export function principal(x: Rows): { values: number[]; directions: number[][] } {
  const d = x.rowShape[0];
  const covariance = new Float64Array(d * d);
  for (let i = 0; i < x.count; i++) {
    const row = rowAt(x, i);
    for (let a = 0; a < d; a++) {
      for (let b = 0; b < d; b++) covariance[a * d + b] += (row[a] * row[b]) / x.count;
    }
  }
  const { values, vectors } = symmetricEigen(covariance, d);
  const order = Array.from({ length: d }, (_, k) => d - 1 - k);
  return {
    values: order.map((k) => values[k]),
    directions: order.map((k) => Array.from(vectors.subarray(k * d, (k + 1) * d))),
  };
}

export const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** Mean squared difference of two sets of rows. */
export function meanSquare(a: Rows, b: Rows): number {
  return mean(a.data.map((value, i) => (value - b.data[i]) ** 2));
}
