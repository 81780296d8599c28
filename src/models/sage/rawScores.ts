import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { FLOAT32_TINY } from '../../numerics.js';
import type { Rows } from '../../util/rows.js';
import { indexOfTop, negativeLogTop } from '../../util/softmax.js';
import { overBatches } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import type { SageConfig } from './config.js';
import {
  decodeBatch,
  encodeBatch,
  headBatch,
  lastOfHead,
  outputBatch,
  penultimateBatch,
} from './forward.js';
import type { BankSearch, HostNeighbors } from './latentBank.js';
import { residualValue, residualWeights, squaredResiduals } from './residuals.js';
import type { ResidualScale } from './residualScale.js';
import { outputsOf } from './state.js';
import type { SageBank, SageCore } from './state.js';

/** What the network and the neighbours say about rows, before any temperature. */
export interface Measured {
  /** log of the mean distance to the k nearest training latents. */
  readonly distance: Float64Array;
  /** Mean squared reconstruction error per element in the scale of the network's input, or the value
   * that {@link residualValue} makes of it. */
  readonly reconstruction: Float64Array;
  /** Logits [rows, classes], or scaled predictions [rows, 1], row-major. */
  readonly output: Float32Array;
  /** Mean target of the k nearest training rows; regression only. */
  readonly neighbourTarget: Float64Array | undefined;
}

/**
 * Measure rows against a trained core and its bank.
 * @param isBank The rows are those of the bank, in order: each is left out of its own neighbours, by
 * index, so that an equal twin stays.
 */
export async function measureRows(
  core: SageCore,
  bank: SageBank,
  config: SageConfig,
  x: Rows,
  options: BatchOptions & { readonly isBank?: boolean },
): Promise<Measured> {
  const width = outputsOf(core.task);
  const distance = new Float64Array(x.count);
  const reconstruction = new Float64Array(x.count);
  const output = new Float32Array(x.count * width);
  const neighbourTarget = bank.targets === undefined ? undefined : new Float64Array(x.count);
  const { k, metric } = config;
  const { residuals } = bank;
  const searchFrom = (start: number): BankSearch => {
    return { k, metric, excludeSelf: options.isBank === true ? { offset: start } : false };
  };
  await overBatches(
    core,
    x,
    options,
    (batch, start) => {
      const latents = encodeBatch(core, batch);
      return [
        headBatch(core, latents),
        ...searchBatch(bank, latents, searchFrom(start)),
        ...errorsOf(decodeBatch(core, latents), batch, residuals),
      ];
    },
    async (values, start, count) => {
      const [outputs, ...others] = values;
      const found = others.slice(0, others.length - (residuals === undefined ? 1 : 2));
      const [errors, scaled] = others.slice(found.length);
      const near = await neighboursFound(bank, found, searchFrom(start), options.signal);
      output.set(outputs, start * width);
      reconstruction.set(reconstructionValues(residuals, errors, scaled), start);
      readNeighbours(bank, k, near, { start, count, distance, neighbourTarget });
    },
  );
  return { distance, reconstruction, output, neighbourTarget };
}

/** Neighbours that the device found, or the latents where the bank is not on the device. */
function searchBatch({ latents: bank }: SageBank, latents: Tensor2D, search: BankSearch): Tensor[] {
  const near = bank.nearest(latents, search);
  return near === undefined ? [latents] : [near.distances, near.indices];
}

/** Neighbours from the values of {@link searchBatch}. */
async function neighboursFound(
  { latents: bank }: SageBank,
  found: readonly Float32Array[],
  search: BankSearch,
  signal: AbortSignal | undefined,
): Promise<HostNeighbors> {
  if (found.length === 2) return { distances: found[0], indices: found[1] };
  return await bank.nearestInBlocks(found[0], search, signal);
}

/** Reduce the k neighbours of the rows [start, start + count) to one value each. */
function readNeighbours(
  { targets }: SageBank,
  k: number,
  { distances, indices }: HostNeighbors,
  into: Pick<Measured, 'distance' | 'neighbourTarget'> & { start: number; count: number },
): void {
  const { start, count, distance, neighbourTarget } = into;
  for (let i = 0; i < count; i++) {
    distance[start + i] = logMean(distances, i * k, k);
    if (neighbourTarget !== undefined && targets !== undefined) {
      neighbourTarget[start + i] = meanAt(targets, indices, i * k, k);
    }
  }
}

/** What the network alone makes of rows. */
export interface NetworkRows {
  /** [rows, latentDim]. */
  readonly latents: Float32Array;
  /** [rows, width of the last hidden layer of the head]. */
  readonly penultimate: Float32Array;
  /** Logits [rows, classes], or scaled predictions [rows, 1]. */
  readonly output: Float32Array;
  /** Mean squared reconstruction error per element, in the scale of the network's input. */
  readonly errors: Float64Array;
  /** As {@link Measured.reconstruction}. */
  readonly reconstruction: Float64Array;
}

