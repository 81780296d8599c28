import { DomainError, ShapeError } from '../../errors.js';
import type {
  EpochRecord,
  TrainCheckpoint,
  TrainProgress,
  TrainSnapshot,
} from '../../train/index.js';
import { Rng } from '../../util/rng.js';
import { checkRows, takeRows, takeTargets } from '../../util/rows.js';
import type { Rows, Targets } from '../../util/rows.js';
import { isConvolution } from '../layers/layer.js';
import { createParameters, disposeParameters } from '../layers/parameters.js';
import { requireKernels } from '../layers/requireKernels.js';
import { fitTemperature } from '../../util/softmax.js';
import { collectRows } from '../layers/batches.js';
import { reconstructionTest } from './config.js';
import type { SageConfig } from './config.js';
import { encodeBatch } from './forward.js';
import { LatentBank } from './latentBank.js';
import { planNetwork } from './network.js';
import type { SageNetwork } from './network.js';
import { measureRows, taskUncertainty } from './rawScores.js';
import type { Measured } from './rawScores.js';
import { measureResiduals } from './residuals.js';
import { measureScaler } from '../layers/scaler.js';
import { outputsOf } from './state.js';
import type { SageBank, SageCore, SageReference, SageState, SageTask } from './state.js';
import { trainSage } from './training.js';

/** Rows with their targets. */
export interface Labelled {
  readonly x: Rows;
  readonly targets: Targets;
}

export interface SageFitOptions {
  /** Rows to calibrate on, like the training rows but not among them. Default: split off. */
  readonly calibration?: Labelled | undefined;
  /** Stops training, encoding or calibrating; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called several times a second while training. */
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /** Called after every epoch of training, with its mean losses. */
  readonly onEpochEnd?: ((epoch: EpochRecord) => void) | undefined;
  /** Keeps what training needs to be continued after a crash. */
  readonly checkpoint?: TrainCheckpoint | undefined;
  /**
   * Go on from a checkpoint of the same settings and rows: on the same backend the result is what an
   * undisturbed fit gives, to the bit; on another one it differs by rounding.
   */
  readonly resume?: TrainSnapshot | undefined;
}

const OP = 'Sage.fit';

/** Everything that is decided before anything is computed. */
interface FitPlan {
  readonly data: Labelled;
  /** Rows of `data` to train on; also the bank, before its limit. */
  readonly rows: Int32Array;
  readonly bankRows: Int32Array;
  /** Undefined when nothing needs calibrating (compat without temperature). */
  readonly calibration: Labelled | undefined;
  readonly task: SageTask;
  readonly network: SageNetwork;
  readonly rng: { readonly weights: Rng; readonly training: Rng };
}

/**
 * Train and calibrate. Nothing is left on the device when this throws.
 */
export async function fitSage(
  config: SageConfig,
  data: Labelled,
  options: SageFitOptions,
): Promise<SageState> {
  const plan = planFit(config, data, options);
  const { rowShape } = data.x;
  const { network, task } = plan;
  const standardize = config.standardize === 'auto' ? rowShape.length === 1 : config.standardize;
  const scaler = standardize ? measureScaler(data.x, plan.rows) : undefined;
  const parameters = createParameters(network.parameters, plan.rng.weights);
  const core: SageCore = { rowShape, task, network, parameters, scaler };
  let bank: SageBank | undefined;
  try {
    await trainSage(core, config, { ...data, rows: plan.rows }, plan.rng.training, options);
    const bankX = takeRows(data.x, plan.bankRows);
    bank = await makeBank(core, config, bankX, takeTargets(data.targets, plan.bankRows), options);
    const calibrated = await calibrate(core, bank, config, plan, bankX, options);
    return { ...core, bank, ...calibrated };
  } catch (error) {
    disposeParameters(parameters);
    bank?.latents.dispose();
    throw error;
  }
}

