import { DomainError } from '../errors.js';
import { checkValues, checkFraction } from '../metrics/checks.js';

/** Which of many tests are called discoveries. */
export interface Discoveries {
  /** Indices of the rejected hypotheses (rows called out of distribution), ascending. */
  readonly selected: Int32Array;
  /** Adjusted p-values, one per test: the smallest fdr at which the test is selected, at most 1. */
  readonly adjusted: Float64Array;
  /** Largest p-value selected; 0 when none is. */
  readonly threshold: number;
}

/**
 * Selection that keeps the false discovery rate, the expected share of false rejections among all
 * rejections, at most `fdr`: with p_(1) <= ... <= p_(m), reject the k smallest, k the largest with
 * p_(k) <= fdr k / m. Adjusted p-values are min over j >= i of m p_(j) / j.
 *
 * Controls the rate for independent p-values and for those with positive regression dependence, which
 * conformal p-values that share their calibration rows have (Bates et al., 2023), at
 * fdr m_0 / m for m_0 true nulls. A conformal p-value is at least 1 / (n + 1), so k rejections of m tests need
 * n >= m / (fdr k) - 1 calibration rows.
 *
 * @param pValues m >= 0 values in [0, 1]; low = out of distribution.
 * @param fdr In (0, 1).
 * @returns Indices selected, adjusted p-values, largest p-value selected; equal p-values share their fate.
 * Cost: O(m log m).
 * @throws DomainError for values outside [0, 1], NaN, or fdr outside (0, 1).
 * Reference: Benjamini and Hochberg, Controlling the false discovery rate, 1995, eq. 1; Benjamini and
 * Yekutieli, The control of the false discovery rate in multiple testing under dependency, 2001, theorem 1.2.
 * @example benjaminiHochberg([0.01, 0.9, 0.03], 0.1).selected; // [0, 2]
 */
export function benjaminiHochberg(pValues: ArrayLike<number>, fdr: number): Discoveries {
  checkTests('benjaminiHochberg', pValues, fdr);
  return stepUp(pValues, fdr, 1);
}

/**
 * {@link benjaminiHochberg} for p-values with any dependence: fdr is divided by 1 + 1/2 + ... + 1/m, which
 * costs power. For p-values whose dependence is not known to be positive, several scores of one row among
 * them.
 * @throws DomainError for values outside [0, 1], NaN, or fdr outside (0, 1).
 * Reference: Benjamini and Yekutieli, 2001, theorem 1.3.
 */
export function benjaminiYekutieli(pValues: ArrayLike<number>, fdr: number): Discoveries {
  checkTests('benjaminiYekutieli', pValues, fdr);
  let harmonic = 0;
  for (let i = pValues.length; i >= 1; i--) harmonic += 1 / i;
  return stepUp(pValues, fdr, harmonic);
}

function checkTests(op: string, pValues: ArrayLike<number>, fdr: number): void {
  if (!(fdr > 0 && fdr < 1)) {
    throw new DomainError({ op, arg: 'fdr', expected: 'lie in (0, 1)', got: String(fdr) });
  }
  checkPValues(op, 'pValues', pValues);
}

/** @throws DomainError when a value is not in [0, 1]. */
export function checkPValues(op: string, arg: string, pValues: ArrayLike<number>): void {
  if (pValues.length > 0) checkValues(op, arg, pValues);
  for (let i = 0; i < pValues.length; i++) checkFraction(op, arg, pValues[i]);
}

function stepUp(pValues: ArrayLike<number>, fdr: number, factor: number): Discoveries {
  const m = pValues.length;
  const order = Uint32Array.from({ length: m }, (_, i) => i);
  order.sort((a, b) => pValues[a] - pValues[b]);
  const adjusted = new Float64Array(m);
  const selected: number[] = [];
  let least = 1;
  let threshold = 0;
  for (let rank = m; rank >= 1; rank--) {
    const test = order[rank - 1];
    // The quotient first: at rank m the p-value itself is compared with fdr, to the last bit.
    least = Math.min(least, pValues[test] * ((factor * m) / rank));
    adjusted[test] = least;
    if (least > fdr) continue;
    threshold = Math.max(threshold, pValues[test]);
    selected.push(test);
  }
  return { selected: Int32Array.from(selected).sort(), adjusted, threshold };
}
