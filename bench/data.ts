import * as tf from '@tensorflow/tfjs';

/** Rows on the host. */
export interface HostRows {
  readonly data: Float32Array;
  readonly rows: number;
  readonly d: number;
}

/** Seeded rows, uniform in [-1, 1); a plain xorshift, because a case may need 10^8 values. */
export function uniformRows(rows: number, d: number, seed: number): HostRows {
  const data = new Float32Array(rows * d);
  let state = (seed * 0x9e3779b9) >>> 0 || 1;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = state * 2 ** -31;
  }
  return { data, rows, d };
}

/** Rows >= 0 that add to 1. */
export function shareRows(rows: number, d: number, seed: number): HostRows {
  const { data } = uniformRows(rows, d, seed);
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * d, (i + 1) * d);
    let total = 0;
    for (let f = 0; f < d; f++) total += row[f] = Math.abs(row[f]) + 0.01;
    for (let f = 0; f < d; f++) row[f] /= total;
  }
  return { data, rows, d };
}

/** Rows with values value(u) of uniform u in [-1, 1). */
export function mappedRows(
  rows: number,
  d: number,
  seed: number,
  value: (u: number, f: number) => number,
): HostRows {
  const { data } = uniformRows(rows, d, seed);
  for (let i = 0; i < data.length; i++) data[i] = value(data[i], i % d);
  return { data, rows, d };
}

/** The first rows, without a copy. */
export function firstRows({ data, d }: HostRows, rows: number): HostRows {
  return { data: data.subarray(0, rows * d), rows, d };
}

/** A tensor on the active backend. */
export function tensorOf({ data, rows, d }: HostRows): tf.Tensor2D {
  return tf.tensor2d(data, [rows, d]);
}

/** What a tfjs user writes today: |x|^2 + |y|^2 - 2 x y^T, clamped at 0. */
export function expandedSquares(x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor {
  const xx = tf.sum(tf.square(x), 1, true);
  const yy = tf.transpose(tf.sum(tf.square(y), 1, true));
  return tf.maximum(tf.sub(tf.add(xx, yy), tf.mul(2, tf.matMul(x, y, false, true))), 0);
}
