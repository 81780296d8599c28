import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { DomainError, ShapeError } from '../../errors.js';
import type { BatchLoss } from '../../train/index.js';
import type { SavedArray } from '../../util/artifacts.js';
import { sizeOf } from '../../util/shape.js';
import {
  decodeBatch,
  decodeRaw,
  encodeBatch,
  planAutoencoder,
  reconstructionLoss,
  runEncoder,
} from '../autoencoder/index.js';
import type {
  AutoencoderCore,
  AutoencoderDefinition,
  TrainBatch,
  TrainingData,
} from '../autoencoder/index.js';
import { collectRows } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import { runLayers } from '../layers/layer.js';
import { savedArray } from '../layers/parameters.js';
import {
  directionSpecs,
  normalisedWeights,
  powerSteps,
  spectralLayers,
} from '../layers/spectral.js';
import type { SpectralLayer } from '../layers/spectral.js';
import { OP, parseLeastVolumeConfig } from './config.js';
import type { LeastVolumeConfig } from './config.js';
import { followBatch, FROZEN, MASK, pruneByRule, pruningSpecs } from './dynamicPruning.js';
import { batchDeviations, latentPenalty, liveCount } from './losses.js';

const factsSchema = z.object({ rows: z.number().int().min(2) });

/** Number of rows that the steps see. */
export type LeastVolumeFacts = z.output<typeof factsSchema>;
export type LeastVolumeCore = AutoencoderCore<LeastVolumeConfig, LeastVolumeFacts>;

/** Names of what is measured after training: of each latent over the training rows, float64. */
export const [MEANS, DEVIATIONS] = ['latent.mean', 'latent.deviation'] as const;

/** A layered autoencoder whose decoder is 1-Lipschitz and whose latents are kept small. */
export const leastVolumeDefinition: AutoencoderDefinition<LeastVolumeConfig, LeastVolumeFacts> = {
  model: 'leastVolume',
  formatVersion: 1,
  op: OP,
  parse: parseLeastVolumeConfig,
  facts: (op, config, { training, validation }) => {
    checkBatches(op, config.batchSize, training.length);
    if (validation.length > 0) checkBatches(op, config.batchSize, validation.length, 'validation ');
    return { rows: training.length };
  },
  readFacts: (value) => factsSchema.parse(value),
  plan: (op, config, rowShape) => {
    const plan = planAutoencoder(op, config, rowShape);
    const spectral = config.lipschitz ? spectralLayers('decoder', plan.chains.decoder) : [];
    const state = [...directionSpecs(spectral), ...pruningSpecs(config)];
    return { ...plan, parameters: [...plan.parameters, ...state] };
  },
  encode: (core, x, side) => frozen(core, runEncoder(core, x, side)),
  decode: ({ config, network, parameters }, latents) => {
    const { decoder } = network.chains;
    const weights = config.lipschitz
      ? normalisedWeights(spectralLayers('decoder', decoder), parameters)
      : parameters;
    return runLayers('decoder', decoder, weights, latents);
  },
  start: (core) => iterate(core, core.config.warmUp),
  loss: leastVolumeLoss,
  afterStep: (core, batch) => {
    iterate(core, 1);
    if (core.config.pruning.rule !== 'none') prune(core, batch);
  },
  finish: measureLatents,
  readFound: (op, { latentDim }, arrays) => {
    for (const name of [MEANS, DEVIATIONS]) {
      savedArray(op, prefixed(arrays), `found/${name}`, 'float64', [latentDim]);
    }
    return arrays;
  },
};

function prefixed(arrays: Readonly<Record<string, SavedArray>>): Record<string, SavedArray> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [`found/${name}`, array]),
  );
}

