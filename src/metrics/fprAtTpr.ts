import { DomainError } from '../errors.js';
import { checkValues } from './checks.js';
import { countBelow } from './empirical.js';

/**
 * False positive rate where the true positive rate first reaches a level: with t the highest score such
 * that #{positive >= t} / P >= tpr, FPR = #{negative >= t} / N.
 *
 * Which class is positive changes the value, and conventions differ: OpenOOD and pytorch-ood take the
 * out-of-distribution rows as positive (score high = out of distribution, find `tpr` of them, count
 * in-distribution rows found with them); papers since ODIN (Liang et al., 2018), deep kNN among them, take
 * the in-distribution rows (score high = in distribution, keep `tpr` of them, count the outliers kept).
 * {@link oodMeasures} gives both by name. Only observed scores are thresholds, nothing is interpolated:
 * equal scores are found together. With fewer than 1 / (1 - tpr) positives it needs all of them.
 *
 * @param positive Scores of the positive class, which should be high; infinities allowed, NaN not.
 * @param negative Scores of the negative class.
 * @param tpr In (0, 1], default 0.95.
 * @returns Number in [0, 1]; 0 is best, 1 when all scores tie. Cost: O(n log n) time, O(n) memory.
 * @throws ShapeError when a group is empty; DomainError for NaN or tpr outside (0, 1].
 * Reference: Liang, Li, Srikant, Enhancing the reliability of out-of-distribution image detection in
 * neural networks, 2018, section 4.3; Yang et al., OpenOOD, 2022, section 4.
 * @example fprAtTpr([3, 2, 1], [2.5, 0], 0.6); // t = 2, so 0.5
 */
export function fprAtTpr(
  positive: ArrayLike<number>,
  negative: ArrayLike<number>,
  tpr = 0.95,
): number {
  const op = 'fprAtTpr';
  checkValues(op, 'positive', positive);
  checkValues(op, 'negative', negative);
  checkRate(op, tpr);
  return rateAbove(Float64Array.from(positive).sort(), Float64Array.from(negative).sort(), tpr);
}

/** @throws DomainError when a rate lies outside (0, 1]. */
export function checkRate(op: string, tpr: number): void {
  if (tpr > 0 && tpr <= 1) return;
  throw new DomainError({ op, arg: 'tpr', expected: 'lie in (0, 1]', got: String(tpr) });
}

/** {@link fprAtTpr} of two ascending lists. */
export function rateAbove(positive: Float64Array, negative: Float64Array, tpr: number): number {
  const all = positive.length;
  // Rounding of the product may be off by one row; the quotient is what the definition compares.
  let needed = Math.min(all, Math.max(1, Math.ceil(tpr * all)));
  if (needed > 1 && (needed - 1) / all >= tpr) needed--;
  if (needed / all < tpr) needed++;
  const below = countBelow(negative, positive[all - needed]);
  return (negative.length - below) / negative.length;
}
