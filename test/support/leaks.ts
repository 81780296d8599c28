import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';

/** Assert that `body` leaves as many tensors and data buffers as it found. */
export async function expectNoLeak(body: () => Promise<void> | void): Promise<void> {
  const before = tf.memory();
  await body();
  const after = tf.memory();
  expect(after.numTensors).toBe(before.numTensors);
  expect(after.numDataBuffers).toBe(before.numDataBuffers);
}
