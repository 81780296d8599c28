import { checkSameLength, checkValues } from './checks.js';

/**
 * Area under the ROC curve: the probability that a positive scores higher than a negative, ties
 * counted one half. AUROC = (R - P (P + 1) / 2) / (P N), where R is the sum of the mid-ranks of the P
 * positives among all P + N scores.
 *
 * @param positive Scores of the positive class, any order; infinities allowed, NaN not.
 * @param negative Scores of the negative class.
 * @returns Number in [0, 1]: 1 when every positive scores above every negative, 0.5 when all tie.
 * Cost: O(n log n) time, O(n) memory.
 * @throws ShapeError when a group is empty; DomainError for NaN.
 * Reference: Mann and Whitney, On a test of whether one of two random variables is stochastically
 * larger than the other, 1947 (U statistic); mid-ranks for ties.
 * @example auroc([3, 2], [1, 2]); // 0.875
 */
export function auroc(positive: ArrayLike<number>, negative: ArrayLike<number>): number {
  checkValues('auroc', 'positive', positive);
  checkValues('auroc', 'negative', negative);
  const a = Float64Array.from(positive).sort();
  const b = Float64Array.from(negative).sort();
  // Twice the U statistic, so that halves stay exact: 2 per pair won, 1 per tie.
  let twice = 0;
  let below = 0;
  let upTo = 0;
  for (let i = 0; i < a.length; i++) {
    while (below < b.length && b[below] < a[i]) below++;
    while (upTo < b.length && b[upTo] <= a[i]) upTo++;
    twice += below + upTo;
  }
  return twice / (2 * a.length * b.length);
}

/**
 * {@link auroc} of one list of scores with a mark per row that names the positive class.
 * @param scores One score per row.
 * @param isPositive One mark per row: true or non-zero for the positive class.
 * @throws ShapeError when the lengths differ or a class has no row; DomainError for NaN.
 * @example aurocOfScores([3, 1, 2, 2], [true, false, true, false]); // 0.875
 */
export function aurocOfScores(
  scores: ArrayLike<number>,
  isPositive: ArrayLike<boolean | number>,
): number {
  checkSameLength('aurocOfScores', ['scores', scores], ['isPositive', isPositive]);
  const all = Array.from(scores);
  return auroc(
    all.filter((_, i) => Boolean(isPositive[i])),
    all.filter((_, i) => !isPositive[i]),
  );
}
