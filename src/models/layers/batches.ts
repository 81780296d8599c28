import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { sliceRows, takeRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { scaleRows } from './scaler.js';
import type { Scaler } from './scaler.js';

/** Rows per forward pass when the caller does not say. */
export const BATCH_ROWS = 1024;

/** Lets the caller stop a long run between batches. */
export interface BatchOptions {
  readonly batchRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after every batch. */
  readonly onProgress?: ((progress: { done: number; rows: number }) => void) | undefined;
}

/** How rows enter a network. */
export interface RowEntry {
  readonly rowShape: readonly number[];
  /** Undefined when rows enter as they are. */
  readonly scaler: Scaler | undefined;
}

/** The chosen rows as the network takes them: scaled, on the device, shape [count, ...row]. */
export function rowsToTensor(
  { rowShape, scaler }: RowEntry,
  x: Rows,
  indices?: ArrayLike<number>,
): Tensor {
  // Scaling is done in place, so never on the caller's own rows.
  const copied = (): Rows => ({ ...x, data: x.data.slice() });
  const whole = scaler === undefined ? (): Rows => x : copied;
  const chosen = indices === undefined ? whole() : takeRows(x, indices);
  if (scaler !== undefined) scaleRows(chosen.data, scaler);
  return tf.tensor(chosen.data, [chosen.count, ...rowShape], 'float32');
}

/**
 * Walk over rows in batches: `compute` gives tensors for a batch (inside a tidy), `read` gets their
 * values. The batch's tensors are freed before the next one.
 */
export async function overBatches(
  entry: RowEntry,
  x: Rows,
  options: BatchOptions,
  compute: (batch: Tensor, start: number) => Tensor[],
  read: (values: Float32Array[], start: number, count: number) => void | Promise<void>,
): Promise<void> {
  const step = options.batchRows ?? BATCH_ROWS;
  for (let start = 0; start < x.count; start += step) {
    options.signal?.throwIfAborted();
    const rows = sliceRows(x, start, start + step);
    const tensors = tf.tidy(() => compute(rowsToTensor(entry, rows), start));
    try {
      const values = await Promise.all(tensors.map((t) => t.data<'float32'>()));
      await read(values, start, rows.count);
    } finally {
      tf.dispose(tensors);
    }
    options.onProgress?.({ done: start + rows.count, rows: x.count });
    // Serves signals and timers even where reading does not leave the current turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  options.signal?.throwIfAborted();
}

/** Collect one tensor per batch, of `width` values per row, into one array. */
export async function collectRows(
  entry: RowEntry,
  x: Rows,
  width: number,
  options: BatchOptions,
  compute: (batch: Tensor, start: number) => Tensor,
): Promise<Float32Array> {
  const out = new Float32Array(x.count * width);
  await overBatches(
    entry,
    x,
    options,
    (batch, start) => [compute(batch, start)],
    ([values], start) => out.set(values, start * width),
  );
  return out;
}
