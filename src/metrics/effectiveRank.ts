import { DomainError } from '../errors.js';
import { checkRows, rowSize } from '../util/rows.js';
import type { Rows } from '../util/rows.js';
import { symmetricEigen } from '../util/symmetricEigen.js';
import { checkValues } from './checks.js';

/**
 * Effective rank of a spectrum: exp(-sum_i p_i log p_i), p_i = s_i / sum s, the number of equal values
 * that have the same entropy.
 *
 * @param values Singular values or eigenvalues, >= 0, in any order.
 * @returns A number in [1, count]; 0 when all values are 0.
 * @throws ShapeError without values; DomainError for one that is negative, NaN or infinite.
 * Reference: Roy, Vetterli, The effective rank, 2007, definition 1.
 * @example
 * effectiveRank([2, 2, 0]); // 2
 */
export function effectiveRank(values: ArrayLike<number>): number {
  const op = 'effectiveRank';
  checkValues(op, 'values', values);
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    if (!(values[i] >= 0 && Number.isFinite(values[i]))) {
      const got = `${values[i]} at index ${i}`;
      throw new DomainError({ op, arg: 'values', expected: 'be finite and >= 0', got });
    }
    total += values[i];
  }
  if (total === 0) return 0;
  let entropy = 0;
  for (let i = 0; i < values.length; i++) {
    const share = values[i] / total;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return Math.exp(entropy);
}

/** How many directions a set of latents fills. */
export interface LatentSpectrum {
  /** Eigenvalues of the covariance of the latents, largest first. */
  readonly variances: Float64Array;
  /** {@link effectiveRank} of the variances. */
  readonly effectiveRank: number;
  /** Number of variances above `share` times the largest. */
  readonly directions: number;
}

/**
 * Spectrum of the covariance of latents, and the dimension that it shows.
 *
 * @param latents At least 2 rows, finite.
 * @param options.share Variances above this share of the largest count as directions. Default 1e-3:
 * standard deviations above 3 % of the largest.
 * @returns Variances, effective rank (entropy) and count.
 * Cost: O(n d^2 + d^3) in float64 on the host.
 * @throws ShapeError, DomainError for bad rows, fewer than 2 of them, or a share outside (0, 1).
 * Reference: Mazumder et al., Learning low-rank latent spaces with simple deterministic autoencoder
 * (LoRAE), 2023, section 4, reads the rank from the same spectrum.
 */
export function latentSpectrum(
  latents: Rows,
  { share = 1e-3 }: { readonly share?: number } = {},
): LatentSpectrum {
  const op = 'latentSpectrum';
  checkRows(op, 'latents', latents);
  if (latents.count < 2) {
    const expected = 'have at least 2 rows';
    throw new DomainError({ op, arg: 'latents', expected, got: String(latents.count) });
  }
  if (!(share > 0 && share < 1)) {
    throw new DomainError({ op, arg: 'share', expected: 'lie in (0, 1)', got: String(share) });
  }
  const variances = symmetricEigen(covariance(latents), rowSize(latents))
    .values.map((value) => Math.max(0, value))
    .reverse();
  const directions = variances.filter((value) => value > share * variances[0]).length;
  return { variances, effectiveRank: effectiveRank(variances), directions };
}

/** Unbiased, in two passes so that a large mean does not cancel. */
function covariance(rows: Rows): Float64Array {
  const [n, d] = [rows.count, rowSize(rows)];
  const mean = new Float64Array(d);
  for (let i = 0; i < rows.data.length; i++) mean[i % d] += rows.data[i] / n;
  const out = new Float64Array(d * d);
  const centred = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < d; a++) centred[a] = rows.data[i * d + a] - mean[a];
    for (let a = 0; a < d; a++) {
      for (let b = 0; b <= a; b++) out[a * d + b] += centred[a] * centred[b];
    }
  }
  for (let a = 0; a < d; a++) {
    for (let b = 0; b <= a; b++) {
      out[a * d + b] /= n - 1;
      out[b * d + a] = out[a * d + b];
    }
  }
  return out;
}
