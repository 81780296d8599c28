import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { SLAB_ELEMENTS } from '../numerics.js';
import { sliceRows } from '../util/rows.js';
import type { Rows } from '../util/rows.js';

/**
 * Compute on the device block by block: `compute` makes `width` values per row (inside a tidy) from the
 * rows [start, start + count). No temporary of a block is larger than SLAB_ELEMENTS.
 * @param rows Rows on the host, one vector each.
 * @param widest Most values per row of any temporary.
 * @returns All values, row after row.
 */
export async function mapBlocks(
  rows: Rows,
  width: number,
  widest: number,
  compute: (block: Tensor2D, start: number) => Tensor,
): Promise<Float32Array> {
  const d = rows.rowShape[0];
  const step = Math.max(1, Math.floor(SLAB_ELEMENTS / Math.max(1, d, width, widest)));
  const out = new Float32Array(rows.count * width);
  for (let start = 0; start < rows.count; start += step) {
    const block = sliceRows(rows, start, start + step);
    const result = tf.tidy(() =>
      compute(tf.tensor2d(block.data, [block.count, d], 'float32'), start),
    );
    try {
      out.set(await result.data<'float32'>(), start * width);
    } finally {
      result.dispose();
    }
  }
  return out;
}

/** Rows of which every value is computed in float64 and rounded once. */
export function mapRows(
  rows: Rows,
  fill: (row: Float32Array, out: Float32Array, index: number) => void,
): Rows {
  const d = rows.rowShape[0];
  const data = new Float32Array(rows.data.length);
  for (let i = 0; i < rows.count; i++) {
    fill(rows.data.subarray(i * d, (i + 1) * d), data.subarray(i * d, (i + 1) * d), i);
  }
  return { data, count: rows.count, rowShape: rows.rowShape };
}
