import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { DataError } from '../errors.js';
import { residency } from '../specs/residency.js';
import type { SavedArray } from '../util/artifacts.js';
import { formatShape, sizeOf } from '../util/shape.js';

export type FittedArrays = Readonly<Record<string, SavedArray>>;

/** What a fit found: named arrays on the host, and on the device those that scoring asked for. */
export class Fitted {
  readonly arrays: FittedArrays;
  readonly #tensors = new Map<string, Tensor2D>();

  constructor(arrays: FittedArrays) {
    this.arrays = arrays;
  }

  float64(name: string): Float64Array {
    const { data } = this.#array(name);
    return data instanceof Float64Array ? data : Float64Array.from(data);
  }

  float32(name: string): Float32Array {
    const { data } = this.#array(name);
    return data instanceof Float32Array ? data : Float32Array.from(data);
  }

  int32(name: string): Int32Array {
    return Int32Array.from(this.#array(name).data);
  }

  shape(name: string): readonly number[] {
    return this.#array(name).shape;
  }

  /** A matrix on the device in float32, uploaded once and kept until {@link dispose}. */
  tensor(name: string): Tensor2D {
    const known = this.#tensors.get(name);
    if (known !== undefined) return known;
    const [rows, columns] = this.shape(name);
    const made = tf.keep(tf.tensor2d(this.float32(name), [rows, columns], 'float32'));
    this.#tensors.set(name, made);
    return made;
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) {
      residency.release(tensor.dataId);
      tensor.dispose();
    }
    this.#tensors.clear();
  }

  #array(name: string): SavedArray {
    if (!Object.hasOwn(this.arrays, name)) throw new Error(`no fitted array ${name}`);
    return this.arrays[name];
  }
}

export function float64Array(data: Float64Array, shape: readonly number[]): SavedArray {
  return { dtype: 'float64', shape, data };
}

export function float32Array(data: Float32Array, shape: readonly number[]): SavedArray {
  return { dtype: 'float32', shape, data };
}

export function int32Array(data: Int32Array): SavedArray {
  return { dtype: 'int32', shape: [data.length], data };
}

/** A fitted array's type and its dimensions, which are numbers or names that stand for one number each. */
export interface ArraySpec {
  readonly dtype: SavedArray['dtype'];
  readonly shape: readonly (string | number)[];
}

/**
 * A copy of the arrays that a definition names.
 * @throws DataError when one is missing or does not fit its type or the dimensions of the others.
 */
export function checkedArrays(
  op: string,
  arrays: FittedArrays,
  specs: Readonly<Record<string, ArraySpec>>,
): FittedArrays {
  const sizes = new Map<string, number>();
  const fits = (dim: string | number, size: number): boolean => {
    if (typeof dim === 'number') return dim === size;
    const known = sizes.get(dim) ?? size;
    sizes.set(dim, known);
    return known === size;
  };
  const entries = Object.entries(specs).map(([name, spec]) => {
    const arg = `array '${name}'`;
    const expected = `be ${spec.dtype} [${spec.shape.join(', ')}]`;
    if (!Object.hasOwn(arrays, name)) {
      throw new DataError({ op, arg, expected, got: 'nothing' });
    }
    const { dtype, shape, data } = arrays[name];
    const isRight =
      dtype === spec.dtype &&
      shape.length === spec.shape.length &&
      spec.shape.every((dim, i) => fits(dim, shape[i])) &&
      data.length === sizeOf(shape);
    if (!isRight) {
      const got = `${dtype} ${formatShape(shape)} with ${data.length} values`;
      throw new DataError({ op, arg, expected, got });
    }
    return [name, { dtype, shape: [...shape], data: data.slice() }] as const;
  });
  return Object.fromEntries(entries);
}
