import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { pairwiseDistance } from '../ops/pairwiseDistance.js';
import type { Rows } from '../util/rows.js';
import { mapBlocks } from './blocks.js';
import type { Fitted, FittedArrays } from './fitted.js';
import { float32Array, float64Array } from './fitted.js';
import { defineScorer, real } from './scorer.js';
import { centered, classesOf, difference, meanOf, project, scatter, whiten } from './statistics.js';
import type { Classes, Whitening } from './statistics.js';

export const shrinkage = real('be in [0, 1]', (v) => v >= 0 && v <= 1);

interface Tied {
  readonly classes: Classes;
  readonly mean: Float64Array;
  readonly within: Whitening;
}

/** Class means and the whitening of the covariance that all classes share (divided by n). */
function fitTied(op: string, features: Rows, labels: Int32Array, shrink: number): Tied {
  const d = features.rowShape[0];
  const classes = classesOf(features, labels);
  const classOf = new Map(Array.from(classes.ids, (id, c) => [id, classes.means[c]]));
  const mean = meanOf(features);
  const sum = scatter(features, (i) => classOf.get(labels[i]) ?? mean);
  const covariance = sum.map((v) => v / features.count);
  return { classes, mean, within: whiten(op, 'within a class', covariance, d, shrink) };
}

function tiedArrays({ classes, mean, within }: Tied): FittedArrays {
  const [d, r] = [mean.length, within.rank];
  const centers = new Float32Array(classes.ids.length * r);
  classes.means.forEach((own, c) => {
    centers.set(project(difference(own, mean), within.matrix, r), c * r);
  });
  return {
    mean: float64Array(mean, [d]),
    whiten: float32Array(Float32Array.from(within.matrix), [d, r]),
    centers: float32Array(centers, [classes.ids.length, r]),
  };
}

/** min_c |(x - mean) W - center_c|^2 of every row; `shifted` is x - mean. */
async function nearestCenter(shifted: Rows, fitted: Fitted): Promise<Float64Array> {
  const [classes, r] = fitted.shape('centers');
  const squares = await mapBlocks(shifted, classes, r, (block) =>
    pairwiseDistance(tf.matMul(block, fitted.tensor('whiten')), fitted.tensor('centers'), {
      metric: 'sqeuclidean',
      mode: 'direct',
    }),
  );
  return Float64Array.from({ length: shifted.count }, (_, i) =>
    squares.subarray(i * classes, (i + 1) * classes).reduce((a, b) => Math.min(a, b)),
  );
}

/** |(x - mean) W|^2 of every row, W on the device. */
export async function squaredLengths(
  shifted: Rows,
  fitted: Fitted,
  name: string,
): Promise<Float64Array> {
  const [, r] = fitted.shape(name);
  const squares = await mapBlocks(shifted, 1, r, (block) =>
    tf.sum(tf.square(tf.matMul(block, fitted.tensor(name))), 1),
  );
  return Float64Array.from(squares);
}

const TIED_ARRAYS = {
  mean: { dtype: 'float64', shape: ['d'] },
  whiten: { dtype: 'float32', shape: ['d', 'r'] },
  centers: { dtype: 'float32', shape: ['c', 'r'] },
} as const;

/**
 * Mahalanobis distance to the nearest class: min_c (x - m_c)^T S^-1 (x - m_c), with class means m_c and
 * one covariance S of all rows about the mean of their class, divided by n. Fit needs features and labels
 * (any integers >= 0), score features.
 * @param options.shrinkage s in [0, 1]: S becomes (1 - s) S + s tr(S) / d I. Default 0. With 0 a singular S
 * is inverted on its range only (directions with less than 2^-36 of the largest variance are left out), so
 * a row that leaves the range is not seen by that: use s > 0, or residual beside it.
 * Numerics: means, covariance and eigenvalues in float64 on the host, O(n d^2 + d^3); scores in float32 on
 * the device.
 * @throws DomainError when no feature varies within a class (one row per class).
 * Reference: Lee, Lee, Lee, Shin, A Simple Unified Framework for Detecting Out-of-Distribution Samples and
 * Adversarial Attacks, NeurIPS 2018, eq. 1 and 2.
 */
export const mahalanobis = defineScorer({
  name: 'mahalanobis',
  fitNeeds: ['features', 'labels'],
  scoreNeeds: ['features'],
  options: z.strictObject({ shrinkage: shrinkage.default(0) }),
  arrays: TIED_ARRAYS,
  fit: (op, { features, labels }, options) =>
    tiedArrays(fitTied(op, features, labels, options.shrinkage)),
  score: ({ features }, fitted) =>
    nearestCenter(centered(features, fitted.float64('mean')), fitted),
});

/**
 * Relative Mahalanobis distance: min_c M_c(x) - M_0(x), where M_c is that of {@link mahalanobis} and M_0 the
 * same with the mean and the covariance of all rows, classes ignored. Of any sign. Needs, options and
 * numerics as there; with one class it is 0 everywhere.
 * Reference: Ren, Fort, Liu, Roy, Padhy, Lakshminarayanan, A Simple Fix to Mahalanobis Distance for
 * Improving Near-OOD Detection, 2021 (arXiv 2106.09022).
 */
export const relativeMahalanobis = defineScorer({
  name: 'relativeMahalanobis',
  fitNeeds: ['features', 'labels'],
  scoreNeeds: ['features'],
  options: z.strictObject({ shrinkage: shrinkage.default(0) }),
  arrays: { ...TIED_ARRAYS, background: { dtype: 'float32', shape: ['d', 's'] } },
  fit: (op, { features, labels }, options) => {
    const tied = fitTied(op, features, labels, options.shrinkage);
    const d = tied.mean.length;
    const covariance = scatter(features, () => tied.mean).map((v) => v / features.count);
    const all = whiten(op, 'between rows', covariance, d, options.shrinkage);
    const background = float32Array(Float32Array.from(all.matrix), [d, all.rank]);
    return { ...tiedArrays(tied), background };
  },
  score: async ({ features }, fitted) => {
    const shifted = centered(features, fitted.float64('mean'));
    const own = await nearestCenter(shifted, fitted);
    const background = await squaredLengths(shifted, fitted, 'background');
    return own.map((v, i) => v - background[i]);
  },
});
