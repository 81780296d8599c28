import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { Rng } from '../util/rng.js';
import type { BatchLoss, LossMeans } from './records.js';
import type { TrainLoopOptions, TrainStage } from './types.js';

/** Column of the total loss; no part of a loss has such a name. */
const TOTAL = '\0total';
/** Batches whose losses may wait on the device. */
const BATCHES_PER_READ = 20;

/**
 * Mean losses of the validation rows of a stage, every row with the same weight; undefined without such
 * rows.
 * @param fail Gives the error for a loss that is not finite.
 */
export async function validate(
  { validation }: TrainStage,
  options: TrainLoopOptions,
  fail: (what: string, value: number) => Error,
): Promise<LossMeans | undefined> {
  if (validation === undefined) return undefined;
  const { rows, batchSize = options.batchSize, inputs: make, loss } = validation;
  const sums: Record<string, number> = {};
  const pending: Pending[] = [];
  const read = async (): Promise<void> => {
    for (const { names, count, values } of await valuesOf(pending)) {
      names.forEach((name, i) => {
        if (!Number.isFinite(values[i])) throw fail(describe(name), values[i]);
        sums[name] = (sums[name] ?? 0) + values[i] * count;
      });
    }
  };
  try {
    for (let start = 0; start < rows; start += batchSize) {
      options.signal?.throwIfAborted();
      const count = Math.min(batchSize, rows - start);
      const indices = Int32Array.from({ length: count }, (_, i) => start + i);
      // The same numbers after every epoch.
      const inputs = (await make?.(indices, new Rng(options.seed).fork(start))) ?? {};
      try {
        tf.tidy(() => {
          pending.push(measured(loss({ indices, inputs }), count));
        });
      } finally {
        tf.dispose(inputs);
      }
      if (pending.length === BATCHES_PER_READ) await read();
    }
    if (pending.length > 0) await read();
  } finally {
    tf.dispose(pending.map(({ losses }) => losses));
  }
  const means = Object.entries(sums).map(([name, sum]) => [name, sum / rows] as const);
  const { [TOTAL]: total, ...parts } = Object.fromEntries(means);
  return { loss: total, parts };
}

function describe(name: string): string {
  return `validation loss part '${name === TOTAL ? 'total' : name}'`;
}

interface Pending {
  readonly names: readonly string[];
  readonly losses: Tensor;
  readonly count: number;
}

function measured({ total, parts }: BatchLoss, count: number): Pending {
  // The total is looked at last: a part that went wrong says more.
  const losses = tf.keep(tf.stack([...Object.values(parts), total]));
  return { names: [...Object.keys(parts), TOTAL], losses, count };
}

/** The values of what waits, which is freed. */
async function valuesOf(
  pending: Pending[],
): Promise<(Omit<Pending, 'losses'> & { readonly values: Float32Array })[]> {
  const batches = pending.splice(0);
  const joined = tf.tidy(() => tf.concat(batches.map(({ losses }) => losses)));
  tf.dispose(batches.map(({ losses }) => losses));
  const flat = (await joined.data()) as Float32Array;
  joined.dispose();
  let at = 0;
  return batches.map(({ names, count }) => {
    const values = flat.subarray(at, at + names.length);
    at += names.length;
    return { names, count, values };
  });
}