/** Encode, decode and head every row once; the neighbours are {@link neighbourRows}. */
export async function networkRows(
  core: SageCore,
  { residuals }: SageBank,
  x: Rows,
  options: BatchOptions,
): Promise<NetworkRows> {
  const last = core.network.head[lastOfHead(core)];
  const first = core.network.head[0];
  if (last.kind !== 'dense' || first.kind !== 'dense') throw new Error('a head of dense layers');
  const out = {
    latents: new Float32Array(x.count * first.in),
    penultimate: new Float32Array(x.count * last.in),
    output: new Float32Array(x.count * last.out),
    errors: new Float64Array(x.count),
    reconstruction: new Float64Array(x.count),
  };
  await overBatches(
    core,
    x,
    options,
    (batch) => {
      const latents = encodeBatch(core, batch);
      const penultimate = penultimateBatch(core, latents);
      const output = outputBatch(core, penultimate);
      const errors = errorsOf(decodeBatch(core, latents), batch, residuals);
      return [latents, penultimate, output, ...errors];
    },
    ([latents, penultimate, output, errors, scaled], start) => {
      out.latents.set(latents, start * first.in);
      out.penultimate.set(penultimate, start * last.in);
      out.output.set(output, start * last.out);
      out.errors.set(errors, start);
      out.reconstruction.set(reconstructionValues(residuals, errors, scaled), start);
    },
  );
  return out;
}

/** The neighbours of latents that are on the host, as {@link measureRows} finds them. */
export async function neighbourRows(
  bank: SageBank,
  { k, metric }: SageConfig,
  latents: Rows,
  options: BatchOptions,
): Promise<Pick<Measured, 'distance' | 'neighbourTarget'>> {
  const distance = new Float64Array(latents.count);
  const neighbourTarget = bank.targets === undefined ? undefined : new Float64Array(latents.count);
  const search: BankSearch = { k, metric, excludeSelf: false };
  await overBatches(
    { rowShape: latents.rowShape, scaler: undefined },
    latents,
    options,
    (batch) => searchBatch(bank, batch as Tensor2D, search),
    async (found, start, count) => {
      const near = await neighboursFound(bank, found, search, options.signal);
      readNeighbours(bank, k, near, { start, count, distance, neighbourTarget });
    },
  );
  return { distance, neighbourTarget };
}

/** The reconstruction value of every row of a batch from what {@link errorsOf} gave. */
function reconstructionValues(
  residuals: ResidualScale | undefined,
  errors: Float32Array,
  scaled: Float32Array,
): ArrayLike<number> {
  if (residuals === undefined) return errors;
  return Float64Array.from(errors, (error, i) => residualValue(residuals, error, scaled[i]));
}

/** Mean squared residual per row [b], and where there are weights their weighted mean. */
function errorsOf(
  reconstructed: Tensor,
  x: Tensor,
  residuals: ResidualScale | undefined,
): Tensor[] {
  const squares = squaredResiduals(reconstructed, x);
  const errors = tf.mean(squares, 1);
  if (residuals === undefined) return [errors];
  return [errors, tf.mean(tf.mul(squares, residualWeights(residuals)), 1)];
}

/**
 * log of a mean distance. A row whose k nearest points all equal it has mean 0: it counts as the
 * smallest positive normal float32, log = -87.3, nearer than any other.
 */
function logMean(distances: ArrayLike<number>, start: number, k: number): number {
  let sum = 0;
  for (let j = 0; j < k; j++) sum += distances[start + j];
  return Math.log(Math.max(sum / k, FLOAT32_TINY));
}

function meanAt(
  values: Float64Array,
  indices: ArrayLike<number>,
  start: number,
  k: number,
): number {
  let sum = 0;
  for (let j = 0; j < k; j++) sum += values[indices[start + j]];
  return sum / k;
}

/** Predicted class, or value in the unit of the targets, of every row. */
export function predictionsOf(core: SageCore, output: Float32Array): Int32Array | Float32Array {
  const { task } = core;
  if (task.kind === 'regression') {
    return Float32Array.from(output, (value) => value * task.deviation + task.mean);
  }
  return Int32Array.from({ length: output.length / task.classes }, (_, i) =>
    indexOfTop(output, i * task.classes, task.classes),
  );
}

/**
 * Task uncertainty of every row, high = uncertain.
 * - classification: -log of the largest probability at the temperature;
 * - regression: squared difference between the prediction and `expected`: the mean target of the
 *   neighbours, or (compat) the true target.
 */
export function taskUncertainty(
  core: SageCore,
  output: Float32Array,
  temperature: number,
  expected: ArrayLike<number> | undefined,
): Float64Array {
  const { task } = core;
  if (task.kind === 'classification') {
    const { classes } = task;
    return Float64Array.from({ length: output.length / classes }, (_, i) =>
      negativeLogTop(output, i * classes, classes, temperature),
    );
  }
  return Float64Array.from(
    output,
    (value, i) => (value * task.deviation + task.mean - (expected?.[i] ?? NaN)) ** 2,
  );
}
