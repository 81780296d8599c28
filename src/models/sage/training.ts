import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import { trainLoop } from '../../train/index.js';
import type {
  Batch,
  BatchInputs,
  BatchLoss,
  EpochRecord,
  MakeInputs,
  TrainCheckpoint,
  TrainProgress,
  TrainSnapshot,
  TrainStage,
} from '../../train/index.js';
import { Rng } from '../../util/rng.js';
import type { Rows, Targets } from '../../util/rows.js';
import { rowsToTensor } from '../layers/batches.js';
import { runLayers } from '../layers/layer.js';
import { parametersOf } from '../layers/parameters.js';
import { drawValidation, stageSettings } from '../trainingFields.js';
import { epochsFor } from './config.js';
import type { SageConfig } from './config.js';
import { movedCenters, sageLoss } from './losses.js';
import type { LossWeights } from './losses.js';
import type { SageCore } from './state.js';

export interface SageTrainingData {
  readonly x: Rows;
  readonly targets: Targets;
  /** Rows to train on. */
  readonly rows: Int32Array;
}

/** Rows of the steps and rows of the validation. */
interface TrainingSplit extends SageTrainingData {
  readonly validation: Int32Array;
}

/** Class centres, shape [classes, latentDim]: moved after each step, not by gradients. */
type Centers = Variable<tf.Rank.R2>;

interface TrainingOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  readonly onEpochEnd?: ((epoch: EpochRecord) => void) | undefined;
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
    const split = splitValidation(data, config, seed);
    const stages = planStages(core, config, split, centers);
    await trainLoop({
      rows: split.rows.length,
      batchSize: config.batchSize,
      seed,
      stages,
      moved: centers === undefined ? [] : [centers],
      signal: options.signal,
      onProgress: options.onProgress,
      onEpochEnd: options.onEpochEnd,
      checkpoint: options.checkpoint,
      resume: options.resume,
    });
  } finally {
    centers?.dispose();
  }
}

/** A random part of the rows, at least one unless the fraction is 0, is kept from the steps. */
function splitValidation(data: SageTrainingData, config: SageConfig, seed: number): TrainingSplit {
  const rng = new Rng(seed).fork(3);
  const { training, validation } = drawValidation('Sage.fit', data.rows.length, config, rng);
  const pick = (of: Int32Array): Int32Array => of.map((i) => data.rows[i]);
  return { ...data, rows: pick(training), validation: pick(validation) };
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
  data: TrainingSplit,
  centers: Centers | undefined,
): TrainStage[] {
  const { learningRate, lossWeights } = config;
  const epochs = epochsFor(config, data.rows.length);
  const build = (name: string, weights: LossWeights, groups: TrainStage['groups']): TrainStage => ({
    name,
    epochs,
    groups,
    ...stageSettings(config),
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

/** What the losses of a batch are computed from. */
function inputsOf(core: SageCore, data: SageTrainingData, from: Int32Array): MakeInputs {
  return (indices) => {
    const rows = Int32Array.from(indices, (i) => from[i]);
    return {
      x: rowsToTensor(core, data.x, rows),
      y: targetsToTensor(core, data.targets, rows),
    };
  };
}

/** Loss of a batch, and the step of the centres after it. */
function stepOf(
  core: SageCore,
  data: TrainingSplit,
  weights: LossWeights,
  centers: Centers | undefined,
): Pick<TrainStage, 'loss' | 'afterStep' | 'inputs' | 'validation'> {
  const useCenters = centers !== undefined && weights.center > 0;
  const { network, parameters } = core;
  const run = (part: 'encoder' | 'head' | 'decoder', x: Tensor, rng?: Rng): Tensor =>
    runLayers(part, network[part], parameters, x, rng);
  const measure = ({ x, y }: BatchInputs, rng?: Rng): BatchLoss => {
    const latents = run('encoder', x, rng);
    const output = run('head', latents, rng);
    const reconstruction = weights.reconstruction > 0 ? run('decoder', latents, rng) : undefined;
    const forward = { latents, output, ...(reconstruction && { reconstruction }) };
    const truth = {
      x,
      y: y as Tensor2D,
      task: core.task.kind,
      ...(useCenters && { centers }),
    };
    return sageLoss(forward, truth, weights);
  };
  const loss = ({ inputs, rng }: Batch): BatchLoss => measure(inputs, rng);
  const inputs = inputsOf(core, data, data.rows);
  const { validation: held } = data;
  const validation: TrainStage['validation'] =
    held.length === 0
      ? undefined
      : {
          rows: held.length,
          inputs: inputsOf(core, data, held),
          loss: (batch) => measure(batch.inputs),
        };
  if (!useCenters) return { loss, inputs, validation };
  const afterStep = ({ inputs: { x, y } }: Batch): void => {
    centers.assign(movedCenters(run('encoder', x) as Tensor2D, y as Tensor2D, centers));
  };
  return { loss, inputs, validation, afterStep };
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
