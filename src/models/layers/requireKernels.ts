import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors.js';

/**
 * Check that the active backend has the kernels that a computation will reach.
 * @throws UnsupportedError naming the backend and the first kernel that it lacks.
 */
export function requireKernels(
  op: string,
  arg: string,
  kernelNames: readonly string[],
  fix: string,
): void {
  const backend = tf.getBackend();
  for (const name of kernelNames) {
    // tfjs types the result as always present; it is undefined for an unknown name.
    const found = tf.getKernel(name, backend) as tf.KernelConfig | undefined;
    if (found !== undefined) continue;
    throw new UnsupportedError({
      op,
      arg,
      expected: `run on a backend that has the kernel ${name}`,
      got: `backend '${backend}', which lacks it`,
      fix,
    });
  }
}
