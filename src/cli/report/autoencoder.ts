import type { TopLevelSpec } from 'vega-lite';
import { takeRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { toSvg } from './charts.js';
import type { Chart } from './charts.js';
import type { AutoencoderFigures, HistoryRow } from './data.js';
import { drawGrid, imageShape, rangeOf, rowOf } from './rowPictures.js';

/** Okabe-Ito blue, orange and grey. */
const [BLUE, ORANGE, GREY] = ['#0072b2', '#d55e00', '#9a9a9a'];

/** Columns of the history that count latents, and what their curves are called. */
const KINDS = { live: 'live latents', effectiveRank: 'effective rank' } as const;

/** Part of the largest deviation below which a direction is not drawn. */
const NOISE = 1e-5;

const IMAGE_RANGE = 'Black and white are the smallest and the largest value of the original rows.';
const VECTOR_RANGE =
  'Each panel shows the features of a row in their order, centred and divided by their standard deviation.';

/** Figures of an autoencoder, in reading order; those without data are left out. */
export async function drawAutoencoder(
  figures: AutoencoderFigures,
  history: readonly HistoryRow[],
): Promise<Chart[]> {
  const plans = [deviations(figures), liveCurve(history), scatter(figures)].filter(
    (plan) => plan !== undefined,
  );
  const drawn = await Promise.all(
    plans.map(async ({ title, caption, spec }, i) => ({
      ...{ title, caption },
      svg: await toSvg(spec, title, `autoencoder${i}`),
    })),
  );
  return [reconstructions(figures), ...drawn, traversals(figures)];
}

function reconstructions({ pairs, scale }: AutoencoderFigures): Chart {
  const title = 'Reconstructions';
  const { originals, reconstructions: made } = pairs;
  const { rowShape } = originals;
  const all = Array.from({ length: originals.count }, (_, i) => i);
  if (imageShape(rowShape) !== undefined) {
    const line = (rows: Rows) => all.map((i) => [{ values: rowOf(rows, i), colour: '' }]);
    const cells = [line(originals), line(made)];
    const labels = ['original', 'reconstruction'];
    const svg = drawGrid({ cells, labels, rowShape, range: rangeOf([originals]) }, title);
    return { title, caption: `Rows that were held out. ${IMAGE_RANGE}`, svg };
  }
  const [before, after] = [scaled(originals, scale), scaled(made, scale)];
  const cells = [
    all.map((i) => [
      { values: rowOf(before, i), colour: GREY },
      { values: rowOf(after, i), colour: ORANGE },
    ]),
  ];
  const range = rangeOf([before, after]);
  const svg = drawGrid({ cells, labels: ['held-out rows'], rowShape, range }, title);
  const caption = `Rows that were held out (grey) and their reconstructions (orange). ${VECTOR_RANGE}`;
  return { title, caption, svg };
}

function traversals({ traversals: paths, pairs, scale }: AutoencoderFigures): Chart {
  const title = 'Latent traversals';
  const { rows, latents, offsets, onSphere = false, conditioned = false } = paths;
  const { rowShape } = rows;
  const isImage = imageShape(rowShape) !== undefined;
  const shown = isImage ? rows : scaled(rows, scale);
  const middle = offsets.indexOf(0);
  const cells = latents.map((_, r) =>
    offsets.map((_offset, c) => {
      const own = { values: rowOf(shown, r * offsets.length + c), colour: BLUE };
      if (isImage) return [own];
      // The decoded mean behind every row shows what moves.
      return [{ values: rowOf(shown, r * offsets.length + middle), colour: GREY }, own];
    }),
  );
  const labels = latents.map(
    ({ index, deviation }) => `z${index}, std ${deviation.toPrecision(2)}`,
  );
  const range = rangeOf([isImage ? pairs.originals : shown]);
  const svg = drawGrid({ cells, labels, rowShape, range }, title);
  const steps = offsets.join(', ');
  const move = onSphere
    ? `The held-out latent nearest to the mean, decoded where it is turned on the unit sphere towards one axis, by ${steps} standard deviations as an angle; `
    : `The mean latent, decoded with one latent moved by ${steps} standard deviations; `;
  const caption =
    `${move}the ${latents.length} latents of largest standard deviation. ` +
    (conditioned ? 'All under the condition of the first held-out row. ' : '') +
    (isImage ? IMAGE_RANGE : `Grey: the middle one. ${VECTOR_RANGE}`);
  return { title, caption, svg };
}

/** Rows centred and divided by the standard deviation of each feature. */
function scaled(rows: Rows, { mean, deviation }: AutoencoderFigures['scale']): Rows {
  const all = takeRows(
    rows,
    Array.from({ length: rows.count }, (_, i) => i),
  );
  const { length } = mean;
  all.data.forEach(
    (value, i) => (all.data[i] = (value - mean[i % length]) / deviation[i % length]),
  );
  return all;
}

interface Plan {
  readonly title: string;
  readonly caption: string;
  readonly spec: TopLevelSpec;
}

function deviations({ latents, directions = [], liveRatio }: AutoencoderFigures): Plan {
  const largest = latents[0].deviation;
  const own = latents.map(({ deviation }, i) => ({
    rank: i + 1,
    deviation,
    kind: deviation > liveRatio * largest ? 'live' : 'flat',
  }));
  // Below that there is rounding only, which would stretch the scale.
  const turned = directions
    .map((deviation, i) => ({ rank: i + 1, deviation, kind: 'direction' }))
    .filter(({ deviation }) => deviation > NOISE * directions[0]);
  const values = [...own, ...turned];
  const positive = values.every(({ deviation }) => deviation > 0);
  return {
    title: 'Standard deviations of the latents',
    caption:
      `Over the held-out rows, the largest first. Live: above ${liveRatio} of the largest. ` +
      'Direction: along the principal directions of the latents, which need not be their axes.',
    spec: {
      width: 380,
      height: 240,
      data: { values },
      mark: { type: 'point', filled: true, size: 30 },
      encoding: {
        x: { field: 'rank', type: 'quantitative', axis: { tickMinStep: 1, format: 'd' } },
        y: {
          field: 'deviation',
          type: 'quantitative',
          title: positive ? 'standard deviation (log scale)' : 'standard deviation',
          scale: positive ? { type: 'log' } : { zero: true },
        },
        color: {
          field: 'kind',
          type: 'nominal',
          title: null,
          scale: { domain: ['live', 'flat', 'direction'], range: [BLUE, GREY, ORANGE] },
        },
      },
    },
  };
}

function liveCurve(history: readonly HistoryRow[]): Plan | undefined {
  const values = (['live', 'effectiveRank'] as const).flatMap((name) =>
    history
      .filter((row) => typeof row[name] === 'number')
      .map((row) => ({ epoch: row.epoch, value: Number(row[name]), kind: KINDS[name] })),
  );
  if (values.length === 0) return undefined;
  return {
    title: 'Live latents per epoch',
    caption:
      'Live latents, as the model counts them (mean over the batches of the epoch) or over held-out rows; and the ' +
      'effective rank of held-out latents, exp of the entropy of the variances along their principal directions.',
    spec: {
      width: 380,
      height: 240,
      data: { values },
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'epoch', type: 'quantitative', axis: { tickMinStep: 1, format: 'd' } },
        y: { field: 'value', type: 'quantitative', title: 'latents', scale: { zero: true } },
        color: {
          field: 'kind',
          type: 'nominal',
          title: null,
          scale: { domain: Object.values(KINDS), range: [BLUE, ORANGE] },
        },
      },
    },
  };
}

