import type { Rows } from '../../util/rows.js';
import { rowSize } from '../../util/rows.js';

/** Mean and standard deviation per feature, float64; a constant feature has deviation 1. */
export interface Scaler {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** Measure the given rows (two passes, so that a large mean does not cancel). */
export function measureScaler(x: Rows, rows: ArrayLike<number>): Scaler {
  const size = rowSize(x);
  const mean = new Float64Array(size);
  const deviation = new Float64Array(size);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < size; j++) mean[j] += x.data[rows[i] * size + j];
  }
  for (let j = 0; j < size; j++) mean[j] /= rows.length;
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < size; j++) deviation[j] += (x.data[rows[i] * size + j] - mean[j]) ** 2;
  }
  for (let j = 0; j < size; j++) deviation[j] = Math.sqrt(deviation[j] / rows.length) || 1;
  return { mean, deviation };
}

/** Scale rows in place: (x - mean) / deviation. */
export function scaleRows(data: Float32Array, { mean, deviation }: Scaler): void {
  const size = mean.length;
  for (let row = 0; row < data.length; row += size) {
    for (let j = 0; j < size; j++) data[row + j] = (data[row + j] - mean[j]) / deviation[j];
  }
}

/** Undo {@link scaleRows} in place. */
export function unscaleRows(data: Float32Array, { mean, deviation }: Scaler): void {
  for (let i = 0; i < data.length; i++) {
    const j = i % mean.length;
    data[i] = data[i] * deviation[j] + mean[j];
  }
}
