import { checkFraction, checkSameLength, checkValues } from './checks.js';
import { accuracy, rmse } from './summary.js';

/** Result on the rows that stay when the least trusted are set aside. */
export interface KeptPoint {
  /** Fraction of rows kept, as asked. */
  readonly fraction: number;
  /** Rows kept: ceil(fraction * n), at least one. */
  readonly rows: number;
  /** Accuracy or root mean squared error on those rows. */
  readonly value: number;
}

export interface KeptCurveInput {
  /** One score per row, high = keep: a model's `ranking`. */
  readonly score: ArrayLike<number>;
  readonly predicted: ArrayLike<number>;
  readonly actual: ArrayLike<number>;
  readonly measure: 'accuracy' | 'rmse';
  /** Default .95, .9, .8. */
  readonly fractions?: readonly number[];
}

/**
 * Accuracy or error on the rows with the highest scores, for several fractions kept. Rows of equal
 * score are kept in order of index.
 * @throws ShapeError when lengths differ or there is no row; DomainError for NaN or a bad fraction.
 * @example
 * keptCurve({ score: [3, 1, 2, 4], predicted: [1, 0, 1, 1], actual: [1, 1, 1, 1],
 *   measure: 'accuracy', fractions: [0.75] }); // [{ fraction: 0.75, rows: 3, value: 1 }]
 */
export function keptCurve(input: KeptCurveInput): KeptPoint[] {
  const op = 'keptCurve';
  const { score, predicted, actual, fractions = [0.95, 0.9, 0.8] } = input;
  checkValues(op, 'score', score);
  checkSameLength(op, ['score', score], ['predicted', predicted]);
  checkSameLength(op, ['score', score], ['actual', actual]);
  for (const fraction of fractions) checkFraction(op, 'fractions', fraction);
  const order = Uint32Array.from({ length: score.length }, (_, i) => i);
  // Not a difference: two equal infinities would give NaN.
  order.sort((a, b) => (score[a] === score[b] ? a - b : score[a] > score[b] ? -1 : 1));
  const measure = input.measure === 'accuracy' ? accuracy : rmse;
  return fractions.map((fraction) => {
    const rows = Math.max(1, Math.ceil(fraction * score.length - 1e-9));
    const kept = Array.from(order.subarray(0, rows));
    const value = measure(
      kept.map((i) => predicted[i]),
      kept.map((i) => actual[i]),
    );
    return { fraction, rows, value };
  });
}
