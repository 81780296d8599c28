import { countBelow } from '../../metrics/empirical.js';
import type { SageReference } from './state.js';

/** Names of the sub-scores, in order. */
export const SUB_SCORES = ['distance', 'reconstruction', 'task'] as const;
export type SubScore = (typeof SUB_SCORES)[number];

/** Raw values of the sub-scores, one per row, high = unlike the training data. */
export type RawScores = Readonly<Record<SubScore, Float64Array>>;

/** Probabilities and their combination, one value per row. */
export interface EnsembleScores extends Record<SubScore, Float32Array> {
  /** Geometric mean of the three probabilities. */
  readonly score: Float32Array;
  /** Order beyond the ends of the reference, <= 0; high = like the training data. */
  readonly tieBreak: Float64Array;
  /** log(score) + tieBreak, in float64: what rows are ranked by. */
  readonly ranking: Float64Array;
}

/**
 * Probability that a row like those of the reference has a raw value this large or larger.
 * @param sorted Reference values, ascending.
 *
 * - default: p(v) = (1 + #{ref >= v}) / (n + 1), never 0;
 * - compat: p(v) = 1 - #{ref < v} / n, 0 beyond the largest reference value.
 */
export function probabilityOf(sorted: Float64Array, value: number, compat: boolean): number {
  const n = sorted.length;
  const below = countBelow(sorted, value);
  return compat ? 1 - below / n : (1 + n - below) / (n + 1);
}

/** The tenth of the reference that the tail is measured on. */
const TAIL_FRACTION = 0.1;

/**
 * Scale of the exponential tail beyond the largest reference value: the mean excess of the largest
 * tenth of the reference over the value below it (the maximum-likelihood fit of an exponential to the
 * excesses). When those are all equal: the spread of the reference, or 1 when it has none.
 */
export function tailScale(sorted: Float64Array): number {
  const n = sorted.length;
  const count = Math.max(1, Math.ceil(TAIL_FRACTION * n));
  const threshold = sorted[Math.max(0, n - count - 1)];
  let sum = 0;
  for (let i = n - count; i < n; i++) sum += sorted[i] - threshold;
  return sum / count || sorted[n - 1] - sorted[0] || 1;
}

/**
 * Turn raw values into probabilities and combine them: score = (p_distance p_reconstruction
 * p_task)^(1/3).
 *
 * All values beyond the largest reference value share p = 1 / (n + 1). To keep their order, log p is
 * continued by an exponential tail: t(v) = -max(0, v - max(ref)) / s with s = {@link tailScale}. Then
 * tieBreak = (t_distance + t_reconstruction + t_task) / 3 and ranking = log(score) + tieBreak.
 *
 * With compat the zeros and ties of the authors' definition stay: tieBreak is 0 and ranking is
 * log(score), -Infinity where a probability is 0.
 */
export function combineScores(
  raw: RawScores,
  reference: SageReference,
  compat: boolean,
): EnsembleScores {
  const rows = raw.distance.length;
  const out = {
    distance: new Float32Array(rows),
    reconstruction: new Float32Array(rows),
    task: new Float32Array(rows),
    score: new Float32Array(rows),
    tieBreak: new Float64Array(rows),
    ranking: new Float64Array(rows),
  };
  for (const name of SUB_SCORES) {
    const sorted = reference[name];
    const scale = tailScale(sorted);
    const last = sorted[sorted.length - 1];
    raw[name].forEach((value, i) => {
      const probability = probabilityOf(sorted, value, compat);
      out[name][i] = probability;
      out.ranking[i] += Math.log(probability) / SUB_SCORES.length;
      if (!compat && value > last) out.tieBreak[i] -= (value - last) / scale / SUB_SCORES.length;
    });
  }
  out.score = Float32Array.from(out.ranking, (logScore) => Math.min(1, Math.exp(logScore)));
  out.ranking = out.ranking.map((logScore, i) => logScore + out.tieBreak[i]);
  return out;
}
