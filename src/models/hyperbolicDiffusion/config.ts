import { z } from 'zod';
import { DomainError } from '../../errors.js';

// Each rule is the text that follows "must" in the error message.

/** Beyond this many scales the densities are those of single points to the last bit. */
const MOST_SCALES = 50;

const scalesRule = `be an integer >= 1 and <= ${MOST_SCALES}`;
const bandwidthRule = "be 'auto' or a finite number > 0";

const schema = z.strictObject({
  version: z.literal(1, { error: 'be 1' }).default(1),
  scales: z
    .number({ error: scalesRule })
    .int({ error: scalesRule })
    .min(1, { error: scalesRule })
    .max(MOST_SCALES, { error: scalesRule })
    .default(4),
  laplacian: z
    .enum(['combinatorial', 'normalized'], { error: 'be one of combinatorial, normalized' })
    .default('combinatorial'),
  bandwidth: z
    .union(
      [z.literal('auto'), z.number({ error: bandwidthRule }).positive({ error: bandwidthRule })],
      { error: bandwidthRule },
    )
    .default('auto'),
});

/**
 * Every setting of a {@link HyperbolicDiffusionDistance}, plain JSON. Defaults and meaning:
 *
 * - `scales` (4): K, the number of diffusion times 1, 1/2, ..., 2^(1-K).
 * - `laplacian` ('combinatorial'; graphs): L = D - A, or 'normalized', I - D^(-1/2) A D^(-1/2).
 * - `bandwidth` ('auto'; rows): e of the kernel exp(-|x - y|^2 / e); 'auto' is the median of |x - y|^2.
 */
export type HyperbolicDiffusionConfig = Readonly<z.output<typeof schema>>;

/** A {@link HyperbolicDiffusionConfig} of which any part may be left out. */
export type HyperbolicDiffusionConfigInput = Readonly<z.input<typeof schema>>;

/**
 * Check a config, from code or from a file, and fill in the defaults.
 * @throws DomainError naming the first field at fault, its rule and the value.
 */
export function parseHyperbolicDiffusionConfig(value: unknown): HyperbolicDiffusionConfig {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return Object.freeze(result.data);
  const issue = result.error.issues[0];
  const op = 'HyperbolicDiffusionDistance';
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    throw new DomainError({
      op,
      arg: 'config',
      expected: 'have known keys only',
      got: issue.keys.map((key) => `'${key}'`).join(', '),
      fix: `Known: ${Object.keys(schema.shape).join(', ')}.`,
    });
  }
  const got = typeof issue.input === 'number' ? String(issue.input) : JSON.stringify(issue.input);
  const arg = path === '' ? 'config' : `config.${path}`;
  const expected = path === '' ? 'be an object of settings' : issue.message;
  throw new DomainError({ op, arg, expected, got });
}
