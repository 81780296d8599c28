import { DomainError } from '../errors.js';
import { checkValues } from './checks.js';
import { empiricalProbability } from './empirical.js';

/** What a high score says: like the training data, or unlike it. */
export type ScoreDirection = 'high-is-similar' | 'high-is-unlike';

/** Scores that say which way they point, one value per row. */
export interface DirectedScores<D extends ScoreDirection = ScoreDirection> {
  readonly values: ArrayLike<number>;
  readonly direction: D;
}

/** A result of the other direction. */
export interface ConvertedScores<D extends ScoreDirection> {
  readonly values: Float64Array;
  readonly direction: D;
}

export interface ToUnlikeOptions {
  /** 'unit': similarities s in [0, 1], such as SAGE's `score`; 'log': log s, such as its `ranking`. */
  readonly scale?: 'unit' | 'log';
}

export interface ToSimilarOptions {
  /** Scores of the same kind of held-out rows like the training data. */
  readonly reference?: ArrayLike<number>;
}

/**
 * Out-of-distribution scores of similarities: u = -log s, so that 1 becomes 0 and 0 becomes infinity, and
 * small similarities stay apart. Strictly falling in s: areas under curves and orders stay. The inverse is
 * {@link similarFromUnlike} without a reference.
 *
 * @param scores `direction` 'high-is-similar'. Of a {@link Sage}: `{ values: s.ranking, direction: s.direction }`
 * with scale 'log' orders rows without ties; `s.score` with scale 'unit' (default) is its rounding to [0, 1].
 * @returns Values in [0, infinity], high = unlike.
 * @throws DomainError when the scores are high for unlike rows already, for NaN, and for values outside
 * [0, 1] (or above 0 for scale 'log'). ShapeError when empty.
 * @example
 * unlikeFromSimilar({ values: [1, 0.5], direction: 'high-is-similar' }).values; // [0, 0.693]
 */
export function unlikeFromSimilar(
  scores: DirectedScores,
  options: ToUnlikeOptions = {},
): ConvertedScores<'high-is-unlike'> {
  const op = 'unlikeFromSimilar';
  checkDirection(op, scores, 'high-is-similar');
  const isLog = options.scale === 'log';
  const rule = isLog ? 'be at most 0, as logarithms of [0, 1] are' : 'lie in [0, 1]';
  checkRange(op, scores.values, rule, (v) => v <= (isLog ? 0 : 1) && (isLog || v >= 0));
  // Minus zero would be another bit pattern for the same number.
  const values = Float64Array.from(scores.values, (v) => 0 - (isLog ? v : Math.log(v)));
  return { values, direction: 'high-is-unlike' };
}

/**
 * Similarities in [0, 1] of out-of-distribution scores.
 * - without `reference`: s = exp(-u) for u >= 0, the inverse of {@link unlikeFromSimilar};
 * - with `reference`: s = (1 + #{ref >= u}) / (n + 1), in [1 / (n + 1), 1], for scores of any scale (an
 *   energy, a log-likelihood): the share of familiar rows that are at least as odd. It is the conformal
 *   p-value, and the probability that SAGE's sub-scores are.
 * Both fall as u rises; with a reference rows beyond its ends tie.
 *
 * @param scores `direction` 'high-is-unlike', which every scorer's is.
 * @returns Values in [0, 1], high = like the training data.
 * @throws DomainError when the scores are high for similar rows already, for NaN, and for values below 0
 * without a reference. ShapeError when empty.
 * @example
 * similarFromUnlike({ values: await scorer.score(x), direction: scorer.direction }, { reference });
 */
export function similarFromUnlike(
  scores: DirectedScores,
  options: ToSimilarOptions = {},
): ConvertedScores<'high-is-similar'> {
  const op = 'similarFromUnlike';
  checkDirection(op, scores, 'high-is-unlike');
  const { reference } = options;
  const direction = 'high-is-similar';
  if (reference === undefined) {
    const rule = 'be at least 0 without a reference';
    checkRange(op, scores.values, rule, (v) => v >= 0);
    return { values: Float64Array.from(scores.values, (v) => Math.exp(-v)), direction };
  }
  return { values: empiricalProbability(reference, scores.values), direction };
}

/** @throws DomainError unless the scores point the way that `op` converts from. */
function checkDirection(op: string, { direction }: DirectedScores, wanted: ScoreDirection): void {
  if (direction === wanted) return;
  const other = op === 'unlikeFromSimilar' ? 'similarFromUnlike' : 'unlikeFromSimilar';
  throw new DomainError({
    op,
    arg: 'scores.direction',
    expected: `be '${wanted}'`,
    got: `'${direction}'`,
    fix: `Scores of the other direction are converted by ${other}, or are already what is wanted.`,
  });
}

function checkRange(
  op: string,
  values: ArrayLike<number>,
  expected: string,
  accepts: (value: number) => boolean,
): void {
  checkValues(op, 'scores.values', values);
  for (let i = 0; i < values.length; i++) {
    if (accepts(values[i])) continue;
    const got = `${values[i]} at row ${i}`;
    throw new DomainError({ op, arg: 'scores.values', expected, got });
  }
}
