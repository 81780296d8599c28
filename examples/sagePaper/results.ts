/** What the pages say, from scores: plain numbers, so that it can be made and tested without a model. */
import { keptCurve, median, quantile } from '../../src/metrics/index.js';
import type { KeptPoint } from '../../src/metrics/index.js';
import { perScore } from './scoring.js';
import type { ModelResult, PerScore, ScoredSet, SetKind } from './scoring.js';

export type Measure = 'accuracy' | 'rmse';

/** Fractions of rows kept: every twentieth down to one half. */
export const FRACTIONS = Array.from({ length: 11 }, (_, i) => 1 - i / 20);

/** Share of rows with exactly the lowest, and exactly the highest value that the set has. */
export interface Ties {
  readonly low: number;
  readonly high: number;
}

export interface SetSummary {
  readonly name: string;
  readonly kind: SetKind;
  readonly rows: number;
  readonly median: PerScore;
  readonly auroc?: PerScore;
  /** Of the score, and of the ranking: what rows are ordered by. */
  readonly ties: { readonly score: Ties; readonly ranking: Ties };
  /** Quantiles .05, .25, .5, .75, .95 of the score. */
  readonly quantiles: readonly number[];
}

/** Performance against the fraction kept, of one predictor on one set. */
export interface Curve {
  readonly set: string;
  readonly kind: SetKind;
  readonly predictor: string;
  readonly points: readonly KeptPoint[];
}

/** A step to fewer rows that made the result worse. */
export interface Step {
  readonly from: KeptPoint;
  readonly to: KeptPoint;
}

export interface ModelSummary {
  readonly model: Omit<ModelResult, 'sets'>;
  readonly sets: readonly SetSummary[];
  readonly curves: readonly Curve[];
}

/** Medians, areas and curves of a model's scores. */
export function summarise({ sets, ...model }: ModelResult, measure: Measure): ModelSummary {
  return {
    model,
    sets: sets.map(summariseSet),
    curves: sets.flatMap((set) => curvesOf(set, measure)),
  };
}

function summariseSet({ name, kind, values, ranking, auroc }: ScoredSet): SetSummary {
  return {
    name,
    kind,
    rows: ranking.length,
    median: perScore((score) => median(values[score])),
    ...(auroc === undefined ? {} : { auroc }),
    ties: { score: tiesOf(values.ensemble), ranking: tiesOf(ranking) },
    quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => quantile(values.ensemble, q)),
  };
}

/** Share of values that equal the smallest, and the largest, of which there is more than one. */
export function tiesOf(values: ArrayLike<number>): Ties {
  const list = Array.from(values);
  const [least, most] = list.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  const share = (end: number): number => {
    const count = list.filter((value) => value === end).length;
    return count > 1 ? count / list.length : 0;
  };
  return { low: share(least), high: share(most) };
}

function curvesOf(
  { name, kind, ranking, predictions, targets }: ScoredSet,
  measure: Measure,
): Curve[] {
  if (targets === undefined) return [];
  return Object.entries(predictions).map(([predictor, predicted]) => {
    const points = keptCurve({ score: ranking, predicted, actual: targets, measure, fractions: FRACTIONS }); // prettier-ignore
    return { set: name, kind, predictor, points };
  });
}

/** The steps to fewer rows that made the result worse, the largest first; none for a monotone curve. */
export function worseSteps({ points }: Curve, measure: Measure): Step[] {
  const loss = ({ from, to }: Step): number =>
    measure === 'accuracy' ? from.value - to.value : to.value - from.value;
  return points
    .slice(1)
    .map((to, i) => ({ from: points[i], to }))
    .filter((step) => loss(step) > 0)
    .sort((a, b) => loss(b) - loss(a));
}

/**
 * Size of a step to a lower accuracy in standard errors sqrt(a (1 - a) / n) of the accuracy that it leads
 * to: below 2 it is no more than chance. Undefined for an error, whose spread is not known.
 */
export function standardErrors({ from, to }: Step, measure: Measure): number | undefined {
  if (measure === 'rmse') return undefined;
  // One more right and one more wrong: at 0 and 1 the plain formula knows no chance.
  const share = (to.value * to.rows + 1) / (to.rows + 2);
  return (from.value - to.value) / Math.sqrt((share * (1 - share)) / to.rows);
}

/** Value at a fraction kept. */
export function valueAt({ points }: Curve, fraction: number): number {
  const point = points.find((one) => Math.abs(one.fraction - fraction) < 1e-9);
  if (point === undefined) throw new Error(`no point at ${fraction}`);
  return point.value;
}
