import { DomainError } from '../errors.js';
import { checkFraction, checkSameLength, checkValues } from './checks.js';

/**
 * Expected calibration error of a classifier: rows are put into `bins` equal intervals of confidence;
 * ECE = sum over bins of (rows in bin / rows) * |accuracy - mean confidence|.
 * @param confidence Probability given to the predicted class, in [0, 1].
 * @param isCorrect Whether the prediction was right, one per row.
 * @param bins Default 15.
 * @returns Number in [0, 1]; 0 = confidence equals accuracy in every bin.
 * @throws ShapeError, DomainError for lengths, NaN, values outside [0, 1], bins < 1.
 * Reference: Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017, eq. 3.
 */
export function expectedCalibrationError(
  confidence: ArrayLike<number>,
  isCorrect: ArrayLike<boolean | number>,
  bins = 15,
): number {
  const op = 'expectedCalibrationError';
  checkValues(op, 'confidence', confidence);
  checkSameLength(op, ['confidence', confidence], ['isCorrect', isCorrect]);
  if (!Number.isInteger(bins) || bins < 1) {
    throw new DomainError({ op, arg: 'bins', expected: 'be an integer >= 1', got: String(bins) });
  }
  // Per bin: right answers minus confidence; the sizes cancel in the weighted mean.
  const gap = new Float64Array(bins);
  for (let i = 0; i < confidence.length; i++) {
    checkFraction(op, 'confidence', confidence[i]);
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence[i] * bins) - 1));
    gap[bin] += Number(Boolean(isCorrect[i])) - confidence[i];
  }
  return gap.reduce((sum, value) => sum + Math.abs(value), 0) / confidence.length;
}
