import { checkFraction, checkSameLength, checkValues } from './checks.js';

/**
 * The q-quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996,
 * the default of R and NumPy).
 * @param q In [0, 1].
 * @throws ShapeError when empty; DomainError for NaN or q outside [0, 1].
 * @example quantile([1, 2, 3, 4], 0.5); // 2.5
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  checkValues('quantile', 'values', values);
  checkFraction('quantile', 'q', q);
  const sorted = Float64Array.from(values).sort();
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  // Equal neighbours first: infinity minus infinity would be NaN.
  if (sorted[low] === sorted[high] || at === low) return sorted[low];
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/** The median: {@link quantile} at 1/2. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/**
 * Mean and standard deviation of a sample, the latter sqrt(sum (v - mean)^2 / (n - 1)): how much a figure
 * differs from one seed to the next. The deviation of one value is not known: undefined.
 * @throws ShapeError when empty; DomainError for NaN.
 * @example meanAndDeviation([1, 2, 3]); // { mean: 2, deviation: 1 }
 */
export function meanAndDeviation(values: ArrayLike<number>): {
  readonly mean: number;
  readonly deviation: number | undefined;
} {
  checkValues('meanAndDeviation', 'values', values);
  const n = values.length;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i];
  const mean = sum / n;
  if (n === 1) return { mean, deviation: undefined };
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / (n - 1)) };
}

/**
 * Fraction of predictions equal to their label, in [0, 1].
 * @throws ShapeError when empty or of different lengths; DomainError for NaN.
 */
export function accuracy(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  checkPairs('accuracy', predicted, actual);
  let right = 0;
  for (let i = 0; i < actual.length; i++) if (predicted[i] === actual[i]) right++;
  return right / actual.length;
}

/**
 * Root of the mean squared difference, in the unit of the values, summed in float64.
 * @throws ShapeError when empty or of different lengths; DomainError for NaN.
 */
export function rmse(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  checkPairs('rmse', predicted, actual);
  let sum = 0;
  for (let i = 0; i < actual.length; i++) sum += (predicted[i] - actual[i]) ** 2;
  return Math.sqrt(sum / actual.length);
}

function checkPairs(op: string, predicted: ArrayLike<number>, actual: ArrayLike<number>): void {
  checkValues(op, 'actual', actual);
  checkValues(op, 'predicted', predicted);
  checkSameLength(op, ['actual', actual], ['predicted', predicted]);
}
