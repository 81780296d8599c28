import { z } from 'zod';
import { autoOrPositive, choice, integer, parseConfig } from '../fields.js';

/** Beyond this many scales the densities are those of single points to the last bit. */
const MOST_SCALES = 50;

const schema = z.strictObject({
  version: z.literal(1, { error: 'be 1' }).default(1),
  scales: integer(1, MOST_SCALES).default(4),
  laplacian: choice('combinatorial', 'normalized').default('combinatorial'),
  bandwidth: autoOrPositive().default('auto'),
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
  return parseConfig('HyperbolicDiffusionDistance', schema, value);
}
