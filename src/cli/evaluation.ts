import { auroc, keptCurve, median } from '../metrics/index.js';
import type { KeptPoint } from '../metrics/index.js';
import type { SageScores } from '../models/index.js';
import { SCORE_NAMES } from './report/data.js';
import type { ReportSet, ScoreName, ScoreValues } from './report/data.js';
import type { Targets } from '../util/rows.js';
import { formatTable } from './table.js';

/** A set and the scores of its rows. */
export interface ScoredSet {
  readonly name: string;
  readonly scores: SageScores;
}

/** Fractions of rows whose accuracy is printed and stored. */
export const KEPT_FRACTIONS = [0.95, 0.9, 0.8] as const;

/** Fractions of the curve in the report. */
const CURVE_FRACTIONS = Array.from({ length: 46 }, (_, i) => 1 - i * 0.02);

/**
 * Compare every set with the first one, the reference: median score, and the area under the ROC of
 * each score for telling the reference's rows (positive) from the set's.
 */
export function compareSets(sets: readonly ScoredSet[]): ReportSet[] {
  const orders = sets.map(({ scores }) => orderingValues(scores));
  return sets.map(({ name, scores }, i) => ({
    name,
    rows: scores.score.length,
    score: scores.score,
    medianScore: median(scores.score),
    order: orders[i],
    ...(i === 0 ? {} : { auroc: areas(orders[0], orders[i]) }),
  }));
}

/**
 * What each score orders rows by, high = like the training data. Sub-scores are ordered by their raw
 * values: the empirical probabilities end at 1 / (n + 1), so far rows would tie.
 */
function orderingValues({ ranking, raw }: SageScores): ScoreValues {
  const negated = (values: ArrayLike<number>): Float64Array => Float64Array.from(values, (v) => -v);
  return {
    ensemble: ranking,
    distance: negated(raw.distance),
    reconstruction: negated(raw.reconstruction),
    task: negated(raw.task),
  };
}

function areas(positive: ScoreValues, negative: ScoreValues): Record<ScoreName, number> {
  const area = (name: ScoreName): number => auroc(positive[name], negative[name]);
  return {
    ensemble: area('ensemble'),
    distance: area('distance'),
    reconstruction: area('reconstruction'),
    task: area('task'),
  };
}

/** The result of a model on rows with targets: on all, and on those kept by score. */
export interface TargetResult {
  readonly measure: 'accuracy' | 'rmse';
  readonly overall: number;
  /** At {@link KEPT_FRACTIONS}. */
  readonly kept: readonly KeptPoint[];
  /** Finer, for drawing. */
  readonly curve: readonly KeptPoint[];
}

/** Accuracy or error, on all rows and on those kept when the lowest scores are dropped first. */
export function targetResult({ ranking, prediction }: SageScores, y: Targets): TargetResult {
  const measure = y.kind === 'class' ? 'accuracy' : 'rmse';
  const points = (fractions: readonly number[]): KeptPoint[] =>
    keptCurve({ score: ranking, predicted: prediction, actual: y.values, measure, fractions });
  const curve = points(CURVE_FRACTIONS);
  return { measure, overall: curve[0].value, kept: points(KEPT_FRACTIONS), curve };
}

/** `kept` of metrics.json. */
export function keptJson({ kept, measure }: TargetResult): { [key: string]: number }[] {
  return kept.map(({ fraction, value }) => ({ fraction, [measure]: value }));
}

/** An accuracy or error as text. */
export function formatResult(measure: TargetResult['measure'], value: number): string {
  return measure === 'accuracy' ? `${(100 * value).toFixed(2)} %` : value.toPrecision(4);
}

/** The table of the demo: one line per set. */
export function formatSets(sets: readonly ReportSet[]): string {
  const columns = ['distance', 'reconstruction', 'task', 'ensemble'] as const;
  return formatTable(
    [
      ['set', 'rows', 'median score', ...columns.map((name) => `AUROC ${name}`)],
      ...sets.map(({ name, rows, medianScore, auroc: area }) => [
        name,
        String(rows),
        medianScore.toFixed(3),
        ...columns.map((column) => (area === undefined ? '-' : area[column].toFixed(4))),
      ]),
    ],
    [0],
  );
}

/** `auroc` of metrics.json: per set, per score. */
export function aurocJson(sets: readonly ReportSet[]): {
  [set: string]: Record<ScoreName, number>;
} {
  return Object.fromEntries(
    sets.flatMap(({ name, auroc: area }) =>
      area === undefined
        ? []
        : [[name, Object.fromEntries(SCORE_NAMES.map((score) => [score, area[score]]))] as const],
    ),
  ) as { [set: string]: Record<ScoreName, number> };
}
