import type { KernelConfig } from '@tensorflow/tfjs';

/**
 * Our kernels of the tensorflow backend: none yet. Its native binding loads no custom ops, so kernels
 * here are compositions of TensorFlow ops in slabs, written and measured together with the CUDA
 * build of the binding; until then every op runs in its composed form, as the capability table says.
 */
export const kernels: readonly KernelConfig[] = [];
