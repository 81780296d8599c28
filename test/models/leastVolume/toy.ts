import { Rng } from '../../../src/util/rng.js';
import { symmetricEigen } from '../../../src/util/symmetricEigen.js';
import type { Rows } from '../../../src/util/rows.js';

/**
 * A linear subspace with axes of falling standard deviation in random orthonormal directions, and a little
 * noise in the others.
 */
export function axesRows(
  count: number,
  width: number,
  scales: readonly number[],
  seed: number,
): Rows {
  const frame = new Rng(11);
  const axes: number[][] = [];
  for (let i = 0; i < width; i++) {
    let axis = Array.from({ length: width }, () => frame.normal());
    for (const other of axes) {
      const part = axis.reduce((sum, v, k) => sum + v * other[k], 0);
      axis = axis.map((v, k) => v - part * other[k]);
    }
    const length = Math.hypot(...axis);
    axes.push(axis.map((v) => v / length));
  }
  const rng = new Rng(seed);
  const data = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    axes.forEach((axis, k) => {
      const at = (k < scales.length ? scales[k] : 0.01) * rng.normal();
      axis.forEach((v, j) => (data[i * width + j] += at * v));
    });
  }
  return { data, count, rowShape: [width] };
}

/** Unit principal axes of rows in order, with their standard deviations: float64. */
export function principalAxes({ data, count, rowShape }: Rows): {
  axes: Float64Array[];
  deviations: number[];
} {
  const [width] = rowShape;
  const mean = new Float64Array(width);
  data.forEach((value, i) => (mean[i % width] += value / count));
  const covariance = new Float64Array(width * width);
  for (let i = 0; i < count; i++) {
    const row = Float64Array.from(mean, (m, j) => data[i * width + j] - m);
    for (let a = 0; a < width; a++) {
      for (let b = 0; b < width; b++) covariance[a * width + b] += (row[a] * row[b]) / (count - 1);
    }
  }
  const { values, vectors } = symmetricEigen(covariance, width);
  const ranks = Array.from({ length: width }, (_, k) => width - 1 - k);
  return {
    axes: ranks.map((k) => vectors.slice(k * width, (k + 1) * width)),
    deviations: ranks.map((k) => Math.sqrt(values[k])),
  };
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0);
}

/** Largest principal angle between the span of `directions` and that of orthonormal `axes`. */
export function largestAngle(
  directions: readonly Float64Array[],
  axes: readonly Float64Array[],
): number {
  const basis: Float64Array[] = [];
  for (const direction of directions) {
    let rest = Float64Array.from(direction);
    for (const other of basis) {
      const part = dot(rest, other);
      rest = rest.map((v, i) => v - part * other[i]);
    }
    const length = Math.sqrt(dot(rest, rest));
    basis.push(rest.map((v) => v / length));
  }
  // The sine is the norm of what projection onto the axes leaves: exact for small angles.
  const k = basis.length;
  const left = basis.map((b) => {
    const parts = axes.map((axis) => dot(b, axis));
    return b.map((v, i) => v - axes.reduce((sum, axis, j) => sum + parts[j] * axis[i], 0));
  });
  const gram = Float64Array.from({ length: k * k }, (_, i) =>
    dot(left[Math.floor(i / k)], left[i % k]),
  );
  return Math.asin(Math.min(1, Math.sqrt(Math.max(0, symmetricEigen(gram, k).values[k - 1]))));
}
