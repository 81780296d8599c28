import type { Sample } from '../data/index.js';
import { measureScaler } from '../models/layers/scaler.js';
import { rowSize, sliceRows } from '../util/rows.js';
import type { Rows, Targets } from '../util/rows.js';
import type { CommandContext } from './context.js';
import { drawLatents, LATENT_POINTS } from './latentSample.js';
import type { AutoencoderEntry, AutoencoderModel } from './models.js';
import type { AutoencoderFigures, HistoryRow, LatentSpread } from './report/data.js';
import { requireTargets } from './steps.js';
import type { Settings } from './settings.js';
import type { HeldOutResult, Training } from './training.js';

/** Share of the rows that is held out, unless the user says another. */
const HELD_OUT = 0.1;

/** Part of the largest standard deviation above which a latent is live, for models without a setting. */
const LIVE_RATIO = 0.01;

/** Rows with their reconstructions, and latents that are traversed, in the report. */
const [PAIRS, TRAVERSED] = [8, 8];

/** Where each traversed latent is decoded, in standard deviations. */
const OFFSETS = [-3, -2, -1, 0, 1, 2, 3];

/** An autoencoder under `train`. */
export function autoencoderTraining(
  entry: AutoencoderEntry,
  settings: Settings,
  heldOut = HELD_OUT,
): Training {
  const model = entry.create(settings);
  const { config } = model;
  return {
    settings: config,
    seed: config.seed,
    task: 'auto',
    heldOut,
    sampleOf: (spec, dataset) => {
      const { x, y } = dataset;
      // What stands for a target that is not known is the model's own matter.
      const mayLack = 'semiSupervised' in config && config.semiSupervised === true;
      if (entry.targets === 'required' && !(mayLack && y)) {
        return { x, y: requireTargets('train', spec, dataset).targets };
      }
      // Targets that the model does not learn still colour the drawing of the latents.
      return { x, ...(y === undefined ? {} : { y }) };
    },
    fit: ({ x, y }, _, options) =>
      model.fit(x, { ...options, ...(entry.targets === 'none' ? {} : { targets: y }) }),
    evaluate: (held, history, context) => evaluateHeldOut(model, held, history, context),
    toArtifacts: () => model.toArtifacts(),
    dispose: () => model.dispose(),
  };
}

/** Errors of the reconstruction and what the latents do, on the held-out rows. */
async function evaluateHeldOut(
  model: AutoencoderModel,
  { x, y }: Sample,
  history: readonly HistoryRow[],
  { signal }: CommandContext,
): Promise<HeldOutResult> {
  const latents = await model.encode(x, { signal });
  const reconstructions = await model.reconstruct(x, { signal });
  const errors = await model.errors(x, { signal });
  const { means, spreads } = measureLatents(latents);
  const liveRatio = liveRatioOf(model);
  const live = spreads.filter(({ deviation }) => deviation > liveRatio * spreads[0].deviation);
  const { mse, explained } = compareRows(x, reconstructions);
  const counted = history.at(-1)?.live;
  const traversed = spreads.slice(0, TRAVERSED);
  return {
    measure: 'mean squared error',
    shown: `${mse.toPrecision(4)}, ${live.length} of ${spreads.length} latents live`,
    metrics: {
      testMse: mse,
      testError: errors.reduce((sum, error) => sum + error / errors.length, 0),
      explainedVariance: explained,
      heldOutRows: x.count,
      latentDim: spreads.length,
      liveLatents: live.length,
      liveRatio,
      ...(counted === undefined ? {} : { liveInTraining: counted }),
      latentDeviations: spreads.map(({ deviation }) => deviation),
    },
    report: {
      ...{ sets: [], latent: [], kept: [], keptLabel: '' },
      autoencoder: {
        latents: spreads,
        liveRatio,
        pairs: {
          originals: sliceRows(x, 0, PAIRS),
          reconstructions: sliceRows(reconstructions, 0, PAIRS),
        },
        traversals: {
          latents: traversed,
          offsets: OFFSETS,
          rows: await model.decode(pathsThrough(means, traversed), { signal }),
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

/** The mean latent, moved along one latent at a time. */
function pathsThrough(means: Float64Array, traversed: readonly LatentSpread[]): Rows {
  const rows = traversed.flatMap(({ index, deviation }) =>
    OFFSETS.map((offset) => means.map((mean, i) => mean + (i === index ? offset * deviation : 0))),
  );
  const data = Float32Array.from(rows.flatMap((row) => Array.from(row)));
  return { data, count: rows.length, rowShape: [means.length] };
}

function drawnPoints(
  latents: Rows,
  y: Targets | undefined,
): Pick<AutoencoderFigures, 'points' | 'labels'> {
  const sample = sliceRows(latents, 0, LATENT_POINTS.reference);
  const known = y?.values.every(Number.isFinite) === true ? y : undefined;
  const labels = known === undefined ? {} : { labels: known.values };
  return {
    points: drawLatents([{ set: 'held-out rows', latents: sample, ...labels }]),
    labels: known?.kind ?? 'none',
  };
}
