import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../../errors.js';
import { trainLoop } from '../../train/index.js';
import type {
  EpochRecord,
  MakeInputs,
  RowBatch,
  TrainCheckpoint,
  TrainProgress,
  TrainSnapshot,
  TrainStage,
} from '../../train/index.js';
import { Rng } from '../../util/rng.js';
import { checkRows, checkTargetsForm, rowSize, takeTargets } from '../../util/rows.js';
import type { Rows, Targets } from '../../util/rows.js';
import { rowsToTensor } from '../layers/batches.js';
import type { RowEntry } from '../layers/batches.js';
import { isConvolution } from '../layers/layer.js';
import type { Layer } from '../layers/layer.js';
import { createParameters, disposeParameters } from '../layers/parameters.js';
import { requireKernels } from '../layers/requireKernels.js';
import { measureScaler } from '../layers/scaler.js';
import { drawValidation, stageSettings } from '../trainingFields.js';
import { epochsFor, scalesRows } from './config.js';
import type { AutoencoderConfig } from './config.js';
import type {
  AutoencoderCore,
  AutoencoderDefinition,
  Facts,
  GivenData,
  HistoryRow,
  StagePlan,
  TrainBatch,
  TrainingData,
} from './definition.js';
import { conditionTensor } from './forward.js';
import { checkCondition, checkPass, encodeRows } from './passes.js';
import type { PassOptions } from './passes.js';
import type { NetworkPlan } from './network.js';

/** Latents of rows, as `encode` of a model gives them; errors too. */
export type EncodeRows = (x: Rows, options?: PassOptions) => Promise<Rows>;

export interface AutoencoderFitOptions {
  /** One per row, for models that take them. */
  readonly targets?: Targets | undefined;
  /** One row of numbers per row, for models with a condition. */
  readonly condition?: Rows | undefined;
  /** Stops training; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called several times a second while training. */
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /**
   * Called after every epoch with its mean losses, and with what gives latents under the weights as they are then,
   * until it returns; a promise is awaited.
   */
  readonly onEpochEnd?: ((epoch: EpochRecord, encode: EncodeRows) => unknown) | undefined;
  /** Keeps what training needs to be continued after a crash, at the end of epochs. */
  readonly checkpoint?: TrainCheckpoint | undefined;
  /**
   * Go on from a checkpoint of the same settings and rows: on the same backend the result is what an
   * undisturbed fit gives, to the bit; on another one it differs by rounding.
   */
  readonly resume?: TrainSnapshot | undefined;
}

/** Train a core. Nothing is left on the device when this throws. */
export async function fitCore<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  config: C,
  given: GivenData,
  options: AutoencoderFitOptions,
): Promise<AutoencoderCore<C, F>> {
  const rng = new Rng(config.seed);
  const [weights, training, drawn] = [rng.fork(0), rng.fork(1), rng.fork(2)];
  const { data, facts, network } = planFit(definition, config, given, drawn);
  const { x } = data;
  const all = Array.from({ length: x.count }, (_, i) => i);
  const scaler = scalesRows(config, x.rowShape) ? measureScaler(x, all) : undefined;
  const parameters = createParameters(network.parameters, weights);
  const { rowShape } = x;
  const conditionShape = data.condition?.rowShape;
  const core = {
    ...{ config, facts, rowShape, scaler, conditionShape, network, parameters },
    ...{ history: [], found: {} },
  };
  try {
    tf.tidy(() => definition.start?.(core));
    const history = await train(definition, core, data, training.uint32(), options);
    const found = await definition.finish?.(core, data, { signal: options.signal });
    return { ...core, history, found: found ?? {} };
  } catch (error) {
    disposeParameters(parameters);
    throw error;
  }
}

/** Check the arguments and decide the network; nothing is allocated yet. */
function planFit<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  config: C,
  given: GivenData,
  rng: Rng,
): { data: TrainingData; facts: F; network: NetworkPlan } {
  const op = `${definition.op}.fit`;
  const { x, condition } = given;
  checkRows(op, 'x', x);
  checkTargets(op, definition.targets ?? 'none', given);
  checkCondition(op, x, condition, definition.conditioned === true ? 'any' : 'none');
  if (config.reconstructionLoss === 'bce') checkUnitRange(op, x);
  const data = { ...given, ...drawValidation(op, x.count, config, rng) };
  // A definition without facts has F = Facts.
  const facts = definition.facts?.(op, config, data) ?? ({} as F);
  const network = definition.plan(op, config, x.rowShape, facts);
  if (Object.values(network.chains).flat().some(isConvolution)) {
    const kernels = ['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'];
    const fix = "Use architecture 'mlp' or another backend.";
    requireKernels(op, "architecture 'conv'", kernels, fix);
  }
  return { data, facts, network };
}

function checkTargets(
  op: string,
  wanted: 'none' | 'optional' | 'required',
  { x, targets }: GivenData,
): void {
  const arg = 'options.targets';
  if (targets === undefined) {
    if (wanted !== 'required') return;
    throw new DomainError({ op, arg, expected: 'be given', got: 'none' });
  }
  if (wanted === 'none') {
    const expected = 'be left out: this model learns without targets';
    throw new DomainError({ op, arg, expected, got: `${targets.values.length} targets` });
  }
  checkTargetsForm(op, arg, targets);
  if (targets.values.length !== x.count) {
    const expected = `have one target per row, ${x.count}`;
    throw new ShapeError({ op, arg, expected, got: `${targets.values.length} targets` });
  }
}

