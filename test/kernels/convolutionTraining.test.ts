import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { Rng } from '../../src/util/rng.js';

const STEPS = 5;

function normals(shape: number[], seed: number, scale: number): tf.Tensor {
  const rng = new Rng(seed);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => rng.normal());
  return tf.tidy(() => tf.mul(tf.tensor(values, shape), scale));
}

/** Losses of a small convolutional autoencoder: depthwise, strided, transposed; biases and leakyRelu. */
async function train(): Promise<number[]> {
  const x = normals([6, 9, 9, 3], 1, 1) as tf.Tensor4D;
  const variable = (shape: number[], seed: number): tf.Variable =>
    tf.tidy(() => tf.variable(normals(shape, seed, seed === 0 ? 0 : 0.3)));
  const depthwise = variable([3, 3, 3, 2], 2) as tf.Tensor as tf.Tensor4D;
  const down = variable([3, 3, 6, 8], 3) as tf.Tensor as tf.Tensor4D;
  const up = variable([3, 3, 3, 8], 4) as tf.Tensor as tf.Tensor4D;
  const [bias, last] = [variable([8], 5), variable([3], 6)];
  const optimizer = tf.train.adam(0.02);
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const loss = optimizer.minimize(() => {
      const spread = tf.leakyRelu(tf.depthwiseConv2d(x, depthwise, 1, 'same'), 0.1);
      const code = tf.leakyRelu(tf.add(tf.conv2d(spread, down, 2, 'same'), bias), 0.1);
      const out = tf.add(
        tf.conv2dTranspose(code as tf.Tensor4D, up, [6, 9, 9, 3], 2, 'same'),
        last,
      );
      return tf.mean(tf.squaredDifference(out, x));
    }, true);
    if (loss === null) throw new Error('no loss');
    losses.push((await loss.data())[0]);
    loss.dispose();
  }
  tf.dispose([x, depthwise, down, up, bias, last]);
  optimizer.dispose();
  return losses;
}

describe('training of a convolutional autoencoder', () => {
  let wanted: number[] = [];
  beforeAll(async () => {
    await startBackend({ prefer: 'cpu' });
    wanted = await train();
  });

  for (const { name, available, detail } of inject('backends')) {
    if (!available) {
      it.skip(`${name} (not on this machine: ${detail})`, () => expect(available).toBe(true));
      continue;
    }
    it(`${name} has the losses of the cpu backend, and frees all tensors`, async () => {
      await startBackend({ prefer: name });
      const before = tf.memory().numTensors;
      const losses = await train();
      expect(tf.memory().numTensors).toBe(before);
      expect(losses[STEPS - 1]).toBeLessThan(losses[0]);
      losses.forEach((loss, step) => {
        expect(Math.abs(loss - wanted[step])).toBeLessThan(1e-4 * wanted[step]);
      });
    });
  }
});
