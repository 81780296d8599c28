import type { Sample } from '../data/index.js';
import { latentSpectrum } from '../metrics/index.js';
import type { LatentSpectrum } from '../metrics/index.js';
import { measureScaler } from '../models/layers/scaler.js';
import { areFinite, rowSize, sliceRows, takeRows } from '../util/rows.js';
import type { Rows, Targets } from '../util/rows.js';
import type { CommandContext } from './context.js';
import { formatResult } from './evaluation.js';
import { drawLatents, LATENT_POINTS } from './latentSample.js';
import type { AutoencoderEntry, AutoencoderModel } from './models.js';
import type { AutoencoderFigures, HistoryRow, LatentSpread } from './report/data.js';
import { requireTargets } from './steps.js';
import type { Settings } from './settings.js';
import type { HeldOutResult, Training } from './training.js';
import { OFFSETS, pathsOnSphere, pathsThrough } from './traversals.js';

/** Share of the rows that is held out, unless the user says another. */
const HELD_OUT = 0.1;

/** Part of the largest standard deviation above which a latent is live, for models without a setting. */
const LIVE_RATIO = 0.01;

/** Held-out rows whose latents are looked at after every epoch, and at the end. */
const [WATCHED_ROWS, MEASURED_ROWS] = [256, 2000];

/** More latents than this are not looked through for their directions: the cost grows with their cube. */
const MOST_DIRECTIONS = 256;

/** Rows with their reconstructions, and latents that are traversed, in the report. */
const [PAIRS, TRAVERSED] = [8, 8];

/** An autoencoder under `train`. */
export function autoencoderTraining(
  entry: AutoencoderEntry,
  settings: Settings,
  heldOut = HELD_OUT,
): Training {
  const model = entry.create(settings);
  const { config } = model;
  const mayLackTargets = 'semiSupervised' in config && config.semiSupervised === true;
  return {
    settings: config,
    seed: config.seed,
    task: 'auto',
    mayLackTargets,
    heldOut,
    sampleOf: (spec, dataset) => {
      const { x, y } = dataset;
      if (entry.targets === 'required' && !(mayLackTargets && y)) {
        return { x, y: requireTargets('train', spec, dataset).targets };
      }
      // Targets that the model does not learn still colour the drawing of the latents.
      return { x, ...(y === undefined ? {} : { y }) };
    },
    fit: ({ x, y, condition }, held, options) =>
      model.fit(x, {
        ...options,
        condition,
        ...(entry.targets === 'none' ? {} : { targets: y }),
        onEpochEnd: async (epoch, encode) => {
          const side = held.condition && sliceRows(held.condition, 0, WATCHED_ROWS);
          const latents = await encode(sliceRows(held.x, 0, WATCHED_ROWS), { condition: side });
          const counts = countLatents(latents, liveRatioOf(model));
          // What a model counts itself, while it trains, stands before what is counted here.
          options.onEpochEnd({ ...epoch, parts: { ...epoch.parts, ...counts, ...epoch.parts } });
        },
      }),
    evaluate: (held, history, context) => evaluateHeldOut(entry, model, held, history, context),
    toArtifacts: () => model.toArtifacts(),
    dispose: () => model.dispose(),
  };
}

/** Errors of the reconstruction and what the latents do, on the held-out rows. */
async function evaluateHeldOut(
  { onSphere = false }: AutoencoderEntry,
  model: AutoencoderModel,
  { x, y, condition }: Sample,
  history: readonly HistoryRow[],
  { signal }: CommandContext,
): Promise<HeldOutResult> {
  const latents = await model.encode(x, { signal, condition });
  const reconstructions = await model.reconstruct(x, { signal, condition });
  const errors = await model.errors(x, { signal, condition });
  const { means, spreads } = measureLatents(latents);
  const liveRatio = liveRatioOf(model);
  const live = spreads.filter(({ deviation }) => deviation > liveRatio * spreads[0].deviation);
  const { mse, explained } = compareRows(x, reconstructions);
  const counted = history.at(-1)?.live;
  const traversed = spreads.slice(0, TRAVERSED);
  const paths = onSphere
    ? pathsOnSphere(latents, means, traversed)
    : pathsThrough(means, traversed);
  // One row has no deviation: it does not tell which latents are live.
  const isMeasured = x.count > 1;
  const spectrum = spectrumOf(sliceRows(latents, 0, MEASURED_ROWS));
  const rank = spectrum && `, effective rank ${spectrum.effectiveRank.toFixed(2)}`;
  const spread = isMeasured
    ? `, ${live.length} of ${spreads.length} latents live${rank ?? ''}`
    : '';
  const predicted = y && comparePredictions(await model.predict?.(x, { signal, condition }), y);
  // A mean of conditions need not be one (that of one-hot numbers is none): the first row's is.
  const first = condition && takeRows(condition, new Int32Array(paths.count));
  return {
    measure: 'mean squared error',
    shown: `${mse.toPrecision(4)}${spread}${predicted?.shown ?? ''}`,
    metrics: {
      testMse: mse,
      testError: errors.reduce((sum, error) => sum + error / errors.length, 0),
      explainedVariance: explained,
      heldOutRows: x.count,
      latentDim: spreads.length,
      ...(isMeasured && { liveLatents: live.length }),
      ...(spectrum && { effectiveRank: spectrum.effectiveRank }),
      liveRatio,
      ...(counted === undefined ? {} : { liveInTraining: counted }),
      latentDeviations: spreads.map(({ deviation }) => deviation),
      ...predicted?.metrics,
    },
    report: {
      ...{ sets: [], latent: [], kept: [], keptLabel: '' },
      autoencoder: {
        latents: spreads,
        directions: Array.from(spectrum?.variances ?? [], Math.sqrt),
        liveRatio,
        pairs: {
          originals: sliceRows(x, 0, PAIRS),
          reconstructions: sliceRows(reconstructions, 0, PAIRS),
        },
        traversals: {
          latents: traversed,
          offsets: OFFSETS,
          onSphere,
          rows: await model.decode(paths, { signal, condition: first }),
          conditioned: condition !== undefined,
        },
        scale: measureScaler(
          x,
          Array.from({ length: x.count }, (_, i) => i),
        ),
        ...drawnPoints(latents, y),
      },
    },
  };
}