function checkUnitRange(op: string, x: Rows): void {
  const bad = x.data.findIndex((value) => value < 0 || value > 1);
  if (bad < 0) return;
  const size = rowSize(x);
  throw new DomainError({
    op,
    arg: 'x',
    expected: "be in [0, 1] for reconstructionLoss 'bce'",
    got: `${x.data[bad]} at row ${Math.floor(bad / size)}, feature ${bad % size}`,
    fix: "Scale the rows, or use 'mse'.",
  });
}

async function train<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
  data: TrainingData,
  seed: number,
  { signal, onProgress, onEpochEnd, checkpoint, resume }: AutoencoderFitOptions,
): Promise<HistoryRow[]> {
  const { config, network, parameters } = core;
  const rows = data.training.length;
  const epochs = epochsFor(config, rows);
  const stages = definition.stages?.(config, epochs) ?? [
    { name: 'train', epochs, rates: { '': 1 } },
  ];
  const total = stages.reduce((sum, stage) => sum + stage.epochs, 0);
  const counter = {
    step: resume?.steps ?? 0,
    steps: total * Math.ceil(rows / config.batchSize),
  };
  const encode: EncodeRows = async (x, pass = {}) => {
    checkPass(`${definition.op}.fit`, ['the rows to encode', x], core.rowShape, core, pass);
    return await encodeRows(definition, core, x, pass);
  };
  const at = { seed, counter };
  const moved = network.parameters.filter((spec) => spec.moved === true);
  const { history } = await trainLoop({
    rows,
    batchSize: config.batchSize,
    seed,
    stages: stages.map((stage) => trainStage(definition, core, data, stage, at)),
    moved: moved.map(({ name }) => parameters[name]),
    signal,
    onProgress,
    onEpochEnd: (epoch) => onEpochEnd?.(epoch, encode),
    checkpoint,
    resume,
  });
  // Times differ from run to run: what is kept is the same for the same seed.
  return history.map(({ epoch, stage, loss, parts, validation }) => ({
    ...{ epoch, stage, loss, parts },
    ...(validation && { validation }),
  }));
}

/** Where training stands: shared by the stages. */
interface Place {
  readonly seed: number;
  readonly counter: { step: number; readonly steps: number };
}

function trainStage<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
  data: TrainingData,
  { name, epochs, rates }: StagePlan,
  { seed, counter }: Place,
): TrainStage {
  const { config, network, parameters } = core;
  const learnt = network.parameters.filter((spec) => spec.moved !== true);
  const groups = Object.entries(rates).map(([prefix, factor]) => ({
    variables: learnt
      .filter((spec) => prefix === '' || spec.name.startsWith(`${prefix}.`))
      .map((spec) => parameters[spec.name]),
    learningRate: config.learningRate * factor,
  }));
  const { training, validation } = data;
  const batchOf = (
    from: Int32Array,
    { indices: positions, inputs }: RowBatch,
    noise: Rng,
  ): TrainBatch => {
    const indices = positions.map((i) => from[i]);
    const { x, condition } = inputs;
    const targets = data.targets && takeTargets(data.targets, indices);
    const side = { targets, condition: condition as Tensor2D | undefined, noise };
    return { x, indices, ...side, stage: name, ...counter };
  };
  const still = withoutDropout(core);
  return {
    name,
    epochs,
    groups,
    ...stageSettings(config),
    start: () => definition.startStage?.(core, name),
    inputs: inputsOf(core, data, training),
    loss: (batch) => definition.loss(core, batchOf(training, batch, batch.rng)),
    afterStep: (batch) => {
      definition.afterStep?.(core, batchOf(training, batch, batch.rng));
      counter.step++;
    },
    ...(validation.length > 0 && {
      validation: {
        rows: validation.length,
        inputs: inputsOf(core, data, validation),
        // What the model draws for a batch is the same after every epoch.
        loss: (batch) =>
          definition.loss(still, batchOf(validation, batch, new Rng(seed).fork(batch.indices[0]))),
      },
    }),
  };
}

/** Rows and conditions of a batch on the device, made ahead of their step. */
function inputsOf(core: RowEntry, { x, condition }: TrainingData, from: Int32Array): MakeInputs {
  return (positions) => {
    const indices = positions.map((i) => from[i]);
    return tf.tidy(() => {
      const rows = rowsToTensor(core, x, indices);
      const side = conditionTensor(condition, indices);
      return side === undefined ? { x: rows } : { x: rows, condition: side };
    });
  };
}

/** A core whose losses drop nothing out, for rows that are not trained on. */
function withoutDropout<C extends AutoencoderConfig, F extends Facts>(
  core: AutoencoderCore<C, F>,
): AutoencoderCore<C, F> {
  const entries = Object.entries(core.network.chains).map(([name, layers]) => [
    name,
    layers.map((layer): Layer => (layer.kind === 'dropout' ? { ...layer, rate: 0 } : layer)),
  ]);
  const chains = Object.fromEntries(entries) as NetworkPlan['chains'];
  return { ...core, network: { ...core.network, chains } };
}
