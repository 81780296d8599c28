import type { DataId, TensorInfo } from '@tensorflow/tfjs';

/** The part of tfjs's cpu backend that our kernels use. */
export interface CpuBackend {
  readSync(dataId: DataId): Float32Array | Int32Array | Uint8Array;
  makeTensorInfo(
    shape: number[],
    dtype: 'float32' | 'int32',
    values: Float32Array | Int32Array,
  ): TensorInfo;
}

/** The values of a float32 input. */
export function float32Values(backend: CpuBackend, input: TensorInfo): Float32Array {
  const values = backend.readSync(input.dataId);
  // tfjs may keep an empty tensor's values as a plain array.
  if (values.length === 0) return new Float32Array(0);
  // Integer tensors never get here (the op checks); a mismatch would compute nonsense quietly.
  if (!(values instanceof Float32Array))
    throw new TypeError(`cpu kernel got ${input.dtype} values`);
  return values;
}

/** The values of an int32 input. */
export function int32Values(backend: CpuBackend, input: TensorInfo): Int32Array {
  const values = backend.readSync(input.dataId);
  // tfjs may keep an empty tensor's values as a plain array.
  if (values.length === 0) return new Int32Array(0);
  if (!(values instanceof Int32Array)) throw new TypeError(`cpu kernel got ${input.dtype} values`);
  return values;
}

/** The values of an input that may be absent. */
export function optionalValues(
  backend: CpuBackend,
  input: TensorInfo | undefined,
): Float32Array | undefined {
  return input === undefined ? undefined : float32Values(backend, input);
}

/** The values of an int32 input that may be absent. */
export function optionalIntegers(
  backend: CpuBackend,
  input: TensorInfo | undefined,
): Int32Array | undefined {
  return input === undefined ? undefined : int32Values(backend, input);
}
