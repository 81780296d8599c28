import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Variable } from '@tensorflow/tfjs';
import { trainLoop } from '../../train/index.js';
import type {
  Batch,
  BatchLoss,
  TrainCheckpoint,
  TrainProgress,
  TrainSnapshot,
  TrainStage,
} from '../../train/index.js';
import type { Rng } from '../../util/rng.js';
import type { Rows, Targets } from '../../util/rows.js';
import { runLayers } from '../layers/layer.js';
import { parametersOf } from '../layers/parameters.js';
import { epochsFor } from './config.js';
import type { SageConfig } from './config.js';
import { rowsToTensor } from './forward.js';
import { movedCenters, sageLoss } from './losses.js';
import type { LossWeights } from './losses.js';
import type { SageCore } from './state.js';

export interface SageTrainingData {
  readonly x: Rows;
  readonly targets: Targets;
  /** Rows to train on. */
  readonly rows: Int32Array;
}

/** Class centres, shape [classes, latentDim]: moved after each step, not by gradients. */
type Centers = Variable<tf.Rank.R2>;

interface TrainingOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  readonly checkpoint?: TrainCheckpoint | undefined;
  readonly resume?: TrainSnapshot | undefined;
}

/** Train the weights of a core in place. */
export async function trainSage(
  core: SageCore,
  config: SageConfig,
  data: SageTrainingData,
  rng: Rng,
  options: TrainingOptions,
): Promise<void> {
  const centers = initialCenters(core, config, rng);
  try {
    const seed = rng.uint32();
    const stages = planStages(core, config, data, centers);
    await trainLoop({
      rows: data.rows.length,
      batchSize: config.batchSize,
      seed,
      stages,
      moved: centers === undefined ? [] : [centers],
      signal: options.signal,
      onProgress: options.onProgress,
      checkpoint: options.checkpoint,
      resume: options.resume,
    });
  } finally {
    centers?.dispose();
  }
}

/** Class centres ~ N(0, 1), as in SAGE's code; undefined when the centre loss has no weight. */
function initialCenters(core: SageCore, config: SageConfig, rng: Rng): Centers | undefined {
  if (config.lossWeights.center === 0 || core.task.kind !== 'classification') return undefined;
  const shape: [number, number] = [core.task.classes, config.latentDim];
  const values = Float32Array.from({ length: shape[0] * shape[1] }, () => rng.normal());
  return tf.tidy(() => tf.variable(tf.tensor2d(values, shape), false));
}

function planStages(
  core: SageCore,
  config: SageConfig,
  data: SageTrainingData,
  centers: Centers | undefined,
): TrainStage[] {
  const { learningRate, learningRateDecay: decay, lossWeights } = config;
  const epochs = epochsFor(config, data.rows.length);
  const build = (name: string, weights: LossWeights, groups: TrainStage['groups']): TrainStage => ({
    name,
    epochs,
    decay,
    groups,
    ...stepOf(core, data, weights, centers),
  });
  const all = (...parts: string[]): Variable[] => parametersOf(core.parameters, ...parts);
  if (config.training === 'joint') {
    const variables = all('encoder', 'head', 'decoder');
    return [build('joint', lossWeights, [{ variables, learningRate }])];
  }
  const rates = config.stageTwoRates;
  return [
    build('task', { ...lossWeights, reconstruction: 0 }, [
      { variables: all('encoder', 'head'), learningRate },
    ]),
    build('reconstruction', { ...lossWeights, center: 0 }, [
      { variables: all('encoder'), learningRate: learningRate * rates.encoder },
      { variables: all('head'), learningRate: learningRate * rates.head },
      { variables: all('decoder'), learningRate: learningRate * rates.decoder },
    ]),
  ];
}

/** Loss of a batch, and the step of the centres after it. */
function stepOf(
  core: SageCore,
  data: SageTrainingData,
  weights: LossWeights,
  centers: Centers | undefined,
): Pick<TrainStage, 'loss' | 'afterStep'> {
  const useCenters = centers !== undefined && weights.center > 0;
  const loss = (batch: Batch): BatchLoss => {
    const rows = Int32Array.from(batch.indices, (i) => data.rows[i]);
    const x = rowsToTensor(core, data.x, rows);
    const y = targetsToTensor(core, data.targets, rows);
    const { network, parameters } = core;
    const latents = runLayers('encoder', network.encoder, parameters, x, batch.rng);
    const output = runLayers('head', network.head, parameters, latents, batch.rng);
    const reconstruction =
      weights.reconstruction > 0
        ? runLayers('decoder', network.decoder, parameters, latents, batch.rng)
        : undefined;
    const forward = { latents, output, ...(reconstruction && { reconstruction }) };
    const truth = {
      x,
      y,
      task: core.task.kind,
      ...(useCenters && { centers }),
    };
    return sageLoss(forward, truth, weights);
  };
  if (!useCenters) return { loss };
  const afterStep = (batch: Batch): void => {
    const rows = Int32Array.from(batch.indices, (i) => data.rows[i]);
    const x = rowsToTensor(core, data.x, rows);
    const latents = runLayers('encoder', core.network.encoder, core.parameters, x) as Tensor2D;
    const y = targetsToTensor(core, data.targets, rows);
    centers.assign(movedCenters(latents, y, centers));
  };
  return { loss, afterStep };
}

/** One-hot labels [b, classes], or scaled values [b, 1]. */
function targetsToTensor({ task }: SageCore, targets: Targets, rows: Int32Array): Tensor2D {
  if (task.kind === 'regression') {
    const scaled = Float32Array.from(
      rows,
      (row) => (targets.values[row] - task.mean) / task.deviation,
    );
    return tf.tensor2d(scaled, [rows.length, 1]);
  }
  // Made on the host: tfjs's wasm oneHot stores integer bits in a float32 tensor.
  const oneHot = new Float32Array(rows.length * task.classes);
  rows.forEach((row, i) => (oneHot[i * task.classes + targets.values[row]] = 1));
  return tf.tensor2d(oneHot, [rows.length, task.classes]);
}
