import type { Tensor } from '@tensorflow/tfjs';
import type { SavedArray } from '../util/artifacts.js';

/** Host copy of a variable. */
export async function savedVariable(variable: Tensor): Promise<SavedArray> {
  const data = Float32Array.from(await variable.data());
  return { dtype: 'float32', shape: [...variable.shape], data };
}