function scatter({ points, labels }: AutoencoderFigures): Plan {
  const values = points.map(({ x, y, label }) => ({
    x,
    y,
    ...(label === undefined ? {} : { label }),
  }));
  const at = (field: 'x' | 'y') =>
    ({
      field,
      type: 'quantitative',
      title: field === 'x' ? 'component 1' : 'component 2',
      scale: { zero: false },
    }) as const;
  const colours = {
    class: { field: 'label', type: 'nominal', title: 'class', scale: { scheme: 'tableau10' } },
    real: { field: 'label', type: 'quantitative', title: 'target', scale: { scheme: 'viridis' } },
  } as const;
  const test = 'isValid(datum.label)';
  const color =
    labels === 'none' ? { value: BLUE } : { condition: { test, ...colours[labels] }, value: GREY };
  const rest = points.some(({ label }) => label === undefined) ? ' (grey: not known)' : '';
  const told = labels === 'none' ? '' : `, coloured by their targets${rest}`;
  return {
    title: 'Latent space',
    caption: `A sample of the held-out rows in the plane of largest variance of the latents${told}.`,
    spec: {
      width: 460,
      height: 380,
      data: { values },
      mark: { type: 'circle', size: 14, opacity: 0.6 },
      encoding: { x: at('x'), y: at('y'), color },
    },
  };
}
