/** Where a convolutional model can be trained: some backends run convolutions but cannot train them. */
import * as tf from '@tensorflow/tfjs';
import { startBackend } from '../../src/backends/index.js';

/** The kernel that training a convolution needs beside those that running it needs. */
const NEEDED = 'Conv2DBackpropFilter';

/** Tried in this order after the backend that scores. */
const TRAINERS = ['tensorflow', 'cpu'];

/** The first backend that has the kernels; the one that was active is active again afterwards. */
export async function convolutionTrainer(): Promise<string> {
  const { backend } = await startBackend();
  for (const name of [backend, ...TRAINERS]) {
    try {
      if (name !== backend) await startBackend({ prefer: name });
    } catch {
      continue; // Not on this machine: the next one.
    }
    const kernels = tf.getKernelsForBackend(tf.getBackend());
    if (!kernels.some(({ kernelName }) => kernelName === NEEDED)) continue;
    if (name !== backend) await startBackend({ prefer: backend });
    return name;
  }
  throw new Error('no backend on this machine trains convolutions');
}
