import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { normals, startWasm, valuesOf } from './start.js';

type Shape4 = [number, number, number, number];
interface Case {
  readonly x: Shape4;
  readonly filter: Shape4;
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number;
}

const CASES: readonly Case[] = [
  { x: [3, 9, 11, 2], filter: [3, 3, 2, 5], strides: 1, pad: 'same' },
  { x: [2, 9, 8, 4], filter: [3, 2, 4, 9], strides: 2, pad: 'same' },
  { x: [2, 10, 10, 1], filter: [5, 5, 1, 3], strides: [2, 3], pad: 'valid' },
  { x: [1, 6, 6, 7], filter: [1, 1, 7, 8], strides: 1, pad: 'valid' },
  { x: [2, 7, 7, 3], filter: [4, 4, 3, 4], strides: 2, pad: 1 },
  { x: [33, 28, 28, 1], filter: [3, 3, 1, 16], strides: 2, pad: 'same' },
];

/** Gradient of sum(w * conv2d(x, filter)) with respect to the filter. */
async function gradient(backend: string, { x, filter, strides, pad }: Case): Promise<number[]> {
  await tf.setBackend(backend);
  const result = tf.tidy(() => {
    const images = tf.tensor4d(normals(tf.util.sizeFromShape(x), 1), x);
    const start = tf.tensor4d(normals(tf.util.sizeFromShape(filter), 2), filter);
    return tf.grad((kernel: tf.Tensor) => {
      const out = tf.conv2d(images, kernel as tf.Tensor4D, strides, pad);
      return tf.sum(tf.mul(out, tf.tensor(normals(out.size, 3), out.shape)));
    })(start);
  });
  return valuesOf(result);
}

describe('conv2d filter gradient on wasm', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it('equals the cpu backend for strides, paddings and filter sizes', async () => {
    for (const example of CASES) {
      const want = await gradient('cpu', example);
      const got = await gradient('wasm', example);
      expect(got.length).toBe(want.length);
      got.forEach((value, i) => {
        const allowed = 1e-4 * Math.abs(want[i]) + 1e-3;
        if (!(Math.abs(value - want[i]) <= allowed)) {
          expect.fail(`${JSON.stringify(example)} element ${i}: ${value}, want ${want[i]}`);
        }
      });
    }
  });

  it('gives the same bits on one and on two threads', async () => {
    setThreads(1);
    const one = await gradient('wasm', CASES[5]);
    setThreads(2);
    const two = await gradient('wasm', CASES[5]);
    expect(two).toEqual(one);
  });

  it('adds up slabs of a large batch', async () => {
    const large: Case = { x: [100, 40, 40, 13], filter: [3, 3, 13, 2], strides: 1, pad: 'same' };
    await tf.setBackend('wasm');
    const got = await gradient('wasm', large);
    const want = await gradient('cpu', large);
    got.forEach((value, i) => expect(Math.abs(value - want[i])).toBeLessThan(0.05));
    expect(got.length).toBe(234);
  });

  it('trains a convolution and its transpose', async () => {
    await tf.setBackend('wasm');
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({
          inputShape: [8, 8, 1],
          filters: 4,
          kernelSize: 3,
          strides: 2,
          padding: 'same',
          activation: 'relu',
          kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
        }),
        tf.layers.conv2dTranspose({
          filters: 1,
          kernelSize: 3,
          strides: 2,
          padding: 'same',
          kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }),
        }),
      ],
    });
    model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
    const x = tf.tensor4d(normals(16 * 64, 5), [16, 8, 8, 1]);
    const { history } = await model.fit(x, x, { epochs: 8 });
    const losses = history.loss as number[];
    expect(losses[7]).toBeLessThan(losses[0]);
    tf.dispose([x]);
    model.dispose();
  });
});
