import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { FLOAT32_ROUNDOFF, FLOAT32_TINY } from '../../numerics.js';
import { rowSize, takeRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { overBatches } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import { decodeBatch, encodeBatch } from './forward.js';
import type { ResidualScale, Spread } from './residualScale.js';
import type { SageCore } from './state.js';

/** Training rows that residuals are measured on: enough for a mean per feature to about 1 %. */
const RESIDUAL_ROWS = 10_000;

/**
 * Floor of a feature's mean squared residual, as a part of the mean over all features: a feature that is
 * constant in training has residuals near 0, and without a floor one grey level would outweigh all others.
 */
const FLOOR_FRACTION = 0.01;

/**
 * Deviations by which the second and the third test must exceed the first to count: the error itself tells
 * shapes apart best, the others are for rows that it cannot see. Chosen on MNIST, as docs/sage.md says.
 */
const [SCALED_MARGIN, EASY_MARGIN] = [1, 1.5];

/**
 * The reconstruction value of a row from its two errors: the largest of three standardised logarithms,
 *
 *     z_e = (log e - mean) / deviation       e = mean of r_j^2 over the features j of the row
 *     z_s = (log s - mean) / deviation       s = mean of r_j^2 / variance_j
 *     value = max(z_e, z_s - 1, -z_e - 3/2)
 *
 * with r_j the residuals of the row. z_e sees shapes that the decoder does not know; z_s sees ink where
 * training rows never have any (noise, other alphabets); -z_e sees rows that are too easy to reconstruct
 * (blurred ones).
 */
export function residualValue(
  { error, scaled }: ResidualScale,
  meanSquare: number,
  scaledSquare: number,
): number {
  const z = standardised(error, meanSquare);
  const strangeInk = standardised(scaled, scaledSquare) - SCALED_MARGIN;
  return Math.max(z, strangeInk, -z - EASY_MARGIN);
}

function standardised({ mean, deviation }: Spread, value: number): number {
  return (logOf(value) - mean) / deviation;
}

/** A perfect reconstruction counts as the smallest normal float32. */
function logOf(value: number): number {
  return Math.log(Math.max(value, FLOAT32_TINY));
}

/** Weights of a row's squared residuals, shape [features]; the caller's tidy frees them. */
export function residualWeights({ variance }: ResidualScale): Tensor {
  return tf.tensor1d(Float32Array.from(variance, (value) => 1 / value));
}

/** Squared residuals of a batch, shape [b, features]. */
export function squaredResiduals(reconstructed: Tensor, x: Tensor): Tensor {
  return tf.squaredDifference(reconstructed, x).reshape([x.shape[0], -1]);
}

/** Measure training rows, evenly spread ones where there are many. */
export async function measureResiduals(
  core: SageCore,
  x: Rows,
  { signal }: BatchOptions,
): Promise<ResidualScale> {
  const count = Math.min(x.count, RESIDUAL_ROWS);
  const sample = takeRows(
    x,
    Int32Array.from({ length: count }, (_, i) => Math.floor((i * x.count) / count)),
  );
  const variance = await meanSquares(core, sample, signal);
  const unit = { mean: 0, deviation: 1 };
  const weights: ResidualScale = { variance, error: unit, scaled: unit };
  const logs = { error: new Float64Array(count), scaled: new Float64Array(count) };
  await overBatches(
    core,
    sample,
    { signal },
    (batch) => {
      const squares = squaredResiduals(decodeBatch(core, encodeBatch(core, batch)), batch);
      return [tf.mean(squares, 1), tf.mean(tf.mul(squares, residualWeights(weights)), 1)];
    },
    ([errors, scaled], start, rows) => {
      for (let i = 0; i < rows; i++) {
        logs.error[start + i] = logOf(errors[i]);
        logs.scaled[start + i] = logOf(scaled[i]);
      }
    },
  );
  return { variance, error: spreadOf(logs.error), scaled: spreadOf(logs.scaled) };
}

/** Mean squared residual per feature, with the floor. */
async function meanSquares(
  core: SageCore,
  sample: Rows,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const sums = new Float64Array(rowSize(sample));
  await overBatches(
    core,
    sample,
    { signal },
    (batch) => [tf.sum(squaredResiduals(decodeBatch(core, encodeBatch(core, batch)), batch), 0)],
    ([batchSums]) => {
      for (let j = 0; j < sums.length; j++) sums[j] += batchSums[j];
    },
  );
  const total = sums.reduce((sum, value) => sum + value, 0);
  const floor = Math.max(
    (FLOOR_FRACTION * total) / (sample.count * sums.length),
    FLOAT32_ROUNDOFF ** 2,
  );
  return sums.map((sum) => sum / sample.count + floor);
}

function spreadOf(values: Float64Array): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / values.length) || 1 };
}
