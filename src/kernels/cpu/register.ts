import * as tf from '@tensorflow/tfjs';
import type { KernelConfig } from '@tensorflow/tfjs';
import { knnCpu } from './knn.js';
import { pairwiseDistanceCpu } from './pairwiseDistance.js';

/** Our kernels of the cpu backend, sorted by name. */
export const kernels: readonly KernelConfig[] = [knnCpu, pairwiseDistanceCpu];

for (const kernel of kernels) {
  // Importing twice (two bundles on one page) must not make tfjs warn.
  if (tf.getKernel(kernel.kernelName, kernel.backendName) == null) tf.registerKernel(kernel);
}
