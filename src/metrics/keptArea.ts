import { checkSameLength, checkValues } from './checks.js';
import type { KeptCurveInput } from './keptCurve.js';

/** {@link KeptCurveInput} without fractions: the area takes all of them. */
export type KeptAreaInput = Omit<KeptCurveInput, 'fractions'>;

/**
 * Area under the curve of accuracy or error against the fraction of rows kept: the mean over k = 1..n of
 * the accuracy (or root mean squared error) on the k rows with the highest scores.
 *
 * Rows of equal score have no order, so none is made up: along a group of ties the sum of right answers
 * (or of squared errors) grows by the group's mean. For accuracy that is the expected area over random
 * orders of the ties. Shuffling the rows does not change the area. For accuracy, 1 - area is the area
 * under the risk-coverage curve (AURC) of the 0/1 loss.
 *
 * @param input.score One score per row, high = keep; negate a score that is high for outliers.
 * @param input.predicted Labels or values. @param input.actual What they should be.
 * @param input.measure 'accuracy' or 'rmse'.
 * @returns accuracy: in [0, 1], high is good; rmse: in the unit of the values, low is good. When all
 * scores tie it is the accuracy or error on all rows.
 * Cost: O(n log n) time, O(n) memory.
 * @throws ShapeError when lengths differ or there is no row; DomainError for NaN.
 * Reference: Geifman, Uziel, El-Yaniv, Bias-reduced uncertainty estimation for deep neural classifiers,
 * 2019, section 2 (AURC).
 * @example
 * keptArea({ score: [2, 1], predicted: [1, 0], actual: [1, 1], measure: 'accuracy' }); // (1 + 1/2) / 2
 */
export function keptArea(input: KeptAreaInput): number {
  const op = 'keptArea';
  const { score, predicted, actual } = input;
  checkValues(op, 'score', score);
  checkValues(op, 'predicted', predicted);
  checkValues(op, 'actual', actual);
  checkSameLength(op, ['score', score], ['predicted', predicted]);
  checkSameLength(op, ['score', score], ['actual', actual]);
  const isAccuracy = input.measure === 'accuracy';
  const gain = (i: number): number =>
    isAccuracy ? Number(predicted[i] === actual[i]) : (predicted[i] - actual[i]) ** 2;
  const order = Uint32Array.from({ length: score.length }, (_, i) => i);
  // Not a difference: two equal infinities would give NaN.
  order.sort((a, b) => (score[a] === score[b] ? 0 : score[a] > score[b] ? -1 : 1));
  let area = 0;
  let sum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let group = 0;
    while (end < order.length && score[order[end]] === score[order[start]]) {
      group += gain(order[end]);
      end++;
    }
    for (let k = start + 1; k <= end; k++) {
      const mean = (sum + (group * (k - start)) / (end - start)) / k;
      area += isAccuracy ? mean : Math.sqrt(mean);
    }
    sum += group;
    start = end;
  }
  return area / order.length;
}
