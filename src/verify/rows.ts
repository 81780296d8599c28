import { Rng } from '../util/rng.js';
import type { Matrix } from './oracle.js';

/** Rows whose element (i, f) is value(i, f) in float32. */
export function matrixOf(rows: number, d: number, value: (i: number, f: number) => number): Matrix {
  const data = new Float32Array(rows * d);
  for (let at = 0; at < data.length; at++) data[at] = value(Math.floor(at / d), at % d);
  return { data, rows, d };
}

/** Normal rows, moved and scaled. */
export function normalRows(rows: number, d: number, seed: number, scale = 1, offset = 0): Matrix {
  const rng = new Rng(seed);
  return matrixOf(rows, d, () => rng.normal() * scale + offset);
}

/** Small whole numbers: many equal distances. */
export function wholeRows(rows: number, d: number, seed: number, levels = 3): Matrix {
  const rng = new Rng(seed);
  return matrixOf(rows, d, () => rng.int(levels));
}

/** Rows >= 0 that add to about 1, some entries 0 in all rows alike. */
export function shareRows(rows: number, d: number, seed: number): Matrix {
  const rng = new Rng(seed);
  const raw = matrixOf(rows, d, (_, f) => (f % 5 === 4 ? 0 : 0.05 + rng.uniform()));
  return matrixOf(rows, d, (i, f) => {
    const row = raw.data.subarray(i * d, (i + 1) * d);
    return raw.data[i * d + f] / row.reduce((total, value) => total + value, 0);
  });
}

/** Rows inside the ball of radius 1 / sqrt(c), some of them close to its boundary. */
export function ballRows(rows: number, d: number, seed: number, c: number): Matrix {
  const rng = new Rng(seed);
  const directions = normalRows(rows, d, seed + 1);
  const radii = Array.from({ length: rows }, (_, i) =>
    i % 4 === 0 ? 1 - 10 ** -(1 + rng.int(4)) : rng.uniform() * 0.9,
  );
  return matrixOf(rows, d, (i, f) => {
    const row = directions.data.subarray(i * d, (i + 1) * d);
    const length = Math.hypot(...row);
    return (row[f] / length) * (radii[i] / Math.sqrt(c));
  });
}

/** Latitude and longitude in radians, poles and the antimeridian among them. */
export function sphereRows(rows: number, seed: number): Matrix {
  const rng = new Rng(seed);
  return matrixOf(rows, 2, (i, f) => {
    if (i % 6 === 5) return f === 0 ? Math.PI / 2 : rng.uniform();
    if (i % 6 === 4 && f === 1) return Math.PI * (i % 12 === 4 ? 1 : -1) * (1 - 1e-6);
    return f === 0 ? Math.asin(2 * rng.uniform() - 1) : Math.PI * (2 * rng.uniform() - 1);
  });
}

/** A copy in which some rows are replaced. */
export function withRows(
  matrix: Matrix,
  replace: (i: number) => ArrayLike<number> | undefined,
): Matrix {
  const data = matrix.data.slice();
  for (let i = 0; i < matrix.rows; i++) {
    const row = replace(i);
    if (row !== undefined) data.set(row, i * matrix.d);
  }
  return { ...matrix, data };
}

/** Row i of a matrix. */
export function rowOf({ data, d }: Matrix, i: number): Float32Array {
  return data.subarray(i * d, (i + 1) * d);
}
