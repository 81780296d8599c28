import { z } from 'zod';
import { DomainError } from '../../errors.js';
import { GEOMETRIES } from '../../specs/relationSteps.js';
import { choice, integer, parseConfig, positive, real } from '../fields.js';

const schema = z.strictObject({
  version: z.literal(1, { error: 'be 1' }).default(1),
  geometry: choice(...GEOMETRIES).default('lorentz'),
  dim: integer(1).default(5),
  curvature: positive().default(1),
  epochs: integer(1).default(300),
  learningRate: positive().default(0.5),
  learningRateDecay: choice('none', 'linear', 'cosine').default('none'),
  burnInEpochs: integer(0).default(20),
  burnInFactor: positive().default(0.01),
  burnInPower: real(0).default(0.75),
  negatives: integer(1, 2 ** 20).default(50),
  batchSize: integer(1, 2 ** 20).default(10),
  initialScale: positive().default(1e-3),
  seed: integer(0, 2 ** 32 - 1).default(1),
});

/**
 * Hyper-parameters of {@link HyperbolicEmbedding}; defaults in brackets.
 *
 * - `geometry` ('lorentz'), 'poincare' or 'logPolar': how points are stored, and so how they are rounded;
 *   the steps are the same. lorentz: space coordinates on the hyperboloid. poincare: in the ball, radii up
 *   to 14.6 / sqrt(curvature). logPolar: tangents at the origin.
 * - `dim` (5) numbers per point. `curvature` (1): c > 0, the sectional curvature is -c.
 * - `epochs` (300), burn-in included. `learningRate` (0.5) applies to the mean loss of a batch: multiply it
 *   when you multiply `batchSize` (10). `learningRateDecay` ('none', 'linear', 'cosine') of the rate after the burn-in.
 * - `burnInEpochs` (20) with rate `learningRate * burnInFactor` (0.01) and negatives drawn in proportion to
 *   how often a node is the second of a relation, to the power `burnInPower` (0.75; 0: uniformly).
 * - `negatives` (50) drawn for every relation.
 * - `initialScale` (1e-3): coordinates begin uniform in [-initialScale, initialScale).
 * - `seed` (1) of beginning, order and negatives.
 */
export type HyperbolicEmbeddingConfig = Readonly<z.output<typeof schema>>;

/** A {@link HyperbolicEmbeddingConfig} of which any part may be left out. */
export type HyperbolicEmbeddingConfigInput = Readonly<z.input<typeof schema>>;

/**
 * Check a config, from code or from a file, and fill in the defaults.
 * @returns A frozen config.
 * @throws DomainError naming the first field at fault, its rule and the value.
 */
export function parseHyperbolicEmbeddingConfig(value: unknown): HyperbolicEmbeddingConfig {
  const config = parseConfig(OP, schema, value);
  const s = Math.sqrt(config.curvature);
  if (config.geometry === 'poincare' && config.initialScale * Math.sqrt(config.dim) * s >= 0.5) {
    throw new DomainError({
      op: OP,
      arg: 'config.initialScale',
      expected: `be below ${0.5 / (s * Math.sqrt(config.dim))}, well inside the ball`,
      got: String(config.initialScale),
    });
  }
  return config;
}

const OP = 'HyperbolicEmbedding';
