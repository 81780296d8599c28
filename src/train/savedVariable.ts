import type { Variable } from '@tensorflow/tfjs';
import type { SavedArray } from '../util/artifacts.js';

/** Host copy of a variable. */
export async function savedVariable(variable: Variable): Promise<SavedArray> {
  const data = Float32Array.from(await variable.data());
  return { dtype: 'float32', shape: [...variable.shape], data };
}
