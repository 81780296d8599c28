import { Rng } from '../../../src/util/rng.js';
import type { Rows } from '../../../src/util/rows.js';

/** Points of a random plane in 6 dimensions, with a little noise. */
export function planeRows(count: number, seed: number): Rows {
  const frame = new Rng(7);
  const axes = Array.from({ length: 12 }, () => frame.normal());
  const rng = new Rng(seed);
  const data = new Float32Array(count * 6);
  for (let i = 0; i < count; i++) {
    const [a, b] = [rng.normal(), rng.normal()];
    for (let j = 0; j < 6; j++) {
      data[i * 6 + j] = a * axes[j] + b * axes[6 + j] + 0.01 * rng.normal();
    }
  }
  return { data, count, rowShape: [6] };
}

/** Images [8, 8, 1] in [0, 1]: a bright blob somewhere. */
export function blobImages(count: number, seed: number): Rows {
  const rng = new Rng(seed);
  const data = new Float32Array(count * 64);
  for (let i = 0; i < count; i++) {
    const [x, y] = [2 + 4 * rng.uniform(), 2 + 4 * rng.uniform()];
    for (let j = 0; j < 64; j++) {
      data[i * 64 + j] = Math.exp(-(((j % 8) - x) ** 2 + (Math.floor(j / 8) - y) ** 2) / 3);
    }
  }
  return { data, count, rowShape: [8, 8, 1] };
}