/** A standard deviation needs two rows, in the last batch of an epoch too. */
function checkBatches(op: string, batchSize: number, rows: number, kind = ''): void {
  if (rows < 2) {
    const expected = `have at least two ${kind}rows, for a standard deviation`;
    throw new ShapeError({ op, arg: 'x', expected, got: `${rows} row` });
  }
  if (rows % batchSize !== 1) return;
  throw new DomainError({
    op,
    arg: 'config.batchSize',
    expected: `leave no batch of one row, which has no standard deviation, of the ${rows} ${kind}rows`,
    got: String(batchSize),
    fix: 'Use another batchSize, or drop a row.',
  });
}

function spectralOf({ config, network }: LeastVolumeCore): SpectralLayer[] {
  return config.lipschitz ? spectralLayers('decoder', network.chains.decoder) : [];
}

function iterate(core: LeastVolumeCore, steps: number): void {
  powerSteps(spectralOf(core), core.parameters, steps);
}

/** Latents with the pruned ones at their frozen values. */
function frozen({ parameters }: LeastVolumeCore, latents: Tensor2D): Tensor2D {
  return tf.add(tf.mul(latents, parameters[MASK]), parameters[FROZEN]);
}

/** The mask of a core, shape [d]. */
export function maskOf({ parameters }: Pick<LeastVolumeCore, 'parameters'>): Tensor1D {
  return parameters[MASK] as Tensor as Tensor1D;
}

/**
 * reconstruction + lambda penalty, of which `live` (kept latents with a deviation above liveRatio of the
 * largest, in this batch) is reported beside them.
 */
function leastVolumeLoss(core: LeastVolumeCore, { x, noise }: TrainBatch): BatchLoss {
  const { penalty, lambda, eta, liveRatio } = core.config;
  const latents = encodeBatch(leastVolumeDefinition, core, x, { noise });
  const raw = decodeRaw(leastVolumeDefinition, core, latents, { noise });
  const reconstruction = reconstructionLoss(core.config, raw, x);
  const mask = maskOf(core);
  const live = liveCount(batchDeviations(latents), liveRatio, mask);
  if (penalty === 'none') return { total: reconstruction, parts: { reconstruction, live } };
  const size = latentPenalty(penalty, latents, eta, mask);
  const total = tf.add<Scalar>(reconstruction, tf.mul(lambda, size));
  return { total, parts: { reconstruction, penalty: size, live } };
}

/** Follow a batch and freeze latents by the rule. */
function prune(core: LeastVolumeCore, { x, step }: TrainBatch): void {
  const { config, facts, parameters, rowShape } = core;
  const latents = encodeBatch(leastVolumeDefinition, core, x);
  const output = decodeBatch(leastVolumeDefinition, core, latents);
  const squaredError = tf.mul<Scalar>(tf.mean(tf.squaredDifference(output, x)), sizeOf(rowShape));
  followBatch(config, parameters, {
    deviations: batchDeviations(latents),
    means: tf.mean<Tensor1D>(latents, 0),
    squaredError,
  });
  const epoch = 1 + Math.floor(step / Math.ceil(facts.rows / config.batchSize));
  if (epoch >= config.pruning.fromEpoch) pruneByRule(config, parameters);
}

/** Settle the norms of the decoder's layers, then measure every latent over the training rows. */
async function measureLatents(
  core: LeastVolumeCore,
  { x }: TrainingData,
  options: BatchOptions,
): Promise<Record<string, SavedArray>> {
  tf.tidy(() => iterate(core, core.config.warmUp));
  const d = core.config.latentDim;
  const latents = await collectRows(core, x, d, options, (batch) =>
    encodeBatch(leastVolumeDefinition, core, batch),
  );
  const mean = new Float64Array(d);
  const deviation = new Float64Array(d);
  latents.forEach((value, i) => (mean[i % d] += value / x.count));
  latents.forEach((value, i) => (deviation[i % d] += (value - mean[i % d]) ** 2));
  for (let i = 0; i < d; i++) deviation[i] = Math.sqrt(deviation[i] / (x.count - 1));
  const saved = (data: Float64Array): SavedArray => ({ dtype: 'float64', shape: [d], data });
  return { [MEANS]: saved(mean), [DEVIATIONS]: saved(deviation) };
}