/** The setting of the model where it has one. */
function liveRatioOf({ config }: AutoencoderModel): number {
  return 'liveRatio' in config && typeof config.liveRatio === 'number'
    ? config.liveRatio
    : LIVE_RATIO;
}

/** Mean of every latent, and their standard deviations, the largest first. */
function measureLatents({ data, count, rowShape: [d] }: Rows): {
  readonly means: Float64Array;
  readonly spreads: readonly LatentSpread[];
} {
  const means = new Float64Array(d);
  const squares = new Float64Array(d);
  data.forEach((value, i) => (means[i % d] += value / count));
  data.forEach((value, i) => (squares[i % d] += (value - means[i % d]) ** 2 / count));
  const spreads = Array.from(squares, (square, index) => ({ index, deviation: Math.sqrt(square) }));
  spreads.sort((a, b) => b.deviation - a.deviation || a.index - b.index);
  return { means, spreads };
}

/** Directions that latents fill; undefined where they can't be told, or there are too many. */
function spectrumOf(latents: Rows): LatentSpectrum | undefined {
  const [d] = latents.rowShape;
  return latents.count > 1 && d <= MOST_DIRECTIONS ? latentSpectrum(latents) : undefined;
}

/** Latents with a deviation above a part of the largest, and the directions they fill; nothing of one row. */
function countLatents(latents: Rows, ratio: number): Record<string, number> {
  // Weights that went wrong are for the training loop to report.
  if (latents.count < 2 || !areFinite(latents.data)) return {};
  const { spreads } = measureLatents(latents);
  const live = spreads.filter(({ deviation }) => deviation > ratio * spreads[0].deviation).length;
  const spectrum = spectrumOf(latents);
  return { live, ...(spectrum && { effectiveRank: spectrum.effectiveRank }) };
}

/** Mean squared error per element in the scale of the rows, and the part of their variance that is met. */
function compareRows(x: Rows, made: Rows): { readonly mse: number; readonly explained: number } {
  const size = rowSize(x);
  const mean = new Float64Array(size);
  x.data.forEach((value, i) => (mean[i % size] += value / x.count));
  let [error, variance] = [0, 0];
  x.data.forEach((value, i) => {
    error += (value - made.data[i]) ** 2;
    variance += (value - mean[i % size]) ** 2;
  });
  // Rows that are all equal have nothing to explain.
  return { mse: error / x.data.length, explained: variance > 0 ? 1 - error / variance : 0 };
}

/** Accuracy or root mean squared error over the rows whose target is known; undefined where there are none. */
function comparePredictions(
  predicted: ArrayLike<number> | undefined,
  { kind, values }: Targets,
): { readonly shown: string; readonly metrics: { readonly [key: string]: number } } | undefined {
  const known = Array.from(values, (_, i) => i).filter((i) => isKnown(kind, values[i]));
  if (predicted === undefined || known.length === 0) return undefined;
  const sumOf = (of: (i: number) => number): number => known.reduce((sum, i) => sum + of(i), 0);
  const measure = kind === 'class' ? 'accuracy' : 'rmse';
  const value =
    kind === 'class'
      ? sumOf((i) => Number(predicted[i] === values[i])) / known.length
      : Math.sqrt(sumOf((i) => (predicted[i] - values[i]) ** 2) / known.length);
  const name = kind === 'class' ? 'testAccuracy' : 'testRmse';
  return {
    shown: `, ${measure} ${formatResult(measure, value)} of ${known.length} rows with a target`,
    metrics: { [name]: value, labelledRows: known.length },
  };
}

/** Whether a row has its target: class -1 and NaN stand for none. */
function isKnown(kind: Targets['kind'], value: number): boolean {
  return kind === 'class' ? value >= 0 : Number.isFinite(value);
}

function drawnPoints(
  latents: Rows,
  y: Targets | undefined,
): Pick<AutoencoderFigures, 'points' | 'labels'> {
  const sample = sliceRows(latents, 0, LATENT_POINTS.reference);
  const points = drawLatents([{ set: 'held-out rows', latents: sample }]);
  if (y === undefined) return { points, labels: 'none' };
  const { kind, values } = y;
  return {
    points: points.map((point, i) =>
      isKnown(kind, values[i]) ? { ...point, label: values[i] } : point,
    ),
    labels: kind,
  };
}