/** Check the arguments and decide splits, task and network. */
function planFit(config: SageConfig, data: Labelled, { calibration }: SageFitOptions): FitPlan {
  checkLabelled('x', 'targets', data);
  const task = planTask(config, data.targets);
  if (calibration !== undefined) {
    checkLabelled('calibration.x', 'calibration.targets', calibration, data);
  }
  const network = planNetwork(config, data.x.rowShape, outputsOf(task));
  const layers = [...network.encoder, ...network.decoder];
  if (layers.some(isConvolution)) {
    const kernels = ['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'];
    if (layers.some(({ kind }) => kind === 'maxPool')) kernels.push('MaxPool', 'MaxPoolGrad');
    const what = `architecture '${config.architecture}'`;
    requireKernels(OP, what, kernels, "Use architecture 'mlp' or another backend.");
  }
  const rng = new Rng(config.seed);
  const [split, weights, training] = [rng.fork(0), rng.fork(1), rng.fork(2)];
  const needsCalibration = !config.compat || config.temperatureScaling;
  const isSplit = needsCalibration && calibration === undefined;
  const { rows, held } = splitRows(data.x.count, isSplit ? config.calibrationFraction : 0, split);
  const own: Labelled = isSplit
    ? { x: takeRows(data.x, held), targets: takeTargets(data.targets, held) }
    : (calibration ?? data);
  const bankRows = limitRows(rows, config.bankLimit, split);
  checkNeighbours(config, bankRows.length);
  return {
    data,
    rows,
    bankRows,
    calibration: needsCalibration ? limitLabelled(own, config.calibrationLimit, split) : undefined,
    task,
    network,
    rng: { weights, training },
  };
}

function checkLabelled(
  argX: string,
  argY: string,
  { x, targets }: Labelled,
  like?: Labelled,
): void {
  checkRows(OP, argX, x, like?.x.rowShape);
  checkTargets(OP, argY, targets, x.count, like?.targets);
}

/**
 * Check targets: as many as rows, of the right kind, labels in range, values finite.
 * @throws ShapeError, DomainError.
 */
export function checkTargets(
  op: string,
  arg: string,
  targets: Targets,
  rows: number,
  like?: { readonly kind: 'class'; readonly classes: number } | { readonly kind: 'real' },
): void {
  const { values } = targets;
  if (values.length !== rows) {
    const got = `${values.length} targets`;
    throw new ShapeError({ op, arg, expected: `have one target per row, ${rows}`, got });
  }
  if (like !== undefined && targets.kind !== like.kind) {
    const expected = `be of kind '${like.kind}', as in training`;
    throw new DomainError({ op, arg, expected, got: `'${targets.kind}'` });
  }
  const classes = targets.kind === 'class' ? targets.classes : undefined;
  const limit = like?.kind === 'class' ? like.classes : classes;
  const isGood = (value: number): boolean =>
    limit === undefined
      ? Number.isFinite(value)
      : Number.isInteger(value) && value >= 0 && value < limit;
  const bad = values.findIndex((value: number) => !isGood(value));
  if (bad < 0) return;
  throw new DomainError({
    op,
    arg,
    expected: limit === undefined ? 'be finite' : `be class labels in [0, ${limit - 1}]`,
    got: `${values[bad]} at row ${bad}`,
  });
}

function planTask(config: SageConfig, targets: Targets): SageTask {
  const op = OP;
  const wanted = config.task === 'regression' ? 'real' : 'class';
  if (config.task !== 'auto' && targets.kind !== wanted) {
    const expected = `be of kind '${wanted}' for task '${config.task}'`;
    const fix = "Set task to 'auto' to take it from the targets.";
    throw new DomainError({ op, arg: 'targets', expected, got: `'${targets.kind}'`, fix });
  }
  if (targets.kind === 'class') {
    if (!Number.isInteger(targets.classes) || targets.classes < 2) {
      const got = String(targets.classes);
      throw new DomainError({ op, arg: 'targets.classes', expected: 'be an integer >= 2', got });
    }
    return { kind: 'classification', classes: targets.classes };
  }
  if (config.lossWeights.center > 0) {
    const expected = 'be 0 for regression, which has no classes';
    const got = String(config.lossWeights.center);
    throw new DomainError({ op, arg: 'config.lossWeights.center', expected, got });
  }
  const { values } = targets;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { kind: 'regression', mean, deviation: Math.sqrt(squares / values.length) || 1 };
}

