import { z } from 'zod';
import { DomainError } from '../../errors.js';
import { GEOMETRIES } from '../../specs/relationSteps.js';

// Each rule is the text that follows "must" in the error message.

function integer(min: number, max: number): z.ZodNumber {
  const top = max === Number.MAX_SAFE_INTEGER ? '' : ` and <= ${max}`;
  const error = `be an integer >= ${min}${top}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

function atLeastZero(): z.ZodNumber {
  const error = 'be a finite number >= 0';
  return z.number({ error }).min(0, { error });
}

function positive(): z.ZodNumber {
  const error = 'be a finite number > 0';
  return z.number({ error }).positive({ error });
}

const COUNT = Number.MAX_SAFE_INTEGER;

const DECAYS = ['none', 'linear', 'cosine'] as const;

const schema = z.strictObject({
  version: z.literal(1, { error: 'be 1' }).default(1),
  geometry: z.enum(GEOMETRIES, { error: `be one of ${GEOMETRIES.join(', ')}` }).default('lorentz'),
  dim: integer(1, COUNT).default(5),
  curvature: positive().default(1),
  epochs: integer(1, COUNT).default(300),
  learningRate: positive().default(0.5),
  learningRateDecay: z.enum(DECAYS, { error: `be one of ${DECAYS.join(', ')}` }).default('none'),
  burnInEpochs: integer(0, COUNT).default(20),
  burnInFactor: positive().default(0.01),
  burnInPower: atLeastZero().default(0.75),
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
  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) throw configError(result.error.issues[0]);
  const config = result.data;
  const s = Math.sqrt(config.curvature);
  if (config.geometry === 'poincare' && config.initialScale * Math.sqrt(config.dim) * s >= 0.5) {
    throw new DomainError({
      op: OP,
      arg: 'config.initialScale',
      expected: `be below ${0.5 / (s * Math.sqrt(config.dim))}, well inside the ball`,
      got: String(config.initialScale),
    });
  }
  return Object.freeze(config);
}

const OP = 'HyperbolicEmbedding';

function configError(issue: z.core.$ZodIssue): DomainError {
  const path = issue.path.join('.');
  const arg = path === '' ? 'config' : `config.${path}`;
  if (issue.code === 'unrecognized_keys') {
    const got = issue.keys.map((key) => `'${key}'`).join(', ');
    const fix = `Known: ${Object.keys(schema.shape).join(', ')}.`;
    return new DomainError({ op: OP, arg, expected: 'have known keys only', got, fix });
  }
  const got = typeof issue.input === 'number' ? String(issue.input) : JSON.stringify(issue.input);
  const expected = path === '' ? 'be an object of settings' : issue.message;
  return new DomainError({ op: OP, arg, expected, got });
}
