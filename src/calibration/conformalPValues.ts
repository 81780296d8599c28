import { checkValues } from '../metrics/checks.js';
import { countBelow, countUpTo } from '../metrics/empirical.js';
import { Rng } from '../util/rng.js';

/** What becomes of scores equal to calibration scores. */
export interface TieOptions {
  /**
   * Draw the rank among ties at random: p-values are then exactly uniform for rows like the calibration
   * rows, with or without ties. Default false: ties count against the row, as no randomness enters.
   */
  readonly randomizedTies?: boolean;
  /**
   * Seed of the random ranks, default 0; row i takes the i-th number, so order matters. Calls whose results
   * are used together need a seed each, or their rows share numbers.
   */
  readonly seed?: number;
}

/**
 * Conformal p-values of scores, high = out of distribution:
 * p(s) = (1 + #{calibration >= s}) / (n + 1), or with random ties
 * p(s) = (#{calibration > s} + U (1 + #{calibration = s})) / (n + 1), U uniform in (0, 1].
 *
 * For a row exchangeable with the calibration rows P(p <= t) <= t at every t (with random ties: = t), over
 * the draw of both. So flagging rows with p <= t flags at most a share t of in-distribution rows in the mean.
 * p-values of several rows share the calibration rows and are dependent, positively (Bates et al.):
 * {@link benjaminiHochberg} stays valid, Fisher's chi-square test of their product does not. The smallest
 * value is 1 / (n + 1), never 0: no row can be flagged at t with fewer than 1 / t - 1 calibration rows.
 *
 * Calibration rows must not have been used to fit the score: those of the training set score too low, and
 * the p-values of new rows come out too small.
 *
 * @param calibration n >= 1 scores of held-out in-distribution rows, any order; infinities allowed.
 * @param scores Scores to judge.
 * @returns Float64Array in (0, 1], one per score; low = out of distribution. Cost: O((n + m) log n).
 * @throws ShapeError when there is no calibration score; DomainError for NaN.
 * Reference: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, section 2.2, and
 * smoothed p-values in the same chapter; Bates, Candès, Lei, Romano, Sesia, Testing for outliers with conformal p-values, 2023.
 * @example conformalPValues([1, 2, 3], [2, 9]); // [0.75, 0.25]
 */
export function conformalPValues(
  calibration: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: TieOptions = {},
): Float64Array {
  checkValues('conformalPValues', 'calibration', calibration);
  if (scores.length > 0) checkValues('conformalPValues', 'scores', scores);
  return rankAmong(Float64Array.from(calibration).sort(), scores, options);
}

/** {@link conformalPValues} of checked values, calibration scores ascending. */
export function rankAmong(
  sorted: Float64Array,
  scores: ArrayLike<number>,
  { randomizedTies = false, seed = 0 }: TieOptions,
): Float64Array {
  const n = sorted.length;
  if (!randomizedTies) {
    return Float64Array.from(scores, (s) => (1 + n - countBelow(sorted, s)) / (n + 1));
  }
  const rng = new Rng(seed);
  return Float64Array.from(scores, (s) => smoothedPValue(sorted, n, s, rng));
}

/**
 * (#{above} + U (1 + #{equal})) / (n + 1) among the first n values of an ascending list, U in (0, 1].
 */
export function smoothedPValue(sorted: Float64Array, n: number, score: number, rng: Rng): number {
  const among = sorted.subarray(0, n);
  const upTo = countUpTo(among, score);
  const equal = upTo - countBelow(among, score);
  // The generator gives [0, 1): turned round, so that no p-value is 0.
  return (n - upTo + (1 - rng.uniform()) * (1 + equal)) / (n + 1);
}
