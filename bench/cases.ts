import * as tf from '@tensorflow/tfjs';
import { Rng } from '../src/util/rng.js';

/** Sizes of the distance and neighbour suites, smallest first; `fast` ones run by default. */
export const SIZES = [
  { n: 256, m: 2048, d: 2, k: 10, profile: 'fast' },
  { n: 256, m: 4096, d: 32, k: 25, profile: 'fast' },
  { n: 128, m: 4096, d: 128, k: 10, profile: 'fast' },
  { n: 512, m: 50000, d: 32, k: 25, profile: 'full' },
  { n: 64, m: 4096, d: 784, k: 10, profile: 'full' },
] as const;

/** Seeded normal rows on the active backend. */
export function normalTensor(rows: number, features: number, seed: number): tf.Tensor2D {
  const rng = new Rng(seed);
  return tf.tensor2d(
    Float32Array.from({ length: rows * features }, () => rng.normal()),
    [rows, features],
  );
}

/** What a tfjs user writes today: |x|^2 + |y|^2 - 2 x y^T, clamped at 0. */
export function expandedSquares(x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor {
  const xx = tf.sum(tf.square(x), 1, true);
  const yy = tf.transpose(tf.sum(tf.square(y), 1, true));
  return tf.maximum(tf.sub(tf.add(xx, yy), tf.mul(2, tf.matMul(x, y, false, true))), 0);
}
