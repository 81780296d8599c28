import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { DomainError } from '../errors.js';
import type { Rows } from '../util/rows.js';
import { logSumExp } from '../util/softmax.js';
import { mapBlocks } from './blocks.js';
import { fitMixture, logFactor, makeComponent } from './expectationMaximization.js';
import type { Component, Shrink } from './expectationMaximization.js';
import type { Fitted, FittedArrays } from './fitted.js';
import { float32Array, float64Array } from './fitted.js';
import { shrinkage } from './mahalanobis.js';
import { count, defineScorer, real } from './scorer.js';
import {
  centered,
  classesOf,
  difference,
  meanOf,
  meanVariance,
  project,
  scatter,
} from './statistics.js';

const MIXTURE_ARRAYS = {
  weights: { dtype: 'float64', shape: ['k'] },
  means: { dtype: 'float64', shape: ['k', 'd'] },
  covariances: { dtype: 'float64', shape: ['k', 'd', 'd'] },
  center: { dtype: 'float64', shape: ['d'] },
  factors: { dtype: 'float64', shape: ['k'] },
  whiten: { dtype: 'float32', shape: ['d', 'm'] },
  offsets: { dtype: 'float32', shape: [1, 'm'] },
} as const;

/** All components side by side: m = k d columns. */
function mixtureArrays(components: readonly Component[], center: Float64Array): FittedArrays {
  const [k, d] = [components.length, center.length];
  const m = k * d;
  const whiten = new Float32Array(d * m);
  const offsets = new Float32Array(m);
  components.forEach(({ mean, whitening: { matrix } }, c) => {
    for (let j = 0; j < d; j++) {
      whiten.set(Float32Array.from(matrix.subarray(j * d, (j + 1) * d)), j * m + c * d);
    }
    offsets.set(Float32Array.from(project(difference(mean, center), matrix, d)), c * d);
  });
  const joined = (parts: readonly Float64Array[]): Float64Array =>
    Float64Array.from(parts.flatMap((part) => Array.from(part)));
  return {
    weights: float64Array(
      Float64Array.from(components, ({ weight }) => weight),
      [k],
    ),
    means: float64Array(joined(components.map(({ mean }) => mean)), [k, d]),
    covariances: float64Array(joined(components.map((c) => c.covariance)), [k, d, d]),
    center: float64Array(center, [d]),
    factors: float64Array(Float64Array.from(components, logFactor), [k]),
    whiten: float32Array(whiten, [d, m]),
    offsets: float32Array(offsets, [1, m]),
  };
}

/** -log density of every row. */
async function negativeLogDensity(features: Rows, fitted: Fitted): Promise<Float64Array> {
  const factors = fitted.float64('factors');
  const center = fitted.float64('center');
  const [k, d] = [factors.length, center.length];
  const squares = await mapBlocks(centered(features, center), k, k * d, (block) => {
    const white = tf.sub(tf.matMul(block, fitted.tensor('whiten')), fitted.tensor('offsets'));
    return tf.sum(tf.square(white).reshape([-1, k, d]), 2);
  });
  const logs = Float64Array.from(squares, (v, s) => factors[s % k] - v / 2);
  return Float64Array.from({ length: features.count }, (_, i) => -logSumExp(logs, i * k, k));
}

/** Shrinking to the mean variance of all rows, so that it keeps small classes from collapsing. */
function shrinkTo(features: Rows, mean: Float64Array, share: number): Shrink {
  const total = scatter(features, () => mean).map((v) => v / features.count);
  return { shrinkage: share, variance: meanVariance(total, mean.length) };
}

/**
 * Negative log density of a mixture with one normal distribution per class: -log sum_c (n_c / n) N(x; m_c,
 * S_c). Fit needs features and labels (any integers >= 0), score features.
 * @param options.shrinkage s in [0, 1]: S_c becomes (1 - s) S_c + s v I, with S_c the covariance of the class
 * divided by n_c and v the mean variance of all rows. Default 0.001. Any s > 0 allows classes of one row.
 * Numerics: fitted in float64 on the host, O(n d^2 + classes d^3); squared distances in float32 on the device,
 * so an error of 1e-6 of the squared distance to the nearest class is to be expected.
 * @throws DomainError when all rows are equal, or for s = 0 and a class of singular covariance.
 * Reference: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 4.3.
 */
export const gaussian = defineScorer({
  name: 'gaussian',
  fitNeeds: ['features', 'labels'],
  scoreNeeds: ['features'],
  options: z.strictObject({ shrinkage: shrinkage.default(1e-3) }),
  arrays: MIXTURE_ARRAYS,
  fit: (op, { features, labels }, options) => {
    const { ids, members, means } = classesOf(features, labels);
    const mean = meanOf(features);
    const shrink = shrinkTo(features, mean, options.shrinkage);
    const components = means.map((own, c) => {
      const size = members[c].length;
      const isOwn = (i: number): number => (labels[i] === ids[c] ? 1 : 0);
      const raw = scatter(features, () => own, isOwn).map((v) => v / size);
      const what = `within class ${ids[c]}`;
      return makeComponent(op, what, size / features.count, own, raw, shrink);
    });
    return mixtureArrays(components, mean);
  },
  score: ({ features }, fitted) => negativeLogDensity(features, fitted),
});

/**
 * Negative log density of a mixture of normal distributions fitted by expectation maximisation: -log sum_k
 * w_k N(x; m_k, S_k). Needs features.
 * @param options.components Default 5. @param options.shrinkage As in {@link gaussian}, applied in every step.
 * Default 0.001. @param options.iterations Most steps. Default 100. @param options.tolerance A run ends when
 * the mean log-likelihood grows by no more. Default 1e-4. @param options.restarts Runs from other centres
 * (k-means++), of which the likeliest is kept. Default 3. @param options.seed Default 0; the same seed gives
 * the same mixture on every backend.
 * `fittedValues` tells weights, means, covariances and the history of the mean log-likelihood.
 * Numerics: EM in float64 on the host, O(restarts * steps * n * components * d^2); scores on the device.
 * @throws DomainError for more components than rows, and as {@link gaussian}.
 * Reference: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 9.23 to 9.27.
 */
export const gmm = defineScorer({
  name: 'gmm',
  fitNeeds: ['features'],
  scoreNeeds: ['features'],
  options: z.strictObject({
    components: count.default(5),
    shrinkage: shrinkage.default(1e-3),
    iterations: count.default(100),
    tolerance: real('be a number >= 0', (v) => v >= 0).default(1e-4),
    restarts: count.default(3),
    seed: real(
      'be an integer in [0, 2^32)',
      (v) => Number.isInteger(v) && v >= 0 && v < 2 ** 32,
    ).default(0),
  }),
  arrays: { ...MIXTURE_ARRAYS, history: { dtype: 'float64', shape: ['steps'] } },
  fit: (op, { features }, options) => {
    if (options.components > features.count) {
      const expected = `be at most the number of rows in the bank, ${features.count}`;
      const got = String(options.components);
      throw new DomainError({ op, arg: 'components', expected, got });
    }
    const mean = meanOf(features);
    const shrink = shrinkTo(features, mean, options.shrinkage);
    const { components, history } = fitMixture(op, features, shrink, options);
    return {
      ...mixtureArrays(components, mean),
      history: float64Array(Float64Array.from(history), [history.length]),
    };
  },
  score: ({ features }, fitted) => negativeLogDensity(features, fitted),
});
