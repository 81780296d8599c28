import { countBelow } from '../../metrics/empirical.js';
import type { SageConfig } from './config.js';
import type { SageReference } from './state.js';

/** Names of the sub-scores, in order. */
export const SUB_SCORES = ['distance', 'reconstruction', 'task'] as const;
export type SubScore = (typeof SUB_SCORES)[number];

/** Raw values of the sub-scores, one per row, high = unlike the training data. */
export type RawScores = Readonly<Record<SubScore, Float64Array>>;

/** Probabilities and their combination, one value per row. */
export interface EnsembleScores extends Record<SubScore, Float32Array> {
  /** The three probabilities as one: their mean, of the kind that `ensemble` says. */
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

/** How the three become one. */
export type Ensemble = SageConfig['ensemble'];

/**
 * Turn raw values into probabilities and combine them. The score is, of the three probabilities,
 * - 'geometric': (p_distance p_reconstruction p_task)^(1/3);
 * - 'harmonic': 3 / (1 / p_distance + 1 / p_reconstruction + 1 / p_task);
 * - 'minimum': the smallest.
 *
 * All values beyond the largest reference value share p = 1 / (n + 1). To keep their order, log p is
 * continued by an exponential tail: t(v) = -max(0, v - max(ref)) / s with s = {@link tailScale}. For
 * 'geometric' tieBreak = t_distance + t_reconstruction + t_task: the sum, not the mean, since a row that
 * one sub-score finds far beyond anything in the reference is strange, whatever the other two say. The
 * others are led by the smallest probability anyway: their ranking combines log p + t as the score
 * combines log p, and tieBreak is what that adds. ranking = log(score) + tieBreak.
 *
 * With compat the zeros and ties of the authors' definition stay: tieBreak is 0 and ranking is
 * log(score), -Infinity where a probability is 0.
 *
 * References: Wilson, The harmonic mean p-value for combining dependent tests, 2019; Tippett, The Methods
 * of Statistics, 1931 (minimum).
 */
export function combineScores(
  raw: RawScores,
  reference: SageReference,
  compat: boolean,
  ensemble: Ensemble = 'geometric',
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
  const scales = SUB_SCORES.map((name) => tailScale(reference[name]));
  const logs = new Float64Array(SUB_SCORES.length);
  const tails = new Float64Array(SUB_SCORES.length);
  for (let i = 0; i < rows; i++) {
    SUB_SCORES.forEach((name, s) => {
      const sorted = reference[name];
      const value = raw[name][i];
      const probability = probabilityOf(sorted, value, compat);
      out[name][i] = probability;
      logs[s] = Math.log(probability);
      const over = value - sorted[sorted.length - 1];
      tails[s] = compat || over <= 0 ? 0 : over / scales[s];
    });
    const logScore = logMean(logs, ensemble);
    out.score[i] = Math.min(1, Math.exp(logScore));
    const continued = logs.map((log, s) => log - tails[s]);
    const beyond =
      ensemble === 'geometric' ? 0 - sumOf(tails) : logMean(continued, ensemble) - logScore;
    out.tieBreak[i] = compat ? 0 : Math.min(0, beyond);
    out.ranking[i] = logScore + out.tieBreak[i];
  }
  return out;
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** log of the mean of probabilities, from their logarithms. */
function logMean(logs: Float64Array, ensemble: Ensemble): number {
  switch (ensemble) {
    case 'geometric':
      return sumOf(logs) / logs.length;
    case 'minimum':
      return Math.min(...logs);
    case 'harmonic': {
      // The least one is taken out before the exponential, so nothing overflows.
      const least = Math.min(...logs);
      if (least === -Infinity) return least;
      const sum = logs.reduce((all, log) => all + Math.exp(least - log), 0);
      return least + Math.log(logs.length / sum);
    }
  }
}
