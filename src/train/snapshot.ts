import * as tf from '@tensorflow/tfjs';
import type { Variable } from '@tensorflow/tfjs';
import { DataError } from '../errors.js';
import type { Json, SavedArray } from '../util/artifacts.js';
import type { RngState } from '../util/rng.js';
import { formatShape } from '../util/shape.js';
import type { SavedAdam } from './adam.js';

const OP = 'train';

/** Training after a finished epoch, on the host: all that the rest of it follows from. */
export interface TrainSnapshot {
  /** Stage under way, epochs of it that are done, steps of all stages that are done. */
  readonly stage: number;
  readonly epoch: number;
  readonly steps: number;
  /** Generators of the order of rows and of the steps' own randomness. */
  readonly shuffle: RngState;
  readonly noise: RngState;
  /** All variables, in the order of the stages. */
  readonly variables: readonly SavedArray[];
  /** Optimisers of the groups of the stage under way. */
  readonly optimizers: readonly SavedAdam[];
}

/** @throws DataError when there are other variables than those that were saved. */
export function assignVariables(
  variables: readonly Variable[],
  saved: readonly SavedArray[],
): void {
  const shapes = (all: readonly { readonly shape: readonly number[] }[]): string =>
    all.map(({ shape }) => formatShape(shape)).join(' ');
  if (shapes(variables) !== shapes(saved)) {
    throw new DataError({
      op: OP,
      arg: 'the checkpoint',
      expected: `hold variables of shapes ${shapes(variables)}`,
      got: shapes(saved),
    });
  }
  variables.forEach((variable, i) => {
    const { shape, data } = saved[i];
    tf.tidy(() => variable.assign(tf.tensor(data, [...shape], 'float32')));
  });
}

type PlainSnapshot = Pick<TrainSnapshot, 'stage' | 'epoch' | 'steps' | 'shuffle' | 'noise'> & {
  readonly powers: SavedAdam['powers'][];
  /** Moments of each optimiser. */
  readonly moments: number[];
};

/** A snapshot as plain JSON and named arrays. */
export function packSnapshot(snapshot: TrainSnapshot): {
  readonly config: { readonly [key: string]: Json };
  readonly arrays: { readonly [name: string]: SavedArray };
} {
  const { variables, optimizers, ...rest } = snapshot;
  const arrays: Record<string, SavedArray> = {};
  variables.forEach((array, i) => (arrays[`variable.${i}`] = array));
  optimizers.forEach(({ moments }, group) => {
    moments.forEach((moment, i) => {
      arrays[`moment.${group}.${i}`] = moment;
    });
  });
  const plain: PlainSnapshot = {
    ...rest,
    powers: optimizers.map(({ powers }) => powers),
    moments: optimizers.map(({ moments }) => moments.length),
  };
  // Numbers and arrays of them only.
  return { config: plain as unknown as { [key: string]: Json }, arrays };
}

/**
 * The snapshot that was packed.
 * @throws DataError when an array is missing.
 */
export function unpackSnapshot(
  config: { readonly [key: string]: Json },
  arrays: { readonly [name: string]: SavedArray },
): TrainSnapshot {
  // Written by packSnapshot; the file's checksum was compared when it was read.
  const { powers, moments, ...rest } = config as unknown as PlainSnapshot;
  const array = (name: string): SavedArray => {
    if (Object.hasOwn(arrays, name)) return arrays[name];
    throw new DataError({ op: OP, arg: 'the checkpoint', expected: `hold ${name}`, got: 'none' });
  };
  const count = Object.keys(arrays).filter((name) => name.startsWith('variable.')).length;
  return {
    ...rest,
    variables: Array.from({ length: count }, (_, i) => array(`variable.${i}`)),
    optimizers: powers.map((pair, group) => ({
      powers: pair,
      moments: Array.from({ length: moments[group] }, (_, i) => array(`moment.${group}.${i}`)),
    })),
  };
}