/** A random part of the rows is held out: `fraction` of them, at least one unless it is 0. */
function splitRows(
  count: number,
  fraction: number,
  rng: Rng,
): { readonly rows: Int32Array; readonly held: Int32Array } {
  const heldCount = fraction === 0 ? 0 : Math.max(1, Math.round(fraction * count));
  if (heldCount >= count) {
    throw new ShapeError({
      op: OP,
      arg: 'x',
      expected: 'have at least two rows, so that one can be held out',
      got: `${count} rows`,
      fix: 'Add rows, or give a calibration set.',
    });
  }
  const { drawn, rest } = rng.draw(count, heldCount);
  return { rows: rest, held: drawn };
}

function limitRows(rows: Int32Array, limit: number | null, rng: Rng): Int32Array {
  if (limit === null || limit >= rows.length) return rows;
  const chosen = rng.permutation(rows.length).slice(0, limit).sort();
  return Int32Array.from(chosen, (i) => rows[i]);
}

function limitLabelled(set: Labelled, limit: number | null, rng: Rng): Labelled {
  if (limit === null || limit >= set.x.count) return set;
  const all = Int32Array.from({ length: set.x.count }, (_, i) => i);
  const rows = limitRows(all, limit, rng);
  return { x: takeRows(set.x, rows), targets: takeTargets(set.targets, rows) };
}

function checkNeighbours({ k, compat }: SageConfig, bank: number): void {
  // In compat every row of the bank is also a query, which is not its own neighbour.
  const most = compat ? bank - 1 : bank;
  if (k <= most) return;
  throw new DomainError({
    op: OP,
    arg: 'config.k',
    expected: `be at most ${most}, the number of training rows to look neighbours up in`,
    got: String(k),
    fix: 'Lower k or add rows.',
  });
}

async function makeBank(
  core: SageCore,
  config: SageConfig,
  x: Rows,
  targets: Targets,
  { signal }: SageFitOptions,
): Promise<SageBank> {
  const { latentDim } = config;
  const isCombined = reconstructionTest(config) === 'combined';
  const residuals = isCombined ? await measureResiduals(core, x, { signal }) : undefined;
  const latents = await collectRows(core, x, latentDim, { signal }, (b) => encodeBatch(core, b));
  return {
    residuals,
    latents: new LatentBank(latents, latentDim),
    targets: targets.kind === 'real' ? Float64Array.from(targets.values) : undefined,
  };
}

/** Temperature and reference values. */
async function calibrate(
  core: SageCore,
  bank: SageBank,
  config: SageConfig,
  plan: FitPlan,
  bankX: Rows,
  { signal }: SageFitOptions,
): Promise<{ temperature: number; reference: SageReference }> {
  const held = plan.calibration;
  const measured = held && (await measureRows(core, bank, config, held.x, { signal }));
  const { task } = core;
  const temperature =
    held !== undefined &&
    measured !== undefined &&
    task.kind === 'classification' &&
    config.temperatureScaling
      ? fitTemperature(measured.output, held.targets.values, task.classes)
      : 1;
  if (!config.compat && measured !== undefined) {
    const { neighbourTarget } = measured;
    return {
      temperature,
      reference: sortedReference(core, measured, temperature, neighbourTarget),
    };
  }
  // The authors' reference: the training rows themselves, each without itself among its neighbours.
  const own = await measureRows(core, bank, config, bankX, { signal, isBank: true });
  return { temperature, reference: sortedReference(core, own, temperature, bank.targets) };
}

function sortedReference(
  core: SageCore,
  { distance, reconstruction, output }: Measured,
  temperature: number,
  expected: ArrayLike<number> | undefined,
): SageReference {
  return {
    distance: distance.sort(),
    reconstruction: reconstruction.sort(),
    task: taskUncertainty(core, output, temperature, expected).sort(),
  };
}
