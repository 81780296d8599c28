import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { float32View } from './heap.js';

interface BiasedCall {
  readonly inputs: { readonly bias?: TensorInfo | null };
  readonly backend: BackendWasm;
}

/**
 * tfjs's fused kernels refuse a bias of one dimension whose values were made in another shape and reshaped
 * since: they look at the shape of the making. They get a copy made flat.
 */
export function withFlatBias(theirs: KernelConfig): KernelConfig {
  const kernelFunc: KernelConfig['kernelFunc'] = (raw) => {
    const { inputs, backend } = raw as unknown as BiasedCall;
    const bias = inputs.bias ?? undefined;
    if (bias?.shape.length !== 1 || bias.dtype !== 'float32') return theirs.kernelFunc(raw);
    if (backend.dataIdMap.get(bias.dataId).shape.length === 1) return theirs.kernelFunc(raw);
    const flat = backend.makeOutput(bias.shape, bias.dtype);
    try {
      float32View(backend, flat).set(float32View(backend, bias));
      return theirs.kernelFunc({ ...raw, inputs: { ...raw.inputs, bias: flat } });
    } finally {
      backend.disposeData(flat.dataId);
    }
  };
  return { ...theirs, kernelFunc };
}
