import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { SLAB_ELEMENTS } from '../numerics.js';
import { sliceRows } from '../util/rows.js';
import type { Rows } from '../util/rows.js';

/**
 * Compute on the device block by block, so that no temporary is larger than SLAB_ELEMENTS.
 * @param rows Rows on the host, one vector each.
 * @param widest Most values per row of any temporary.
 * @param compute Tensors of the rows [start, start + block rows); runs inside a tidy.
 * @param read Takes their values; the tensors are freed before the next block.
 */
export async function forBlocks(
  rows: Rows,
  widest: number,
  compute: (block: Tensor2D, start: number) => Tensor[],
  read: (values: (Float32Array | Int32Array)[], start: number) => void,
): Promise<void> {
  const d = rows.rowShape[0];
  const step = Math.max(1, Math.floor(SLAB_ELEMENTS / Math.max(1, d, widest)));
  for (let start = 0; start < rows.count; start += step) {
    const block = sliceRows(rows, start, start + step);
    const results = tf.tidy(() =>
      compute(tf.tensor2d(block.data, [block.count, d], 'float32'), start),
    );
    try {
      const values = await Promise.all(results.map((t) => t.data<'float32' | 'int32'>()));
      read(values, start);
    } finally {
      tf.dispose(results);
    }
  }
}

/** {@link forBlocks} of one tensor of `width` values per row; all values, row after row. */
export async function mapBlocks(
  rows: Rows,
  width: number,
  widest: number,
  compute: (block: Tensor2D) => Tensor,
): Promise<Float32Array> {
  const out = new Float32Array(rows.count * width);
  await forBlocks(
    rows,
    Math.max(width, widest),
    (block) => [compute(block)],
    ([values], start) => out.set(values, start * width),
  );
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
