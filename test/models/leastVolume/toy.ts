import { Rng } from '../../../src/util/rng.js';
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
