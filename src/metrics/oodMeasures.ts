import { auroc } from './auroc.js';
import { areaOfSteps } from './averagePrecision.js';
import { checkValues } from './checks.js';
import { checkRate, rateAbove } from './fprAtTpr.js';

/** Scores of two groups of rows, high = out of distribution. */
export interface OodScores {
  /** Scores of in-distribution rows. */
  readonly id: ArrayLike<number>;
  /** Scores of out-of-distribution rows. */
  readonly ood: ArrayLike<number>;
}

/** How well scores tell out-of-distribution rows from in-distribution rows. */
export interface OodMeasures {
  /** Probability that an out-of-distribution row scores higher, ties one half. */
  readonly auroc: number;
  /** Average precision with in-distribution rows as positive. */
  readonly auprIn: number;
  /** Average precision with out-of-distribution rows as positive. */
  readonly auprOut: number;
  /** Share of in-distribution rows flagged where `tpr` of the out-of-distribution rows are (OpenOOD). */
  readonly fprOodPositive: number;
  /** Share of out-of-distribution rows kept where `tpr` of the in-distribution rows are (ODIN, deep kNN). */
  readonly fprIdPositive: number;
  /** The rate asked for. */
  readonly tpr: number;
}

/**
 * The five usual measures of an out-of-distribution score, with the positive class in each name:
 * {@link auroc}, {@link averagePrecision} both ways and {@link fprAtTpr} both ways. With in-distribution
 * rows as positive the scores change sign, so that the positive class is the high one.
 *
 * @param scores High = out of distribution; infinities allowed, NaN not.
 * @param tpr Level of both false positive rates, in (0, 1], default 0.95.
 * @returns auroc, auprIn, auprOut: high is good; fprOodPositive, fprIdPositive: low is good.
 * Cost: O(n log n) time, O(n) memory.
 * @throws ShapeError when a group is empty; DomainError for NaN or tpr outside (0, 1].
 * @example
 * oodMeasures({ id: [0, 1, 2], ood: [1.5, 3, 4] }).auroc; // 8 of 9 pairs: 0.8889
 */
export function oodMeasures({ id, ood }: OodScores, tpr = 0.95): OodMeasures {
  const op = 'oodMeasures';
  checkRate(op, tpr);
  const high = sortedPair(op, { id, ood }, 1);
  const low = sortedPair(op, { id, ood }, -1);
  return {
    auroc: auroc(ood, id),
    auprIn: areaOfSteps(low.id, low.ood),
    auprOut: areaOfSteps(high.ood, high.id),
    fprOodPositive: rateAbove(high.ood, high.id, tpr),
    fprIdPositive: rateAbove(low.id, low.ood, tpr),
    tpr,
  };
}

/**
 * Area under the precision-recall curve with in-distribution rows as positive:
 * {@link averagePrecision} of -id against -ood.
 * @param scores High = out of distribution.
 * @returns Number in (0, 1], high is good.
 * @throws ShapeError when a group is empty; DomainError for NaN.
 */
export function auprIn(scores: OodScores): number {
  const { id, ood } = sortedPair('auprIn', scores, -1);
  return areaOfSteps(id, ood);
}

/**
 * Area under the precision-recall curve with out-of-distribution rows as positive:
 * {@link averagePrecision} of ood against id.
 * @param scores High = out of distribution.
 * @returns Number in (0, 1], high is good.
 * @throws ShapeError when a group is empty; DomainError for NaN.
 */
export function auprOut(scores: OodScores): number {
  const { id, ood } = sortedPair('auprOut', scores, 1);
  return areaOfSteps(ood, id);
}

function sortedPair(
  op: string,
  { id, ood }: OodScores,
  sign: 1 | -1,
): { readonly id: Float64Array; readonly ood: Float64Array } {
  checkValues(op, 'scores.id', id);
  checkValues(op, 'scores.ood', ood);
  return {
    id: Float64Array.from(id, (value) => sign * value).sort(),
    ood: Float64Array.from(ood, (value) => sign * value).sort(),
  };
}
