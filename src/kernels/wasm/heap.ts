import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

/** tfjs's own memory, where its build shows it. */
export function heapOf(backend: BackendWasm): WebAssembly.Memory | undefined {
  const { asm } = (backend as unknown as { wasm: { asm?: { memory?: unknown } } }).wasm;
  return asm?.memory instanceof WebAssembly.Memory ? asm.memory : undefined;
}

/** The values of a float32 tensor where tfjs keeps them; valid until the next allocation there. */
export function float32View(backend: BackendWasm, info: TensorInfo): Float32Array {
  const view = backend.typedArrayFromHeap(info);
  // The ops check types; a mismatch would compute nonsense quietly.
  if (!(view instanceof Float32Array)) throw new TypeError(`wasm kernel got ${info.dtype} values`);
  return view;
}

export function int32View(backend: BackendWasm, info: TensorInfo): Int32Array {
  const view = backend.typedArrayFromHeap(info);
  if (!(view instanceof Int32Array)) throw new TypeError(`wasm kernel got ${info.dtype} values`);
  return view;
}

export function optionalFloat32View(
  backend: BackendWasm,
  info: TensorInfo | undefined,
): Float32Array | undefined {
  return info === undefined ? undefined : float32View(backend, info);
}

/** Fill fresh outputs; they are freed again when the work fails. */
export function fillOutputs(
  backend: BackendWasm,
  outputs: readonly TensorInfo[],
  body: () => void,
): TensorInfo[] {
  try {
    body();
  } catch (error) {
    for (const { dataId } of outputs) backend.disposeData(dataId);
    throw error;
  }
  return [...outputs];
}

/**
 * Bytes of a slab of rows that is copied into our memory at once: large enough that the cost of a job
 * is small beside its work, small enough to stay within a few percent of a process.
 */
export const SLAB_BYTES = 32 * 2 ** 20;
