import { z } from 'zod';
import { autoOrPositive, integer, parseConfig, real } from '../fields.js';

export const diffusionMapSchema = z.strictObject({
  version: z.literal(1, { error: 'be 1' }).default(1),
  dims: integer(1).default(2),
  time: real(0).default(0),
  alpha: real(0, 1).default(1),
  bandwidth: autoOrPositive().default('auto'),
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
  return parseConfig('DiffusionMap', diffusionMapSchema, value);
}
