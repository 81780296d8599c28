import { DataError } from '../errors.js';
import type { Json, SavedArray } from '../util/artifacts.js';
import type { RngState } from '../util/rng.js';
import type { LedgerState } from './ledger.js';
import type { BestEpoch, SavedBest } from './stopping.js';
import type { SavedOptimizer } from './trainOptimizer.js';
import type { EpochRecord } from './records.js';

const OP = 'train';

/** An epoch that a snapshot stands within. */
export interface UnfinishedEpoch {
  /** Steps of it that are done. */
  readonly batches: number;
  /** Their losses. */
  readonly losses: LedgerState;
  readonly seconds: number;
}

/** Training between two steps, on the host: all that the rest of it follows from. */
export interface TrainSnapshot {
  /** Stage under way, epochs of it that are done, steps of all stages that are done. */
  readonly stage: number;
  readonly epoch: number;
  readonly steps: number;
  /** Generator of the order of rows, as the epoch under way or the next one finds it. */
  readonly shuffle: RngState;
  /** Generator of the steps' own randomness. */
  readonly noise: RngState;
  /** All variables, in the order of the stages. */
  readonly variables: readonly SavedArray[];
  /** Optimisers of the groups of the stage under way. */
  readonly optimizers: readonly SavedOptimizer[];
  /** Absent between two epochs. */
  readonly within?: UnfinishedEpoch;
  /** Finished epochs of all stages. */
  readonly history?: readonly EpochRecord[];
  /** Best epoch of the stage under way, when it keeps one. */
  readonly best?: SavedBest;
}

type PlainSnapshot = Omit<TrainSnapshot, 'variables' | 'optimizers' | 'best'> & {
  readonly powers: (readonly number[])[];
  /** Moments of each optimiser. */
  readonly moments: number[];
  readonly best?: BestEpoch;
};

/** A snapshot as plain JSON and named arrays. */
export function packSnapshot(snapshot: TrainSnapshot): {
  readonly config: { readonly [key: string]: Json };
  readonly arrays: { readonly [name: string]: SavedArray };
} {
  const { variables, optimizers, best, ...rest } = snapshot;
  const arrays: Record<string, SavedArray> = {};
  variables.forEach((array, i) => (arrays[`variable.${i}`] = array));
  best?.variables.forEach((array, i) => (arrays[`best.${i}`] = array));
  optimizers.forEach(({ moments }, group) => {
    moments.forEach((moment, i) => {
      arrays[`moment.${group}.${i}`] = moment;
    });
  });
  const plain: PlainSnapshot = {
    ...rest,
    powers: optimizers.map(({ powers }) => powers),
    moments: optimizers.map(({ moments }) => moments.length),
    ...(best && { best: { value: best.value, epoch: best.epoch, waited: best.waited } }),
  };
  // Numbers, texts, and arrays and records of them only.
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
  const { powers, moments, best, ...rest } = config as unknown as PlainSnapshot;
  const array = (name: string): SavedArray => {
    if (Object.hasOwn(arrays, name)) return arrays[name];
    throw new DataError({ op: OP, arg: 'the checkpoint', expected: `hold ${name}`, got: 'none' });
  };
  const count = Object.keys(arrays).filter((name) => name.startsWith('variable.')).length;
  const all = (prefix: string, length: number): SavedArray[] =>
    Array.from({ length }, (_, i) => array(`${prefix}.${i}`));
  return {
    ...rest,
    variables: all('variable', count),
    optimizers: powers.map((own, group) => ({
      powers: own,
      moments: all(`moment.${group}`, moments[group]),
    })),
    ...(best && { best: { ...best, variables: all('best', count) } }),
  };
}
