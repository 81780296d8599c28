/** The two figures of a page: scores by transform, performance against the rows kept. */
import type { TopLevelSpec } from 'vega-lite';
import { toSvg } from '../../src/cli/report/charts.js';
import type { Measure, ModelSummary } from './results.js';

/** Okabe-Ito: told apart with every common form of colour blindness. */
const KIND_COLOURS = {
  domain: ['train', 'test', 'deformed', 'strange'],
  range: ['#009e73', '#0072b2', '#e69f00', '#d55e00'],
};

/** The scores' axis. */
const UNIT: number[] = [0, 1];

/** Quartiles and the inner 90 % of the score of every set, best first as they are given. */
export function drawScores({ sets, model }: ModelSummary): Promise<string> {
  const values = sets.map(({ name, kind, quantiles: [q05, q25, q50, q75, q95] }) => ({
    ...{ set: name, kind, q05, q25, q50, q75, q95 },
  }));
  const y = {
    field: 'set',
    type: 'nominal',
    sort: sets.map(({ name }) => name),
    title: null,
  } as const;
  const color = {
    field: 'kind',
    type: 'nominal',
    title: null,
    scale: KIND_COLOURS,
    legend: { orient: 'top' },
  } as const;
  const x = (field: string) =>
    ({ field, type: 'quantitative', title: 'score', scale: { domain: UNIT } }) as const;
  const spec: TopLevelSpec = {
    width: 420,
    height: { step: 20 },
    data: { values },
    layer: [
      { mark: 'rule', encoding: { y, x: x('q05'), x2: { field: 'q95' }, color } },
      {
        mark: { type: 'bar', size: 11 },
        encoding: { y, x: x('q25'), x2: { field: 'q75' }, color },
      },
      {
        mark: { type: 'tick', color: 'black', thickness: 2, size: 15 },
        encoding: { y, x: x('q50') },
      },
    ],
  };
  return toSvg(spec, `Scores by set, ${model.name}`, 'scores');
}

/** One panel per predictor, one line per set. */
export function drawKept({ curves, model }: ModelSummary, measure: Measure): Promise<string> {
  const values = curves.flatMap(({ set, predictor, points }) =>
    points.map(({ fraction, value }) => ({ set, predictor, fraction, value })),
  );
  const names = [...new Set(curves.map(({ set }) => set))];
  const spec: TopLevelSpec = {
    data: { values },
    facet: { field: 'predictor', type: 'nominal', title: null },
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: 330,
      height: 280,
      mark: { type: 'line', point: { size: 14 } },
      encoding: {
        x: {
          field: 'fraction',
          type: 'quantitative',
          title: 'share of rows kept',
          scale: { reverse: true, zero: false },
          axis: { format: '.0%' },
        },
        y: { field: 'value', type: 'quantitative', title: measure, scale: { zero: false } },
        color: {
          field: 'set',
          type: 'nominal',
          title: null,
          scale: { domain: names, scheme: 'tableau20' },
        },
        strokeDash: { field: 'set', type: 'nominal', title: null, scale: { domain: names } },
      },
    },
  };
  return toSvg(spec, `${measure} against the share of rows kept, ${model.name}`, 'kept');
}
