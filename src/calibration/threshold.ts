import { DomainError } from '../errors.js';
import { checkValues } from '../metrics/checks.js';
import { countUpTo } from '../metrics/empirical.js';
import { binomialUpperTail } from './binomial.js';

/** A threshold and what it promises. */
export interface TprThreshold {
  /** Rows with score <= threshold are accepted as in distribution. */
  readonly threshold: number;
  /** The threshold is the rank-th smallest score. */
  readonly rank: number;
  /** Number of scores it was taken from. */
  readonly rows: number;
  /** The rate asked for. */
  readonly tpr: number;
  /** Probability, over the draw of the scores, that the true positive rate is at least `tpr`; no less than asked. */
  readonly confidence: number;
}

export interface ThresholdOptions {
  /**
   * How sure the rate should be, in (0, 1), default 0.95; or 'mean' for a rate that holds in the mean over
   * draws of the scores only, as the rule p > 1 - tpr for conformal p-values does.
   */
  readonly confidence?: number | 'mean';
}

/**
 * The lowest threshold that accepts at least a share `tpr` of all in-distribution rows with the confidence
 * asked for, whatever the distribution of the scores (high = out of distribution; in-distribution rows are
 * the positives, accepted when score <= threshold).
 *
 * The share of the distribution at or below the k-th smallest of n independent scores is at least
 * Beta(k, n - k + 1) distributed, exactly so without ties. Hence P(TPR >= tpr) >= P(Bin(n, tpr) <= k - 1), and
 * the rank is the smallest k for which that is at least `confidence`: a one-sided tolerance limit. With
 * confidence 'mean', k = ceil(tpr (n + 1)), for which the mean TPR is at least k / (n + 1).
 *
 * The usual tpr-quantile of the scores misses the rate in about half of all draws. The scores must come from
 * rows that the score was not fitted on.
 *
 * @param idScores n scores of in-distribution rows, any order; infinities allowed.
 * @param tpr In (0, 1), default 0.95.
 * @returns Threshold, its rank, and the confidence attained. Cost: O(n log n).
 * @throws ShapeError when empty; DomainError for NaN, rates outside (0, 1), or too few scores: the message
 * says how many are needed, the smallest n with tpr^n <= 1 - confidence.
 * Reference: Wilks, Determination of sample sizes for setting tolerance limits, 1941; Vovk, Conditional
 * validity of inductive conformal predictors, 2012, propositions 2a and 2b.
 * @example
 * thresholdAtTpr(scores, 0.95).threshold; // scores: 59 or more; 59 gives the largest of them
 */
export function thresholdAtTpr(
  idScores: ArrayLike<number>,
  tpr = 0.95,
  { confidence = 0.95 }: ThresholdOptions = {},
): TprThreshold {
  const op = 'thresholdAtTpr';
  checkValues(op, 'idScores', idScores);
  checkOpenRate(op, 'tpr', tpr);
  if (confidence !== 'mean') checkOpenRate(op, 'confidence', confidence);
  const rows = idScores.length;
  const rank = rankFor(rows, tpr, confidence);
  if (rank > rows) {
    throw new DomainError({
      op,
      arg: 'idScores',
      expected: `have at least ${rowsNeeded(tpr, confidence)} scores for tpr ${tpr} with confidence ${confidence}`,
      got: `${rows} scores`,
    });
  }
  const sorted = Float64Array.from(idScores).sort();
  const attained = 1 - binomialUpperTail(rows, tpr, rank);
  return { threshold: sorted[rank - 1], rank, rows, tpr, confidence: attained };
}

/**
 * Lower confidence limit of the share of in-distribution rows that a threshold accepts, from scores that
 * had no part in choosing it: the Clopper-Pearson limit, the p with P(Bin(n, p) >= k) = 1 - confidence, where
 * k = #{score <= threshold}.
 *
 * @param idScores n scores of in-distribution rows, high = out of distribution.
 * @param threshold Rows with score <= threshold are accepted.
 * @param confidence In (0, 1), default 0.95.
 * @returns Number in [0, 1), which is at most the true rate with probability >= confidence; 0 when no
 * score is accepted. Cost: O(n), and a bisection.
 * @throws ShapeError when empty; DomainError for NaN or a confidence outside (0, 1).
 * Reference: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the
 * binomial, 1934.
 * @example tprLowerBound([1, 2, 3], 3); // 0.05^(1/3) = 0.368
 */
export function tprLowerBound(
  idScores: ArrayLike<number>,
  threshold: number,
  confidence = 0.95,
): number {
  const op = 'tprLowerBound';
  checkValues(op, 'idScores', idScores);
  checkValues(op, 'threshold', [threshold]);
  checkOpenRate(op, 'confidence', confidence);
  const rows = idScores.length;
  const accepted = countUpTo(Float64Array.from(idScores).sort(), threshold);
  if (accepted === 0) return 0;
  let low = 0;
  let high = 1;
  // The tail grows with p. Halving ends where no number lies between.
  for (let middle = 0.5; middle > low && middle < high; middle = (low + high) / 2) {
    if (binomialUpperTail(rows, middle, accepted) <= 1 - confidence) low = middle;
    else high = middle;
  }
  return low;
}

function checkOpenRate(op: string, arg: string, value: number): void {
  if (value > 0 && value < 1) return;
  throw new DomainError({ op, arg, expected: 'lie in (0, 1)', got: String(value) });
}

/** Smallest k with k / (n + 1) >= tpr, n + 1 when there is none below. */
function meanRank(n: number, tpr: number): number {
  const rank = Math.max(1, Math.ceil(tpr * (n + 1)));
  // Rounding of the product may be off by one; the quotient is what the rule compares.
  if (rank > 1 && (rank - 1) / (n + 1) >= tpr) return rank - 1;
  return rank / (n + 1) >= tpr ? rank : rank + 1;
}

/** Smallest k with P(Bin(n, tpr) >= k) <= 1 - confidence, n + 1 when there is none below. */
function sureRank(n: number, tpr: number, confidence: number): number {
  let low = 1;
  let high = n + 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (binomialUpperTail(n, tpr, middle) <= 1 - confidence) high = middle;
    else low = middle + 1;
  }
  return low;
}

function rankFor(n: number, tpr: number, confidence: number | 'mean'): number {
  return confidence === 'mean' ? meanRank(n, tpr) : sureRank(n, tpr, confidence);
}

/** Smallest n whose largest score will do: tpr <= n / (n + 1), or tpr^n <= 1 - confidence. */
function rowsNeeded(tpr: number, confidence: number | 'mean'): number {
  const near = confidence === 'mean' ? tpr / (1 - tpr) : Math.log1p(-confidence) / Math.log(tpr);
  // From below the rounded solution, by the rule itself.
  let n = Math.max(1, Math.floor(near) - 1);
  while (rankFor(n, tpr, confidence) > n) n++;
  return n;
}
