import { z } from 'zod';
import { DomainError } from '../../errors.js';

// Each rule is the text that follows "must" in the error message.

const integer = (min: number): z.ZodNumber => {
  const error = `be an integer >= ${min}`;
  return z.number({ error }).int({ error }).min(min, { error });
};
const bandwidthRule = "be 'auto' or a finite number > 0";
const timeRule = 'be a finite number >= 0';
const alphaRule = 'be a number in [0, 1]';

export const diffusionMapSchema = z.strictObject({
  version: z.literal(1, { error: 'be 1' }).default(1),
  dims: integer(1).default(2),
  time: z.number({ error: timeRule }).min(0, { error: timeRule }).default(0),
  alpha: z
    .number({ error: alphaRule })
    .min(0, { error: alphaRule })
    .max(1, { error: alphaRule })
    .default(1),
  bandwidth: z
    .union(
      [z.literal('auto'), z.number({ error: bandwidthRule }).positive({ error: bandwidthRule })],
      { error: bandwidthRule },
    )
    .default('auto'),
  neighbors: integer(1).default(10),
});

/**
 * Every setting of a {@link DiffusionMap}, plain JSON. Defaults and meaning:
 *
 * - `dims` (2): coordinates, the eigenvectors after the constant one.
 * - `time` (0): coordinate l is psi_l lambda_l^time.
 * - `alpha` (1): how far the density of the rows is taken out of the kernel: 1 in full, so that only the
 *   shape of the set counts; 0 not at all.
 * - `bandwidth` ('auto'): e of the kernel exp(-|x - y|^2 / e); 'auto' is twice the median over rows of the
 *   squared distance to the `neighbors`-th (10) nearest other row.
 */
export type DiffusionMapConfig = Readonly<z.output<typeof diffusionMapSchema>>;

/** A {@link DiffusionMapConfig} of which any part may be left out. */
export type DiffusionMapConfigInput = Readonly<z.input<typeof diffusionMapSchema>>;

/**
 * Check a config, from code or from a file, and fill in the defaults.
 * @throws DomainError naming the first field at fault, its rule and the value.
 */
export function parseDiffusionMapConfig(value: unknown): DiffusionMapConfig {
  const result = diffusionMapSchema.safeParse(value, { reportInput: true });
  if (result.success) return Object.freeze(result.data);
  const issue = result.error.issues[0];
  const op = 'DiffusionMap';
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    throw new DomainError({
      op,
      arg: 'config',
      expected: 'have known keys only',
      got: issue.keys.map((key) => `'${key}'`).join(', '),
      fix: `Known: ${Object.keys(diffusionMapSchema.shape).join(', ')}.`,
    });
  }
  const got = typeof issue.input === 'number' ? String(issue.input) : JSON.stringify(issue.input);
  const arg = path === '' ? 'config' : `config.${path}`;
  const expected = path === '' ? 'be an object of settings' : issue.message;
  throw new DomainError({ op, arg, expected, got });
}
