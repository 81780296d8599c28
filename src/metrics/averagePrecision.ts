import { checkValues } from './checks.js';

/**
 * Area under the precision-recall curve as average precision:
 * AP = sum_k (R_k - R_{k-1}) P_k over the distinct scores t_k from high to low, where
 * R_k = #{positive >= t_k} / P is the recall and P_k = #{positive >= t_k} / #{all >= t_k} the precision.
 *
 * A step function, so equal scores enter together and their order never matters; there is no straight
 * line between points, which would be too good (Davis and Goadrich, 2006). This is scikit-learn's
 * `average_precision_score`; OpenOOD joins the points by lines and reports somewhat other values.
 *
 * @param positive Scores of the positive class, which should be high; infinities allowed, NaN not.
 * @param negative Scores of the negative class.
 * @returns Number in (0, 1], 1 when every positive scores above every negative. Scores without
 * information give about P / (P + N), exactly that when all tie: values for different shares of
 * positives cannot be compared.
 * Cost: O(n log n) time, O(n) memory.
 * @throws ShapeError when a group is empty; DomainError for NaN.
 * Reference: Davis and Goadrich, The relationship between precision-recall and ROC curves, 2006.
 * @example averagePrecision([3, 1], [2]); // 1/2 * 1 + 1/2 * 2/3 = 0.8333
 */
export function averagePrecision(positive: ArrayLike<number>, negative: ArrayLike<number>): number {
  checkValues('averagePrecision', 'positive', positive);
  checkValues('averagePrecision', 'negative', negative);
  return areaOfSteps(Float64Array.from(positive).sort(), Float64Array.from(negative).sort());
}

/** {@link averagePrecision} of two ascending lists. */
export function areaOfSteps(positive: Float64Array, negative: Float64Array): number {
  let sum = 0;
  let found = 0;
  let wrong = 0;
  while (found < positive.length) {
    const before = found;
    const threshold = positive[positive.length - 1 - found];
    while (found < positive.length && positive[positive.length - 1 - found] >= threshold) found++;
    while (wrong < negative.length && negative[negative.length - 1 - wrong] >= threshold) wrong++;
    sum += ((found - before) * found) / (found + wrong);
  }
  return sum / positive.length;
}
