import * as tf from '@tensorflow/tfjs';
import { uniformRows } from './data.js';
import type { Place } from './harness.js';

/** What the same device reaches in the same run: the measured ceilings of the roofline. */
export interface Ceilings {
  /** GFLOP/s of a large matrix product. */
  readonly gflops: number;
  /** GB/s of a large copy, read plus written. */
  readonly gbytes: number;
  /** What was measured, for people to read. */
  readonly how: string;
}

const RUNS = 5;
/** Times that a GPU does the work for one wait, which takes longer than the work itself. */
const REPEATS = 16;

/** Milliseconds of `body` in the fastest run; the last result is awaited through one element of it. */
async function fastest(repeats: number, body: () => tf.Tensor): Promise<number> {
  let best = Infinity;
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now();
    for (let i = 1; i < repeats; i++) body().dispose();
    const result = body();
    const corner = tf.tidy(() => result.reshape([-1]).slice([0], [1]));
    await corner.data();
    tf.dispose([result, corner]);
    // The first run compiles.
    if (run > 0) best = Math.min(best, (performance.now() - start) / repeats);
  }
  return best;
}

/** Milliseconds of the fastest copy on one core; tfjs's CPU backends stay far below. */
function hostCopy(values: number): number {
  const [source, target] = [new Float32Array(values).fill(1), new Float32Array(values)];
  let best = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    target.set(source);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Ceilings of the active backend. */
export async function measureCeilings({ backend, device }: Place): Promise<Ceilings> {
  const repeats = device === 'gpu' ? REPEATS : 1;
  const size = device === 'gpu' ? 4096 : backend === 'wasm' ? 1024 : 256;
  const rows = tf.tensor2d(uniformRows(size, size, 1).data, [size, size]);
  const product = await fastest(repeats, () => tf.matMul(rows, rows));
  rows.dispose();
  const values = 2 ** (device === 'gpu' ? 26 : 24);
  const vector = tf.tensor1d(uniformRows(values, 1, 2).data);
  const scaled = await fastest(repeats, () => tf.mul(vector, 2));
  vector.dispose();
  const copy = device === 'gpu' ? scaled : Math.min(scaled, hostCopy(values));
  return {
    gflops: (2 * size ** 3) / product / 1e6,
    gbytes: (8 * values) / copy / 1e6,
    how:
      `matMul ${size} x ${size}, ` +
      (device === 'gpu' ? `mul by a scalar` : `mul by a scalar or copy in memory`) +
      ` of ${values} values` +
      (repeats > 1 ? `, ${repeats} at a time` : ''),
  };
}
