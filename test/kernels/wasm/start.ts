import * as tf from '@tensorflow/tfjs';
import '../../../src/kernels/wasm/register.js';
import { Rng } from '../../../src/util/rng.js';

/** The wasm backend with our kernels. */
export async function startWasm(): Promise<void> {
  await tf.setBackend('wasm');
  await tf.ready();
}

/** Seeded normal values. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  const rng = new Rng(seed);
  return Float32Array.from({ length: count }, () => rng.normal() * scale);
}

/** Values of a tensor, which is freed. */
export async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

/** Rows of a flat array as nested arrays, as the oracles take them. */
export function rowsOf(values: ArrayLike<number>, count: number, d: number): number[][] {
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: d }, (_unused, f) => values[i * d + f]),
  );
}
