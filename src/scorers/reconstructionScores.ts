import { z } from 'zod';
import { DomainError } from '../errors.js';
import { float32Array, float64Array } from './fitted.js';
import { shrinkage, squaredLengths } from './mahalanobis.js';
import { defineScorer } from './scorer.js';
import { centered, meanOf, scatter, whiten } from './statistics.js';

/**
 * Reconstruction error: the given errors themselves, so that an autoencoder takes part in comparisons. Needs
 * errors; nothing is fitted.
 */
export const reconstruction = defineScorer({
  name: 'reconstruction',
  fitNeeds: [],
  scoreNeeds: ['errors'],
  options: z.strictObject({}),
  arrays: {},
  score: ({ errors }) => errors,
});

const rule = "be 'auto' or a number >= 0";
const weight = z
  .union([z.literal('auto'), z.number({ error: rule }).min(0, { error: rule })], { error: rule })
  .default('auto');

/** 1 / standard deviation (divided by n). */
function inverseSpread(op: string, arg: string, option: string, values: Float64Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  if (spread > 0) return 1 / spread;
  const expected = `vary for ${option} 'auto'`;
  const fix = `Give ${option} a number.`;
  throw new DomainError({ op, arg, expected, got: 'equal values only', fix });
}

/**
 * Latent Mahalanobis distance and reconstruction error: alpha sqrt((x - m)^T S^-1 (x - m)) + beta e, with mean
 * m and covariance S (divided by n) of the bank's latents x, and errors e. Fit and score need features (the
 * latents) and errors.
 * @param options.alpha, options.beta Weights >= 0, or 'auto' (default): 1 / standard deviation of the term over
 * the bank. The paper chooses them by validation. @param options.shrinkage As in {@link mahalanobis}. Default
 * 0, with the pseudo-inverse for a singular S.
 * `fittedValues('weights')` tells alpha and beta.
 * @throws DomainError when the latents are all equal, or a term does not vary and its weight is 'auto'.
 * Reference: Denouden, Salay, Czarnecki, Abdelzad, Phan, Vernekar, Improving Reconstruction Autoencoder
 * Out-of-distribution Detection with Mahalanobis Distance, 2018 (arXiv 1812.02765).
 */
export const mahalanobisReconstruction = defineScorer({
  name: 'mahalanobisReconstruction',
  fitNeeds: ['features', 'errors'],
  scoreNeeds: ['features', 'errors'],
  options: z.strictObject({ alpha: weight, beta: weight, shrinkage: shrinkage.default(0) }),
  arrays: {
    mean: { dtype: 'float64', shape: ['d'] },
    whiten: { dtype: 'float32', shape: ['d', 'r'] },
    weights: { dtype: 'float64', shape: [2] },
  },
  fit: async (op, { features, errors }, options, hold) => {
    const d = features.rowShape[0];
    const mean = meanOf(features);
    const covariance = scatter(features, () => mean).map((v) => v / features.count);
    const { matrix, rank } = whiten(op, 'between rows', covariance, d, options.shrinkage);
    const parts = {
      mean: float64Array(mean, [d]),
      whiten: float32Array(Float32Array.from(matrix), [d, rank]),
    };
    const shifted = centered(features, mean);
    const distances = (await squaredLengths(shifted, hold(parts), 'whiten')).map(Math.sqrt);
    const { alpha, beta } = options;
    const weights = Float64Array.of(
      alpha === 'auto' ? inverseSpread(op, 'distances', 'alpha', distances) : alpha,
      beta === 'auto' ? inverseSpread(op, 'errors', 'beta', errors) : beta,
    );
    return { ...parts, weights: float64Array(weights, [2]) };
  },
  score: async ({ features, errors }, fitted) => {
    const [alpha, beta] = fitted.float64('weights');
    const shifted = centered(features, fitted.float64('mean'));
    const squares = await squaredLengths(shifted, fitted, 'whiten');
    return squares.map((v, i) => alpha * Math.sqrt(v) + beta * errors[i]);
  },
});
