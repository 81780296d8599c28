import { DomainError, ShapeError } from '../errors.js';
import { checkSameLength } from '../metrics/checks.js';
import { rankAmong } from './conformalPValues.js';
import type { TieOptions } from './conformalPValues.js';
import { checkPValues } from './falseDiscovery.js';

/** How p-values of one row become one number. */
export const COMBINATIONS = ['fisher', 'minimum'] as const;
export type Combination = (typeof COMBINATIONS)[number];

/** p-values of several scores, and those of held-out rows. */
export interface CombineInput extends TieOptions {
  /** One list per score: p-values of n held-out in-distribution rows, in the same order of rows. */
  readonly calibration: readonly ArrayLike<number>[];
  /** One list per score, in the same order of scores: p-values of the rows to judge. */
  readonly pValues: readonly ArrayLike<number>[];
  /**
   * 'fisher' (default): T = -2 sum ln p, for scores that each say a little; same order as the geometric mean.
   * 'minimum': T = -min p, for one score that says a lot (Tippett).
   */
  readonly statistic?: Combination;
}

/**
 * One p-value per row from the p-values of several scores.
 *
 * The product, and so the geometric mean, of p-values is not a p-value, and Fisher's chi-square law of
 * T = -2 sum ln p holds for independent ones only; scores of one row are not. So T is ranked among the T of
 * held-out rows: p = (1 + #{held-out T >= T}) / (n + 1), which is valid under any dependence between the
 * scores: for a row exchangeable with the held-out rows P(p <= t) <= t.
 *
 * Both sides must be treated alike: compute the p-values of the held-out rows and of the new rows against one
 * reference that contains neither (a third part of the data). Held-out rows that are their own reference have
 * p-values on another grid than new rows, which breaks the exchangeability.
 *
 * @param input.calibration, input.pValues One list per score, values in [0, 1], low = out of distribution.
 * @param input.statistic 'fisher' (default) or 'minimum'.
 * @param input.randomizedTies, input.seed As in {@link conformalPValues}, for ties of T.
 * @returns Float64Array in (0, 1], one per row; low = out of distribution. Cost: O((n + m) (s + log n)) for
 * s scores.
 * @throws ShapeError when there is no score or no held-out row, or lists differ in number or length;
 * DomainError for values outside [0, 1] or NaN, or an unknown statistic.
 * Reference: Fisher, Statistical Methods for Research Workers, 1932, section 21.1; Tippett, The Methods of
 * Statistics, 1931; ranked as in Vovk, Gammerman, Shafer, 2005, section 2.2.
 * @example
 * combinePValues({ calibration: [[0.2, 0.5, 0.9], [0.3, 0.6, 0.8]], pValues: [[0.1], [0.2]] }); // [0.25]
 */
export function combinePValues(input: CombineInput): Float64Array {
  const op = 'combinePValues';
  const { calibration, pValues, statistic = 'fisher' } = input;
  if (!COMBINATIONS.includes(statistic)) {
    throw new DomainError({
      op,
      arg: 'statistic',
      expected: `be one of ${COMBINATIONS.join(', ')}`,
      got: statistic,
    });
  }
  checkScores(op, 'calibration', calibration);
  checkScores(op, 'pValues', pValues);
  checkSameLength(op, ['calibration', calibration], ['pValues', pValues]);
  if (calibration[0].length === 0) {
    const expected = 'have at least one held-out row';
    throw new ShapeError({ op, arg: 'calibration', expected, got: '0 rows' });
  }
  const heldOut = combined(calibration, statistic).sort();
  return rankAmong(heldOut, combined(pValues, statistic), input);
}

function checkScores(op: string, arg: string, lists: readonly ArrayLike<number>[]): void {
  if (lists.length === 0) {
    throw new ShapeError({ op, arg, expected: 'have a list for each score', got: '0 lists' });
  }
  lists.forEach((list, i) => {
    checkSameLength(op, [`${arg}[0]`, lists[0]], [`${arg}[${i}]`, list]);
    checkPValues(op, `${arg}[${i}]`, list);
  });
}

/** The statistic of every row, high = out of distribution. */
function combined(lists: readonly ArrayLike<number>[], statistic: Combination): Float64Array {
  return Float64Array.from({ length: lists[0].length }, (_, row) => {
    const own = lists.map((list) => list[row]);
    if (statistic === 'minimum') return -Math.min(...own);
    return -2 * own.reduce((sum, p) => sum + Math.log(p), 0);
  });
}
