import * as tf from '@tensorflow/tfjs';
import type { Variable } from '@tensorflow/tfjs';
import { DataError } from '../../errors.js';
import { initialValues, savedVariable } from '../../train/index.js';
import type { SavedArray } from '../../util/artifacts.js';
import type { Rng } from '../../util/rng.js';
import { formatShape, sizeOf } from '../../util/shape.js';
import type { Parameters, ParameterSpec } from './layer.js';

/** Make the weights of a model, drawn in the order of the specs. The caller disposes of them. */
export function createParameters(specs: readonly ParameterSpec[], rng: Rng): Parameters {
  return makeVariables(specs, ({ init, shape, fanIn, fanOut }) =>
    typeof init === 'function'
      ? init(rng)
      : initialValues(init, sizeOf(shape), { fanIn, fanOut }, rng),
  );
}

function makeVariables(
  specs: readonly ParameterSpec[],
  values: (spec: ParameterSpec) => Float32Array,
): Parameters {
  return Object.fromEntries(
    specs.map((spec) => [
      spec.name,
      tf.tidy(() =>
        tf.variable(tf.tensor(values(spec), [...spec.shape], 'float32'), spec.moved !== true),
      ),
    ]),
  );
}

/** Free the weights. */
export function disposeParameters(parameters: Parameters): void {
  for (const variable of Object.values(parameters)) variable.dispose();
}

/** Those weights whose name begins with one of the prefixes. */
export function parametersOf(parameters: Parameters, ...prefixes: string[]): Variable[] {
  return Object.entries(parameters)
    .filter(([name]) => prefixes.some((prefix) => name.startsWith(`${prefix}.`)))
    .map(([, variable]) => variable);
}

/** The weights as named host arrays. */
export async function saveParameters(parameters: Parameters): Promise<Record<string, SavedArray>> {
  const entries = Object.entries(parameters).map(
    async ([name, variable]) => [name, await savedVariable(variable)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/**
 * Weights from named host arrays.
 * @throws DataError when one is missing or has another type or shape; nothing is allocated then.
 */
export function loadParameters(
  op: string,
  specs: readonly ParameterSpec[],
  arrays: Readonly<Record<string, SavedArray>>,
): Parameters {
  const values = new Map(
    specs.map(({ name, shape }) => [name, savedArray(op, arrays, name, 'float32', shape)]),
  );
  return makeVariables(specs, ({ name }) => Float32Array.from(values.get(name) ?? []));
}

type ArrayOf<D extends SavedArray['dtype']> = D extends 'float64'
  ? Float64Array
  : D extends 'int32'
    ? Int32Array
    : Float32Array;

/** @throws DataError when the array is missing or has another type or shape (-1 = any length). */
export function savedArray<D extends SavedArray['dtype']>(
  op: string,
  arrays: Readonly<Record<string, SavedArray>>,
  name: string,
  dtype: D,
  shape: readonly number[],
): ArrayOf<D> {
  const wanted = `${dtype} ${formatShape(shape)}`;
  if (!Object.hasOwn(arrays, name)) {
    throw new DataError({
      op,
      arg: `array '${name}'`,
      expected: `be there (${wanted})`,
      got: 'nothing',
    });
  }
  const found = arrays[name];
  const fits =
    found.dtype === dtype &&
    found.shape.length === shape.length &&
    found.shape.every((size, i) => shape[i] === -1 || shape[i] === size) &&
    found.data.length === sizeOf(found.shape);
  if (!fits) {
    throw new DataError({
      op,
      arg: `array '${name}'`,
      expected: `be ${wanted}`,
      got: `${found.dtype} ${formatShape(found.shape)} with ${found.data.length} values`,
    });
  }
  return found.data as ArrayOf<D>;
}
