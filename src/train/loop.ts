import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';
import { Rng } from '../util/rng.js';
import { ScheduledAdam } from './adam.js';
import { rateFactor } from './schedule.js';
import type { Decay } from './schedule.js';
import { savedVariable } from './savedVariable.js';
import { assignVariables } from './snapshot.js';
import type { TrainSnapshot } from './snapshot.js';

/** Loss of a batch: what is minimised, and named parts of it for reports. */
export interface BatchLoss {
  readonly total: Scalar;
  readonly parts: Readonly<Record<string, Scalar>>;
}

/** What a step gets: which rows, and a generator for its own randomness (dropout). */
export interface Batch {
  /** Row indices of the batch, in [0, rows). */
  readonly indices: Int32Array;
  readonly rng: Rng;
}

/** Variables that share a learning rate. */
export interface ParameterGroup {
  readonly variables: readonly Variable[];
  readonly learningRate: number;
}

/** A stretch of training with one loss and one set of learning rates. */
export interface TrainStage {
  readonly name: string;
  readonly epochs: number;
  readonly groups: readonly ParameterGroup[];
  readonly decay: Decay;
  /** Loss of a batch, differentiable in the variables of the groups. Runs inside a tidy. */
  readonly loss: (batch: Batch) => BatchLoss;
  /** Called inside a tidy after every update, e.g. to move state that has no gradient. */
  readonly afterStep?: (batch: Batch) => void;
}

/** How far training is. Epochs, steps and times count over all stages. */
export interface TrainProgress {
  readonly stage: string;
  /** Epoch under way or just finished, 1-based. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  /** Mean total loss of the steps of this epoch so far. */
  readonly loss: number;
  /** Mean of each part of the loss over the same steps. */
  readonly parts: Readonly<Record<string, number>>;
  readonly secondsElapsed: number;
  /** Estimate from the rate so far. */
  readonly secondsLeft: number;
}

export interface TrainLoopOptions {
  /** Number of training rows. */
  readonly rows: number;
  /** Rows per step; the last step of an epoch may have fewer. */
  readonly batchSize: number;
  readonly seed: number;
  readonly stages: readonly TrainStage[];
  readonly signal?: AbortSignal | undefined;
  /** Called a few times a second at most, and at the end of every epoch. */
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /** Variables that no gradient moves and that training changes: saved and restored with the others. */
  readonly moved?: readonly Variable[] | undefined;
  readonly checkpoint?: TrainCheckpoint | undefined;
  /** Go on from there. Variables, order of rows and randomness continue as if nothing had happened. */
  readonly resume?: TrainSnapshot | undefined;
}

/** Where training leaves what it needs to be continued. */
export interface TrainCheckpoint {
  /** Seconds between checkpoints; one is made at the end of the first epoch after that. */
  readonly everySeconds: number;
  /** Keep a snapshot. Training waits for it, and fails when it fails. */
  readonly save: (snapshot: TrainSnapshot) => Promise<void>;
}

/** Steps whose losses may wait on the device: reading each one would stall a GPU. */
const STEPS_PER_READ = 20;

/** The event loop runs at least this often, so that signals and timers are served. */
const MILLISECONDS_PER_TURN = 100;

/**
 * Minimise the losses of the stages, one after the other, with Adam: every epoch visits all rows in a
 * new seeded order. The same seed, data and backend give bit-identical variables.
 *
 * Losses stay on the device and are read with `await data()` about every 20 steps. The caller owns the
 * variables; optimisers and all temporaries are gone when the promise settles, also by an error.
 *
 * @throws The reason of `signal` when it aborts. DomainError naming stage, step and part when a loss is
 * NaN or infinite.
 */
export async function trainLoop(options: TrainLoopOptions): Promise<void> {
  const { resume } = options;
  const rng = new Rng(options.seed);
  const clock = new Clock(options);
  // Forked up front: the order of rows must not depend on how much randomness the steps use.
  const [shuffle, noise] = [rng.fork(0), rng.fork(1)];
  const all = new Set(
    options.stages.flatMap(({ groups }) => groups.flatMap(({ variables }) => variables)),
  );
  const variables = [...all, ...(options.moved ?? [])];
  if (resume !== undefined) {
    assignVariables(variables, resume.variables);
    shuffle.restore(resume.shuffle);
    noise.restore(resume.noise);
    clock.resume(resume);
  }
  const state = { shuffle, noise, clock, variables, saved: performance.now() };
  for (let stage = resume?.stage ?? 0; stage < options.stages.length; stage++) {
    await runStage(stage, options, state);
  }
}

interface LoopState {
  readonly shuffle: Rng;
  readonly noise: Rng;
  readonly clock: Clock;
  readonly variables: readonly Variable[];
  /** When the last checkpoint was made. */
  saved: number;
}

async function runStage(
  position: number,
  options: TrainLoopOptions,
  state: LoopState,
): Promise<void> {
  const stage = options.stages[position];
  const resume = options.resume?.stage === position ? options.resume : undefined;
  const optimizers = stage.groups.map((group) => new ScheduledAdam(group.learningRate));
  const variables = stage.groups.flatMap((group) => [...group.variables]);
  const ledger = new LossLedger(stage.name, state.clock);
  const steps = Math.ceil(options.rows / options.batchSize);
  try {
    resume?.optimizers.forEach((saved, i) => optimizers[i].restore(saved));
    for (let epoch = resume?.epoch ?? 0; epoch < stage.epochs; epoch++) {
      const order = state.shuffle.permutation(options.rows);
      state.clock.startEpoch(stage.name);
      ledger.startEpoch();
      for (let step = 0; step < steps; step++) {
        options.signal?.throwIfAborted();
        const factor = rateFactor(stage.decay, epoch * steps + step, stage.epochs * steps);
        for (const optimizer of optimizers) optimizer.scaleRate(factor);
        const start = step * options.batchSize;
        const indices = order.subarray(start, start + options.batchSize);
        const batch = { indices, rng: state.noise };
        tf.tidy(() => updateOnce(stage, optimizers, variables, batch, ledger));
        state.clock.steps++;
        if (ledger.waiting === STEPS_PER_READ || step === steps - 1) {
          await ledger.read();
          options.onProgress?.(state.clock.progress(ledger.means()));
        }
        await state.clock.turn();
      }
      await saveWhenDue(position, epoch + 1, optimizers, options, state);
    }
    options.signal?.throwIfAborted();
  } finally {
    ledger.dispose();
    for (const optimizer of optimizers) optimizer.dispose();
  }
}

async function saveWhenDue(
  stage: number,
  epoch: number,
  optimizers: readonly ScheduledAdam[],
  { checkpoint }: TrainLoopOptions,
  state: LoopState,
): Promise<void> {
  if (checkpoint === undefined) return;
  if (performance.now() - state.saved < 1000 * checkpoint.everySeconds) return;
  await checkpoint.save({
    stage,
    epoch,
    steps: state.clock.steps,
    shuffle: state.shuffle.state,
    noise: state.noise.state,
    variables: await Promise.all(state.variables.map(savedVariable)),
    optimizers: await Promise.all(optimizers.map((optimizer) => optimizer.save())),
  });
  state.saved = performance.now();
}

/** One gradient step of every group; the losses go to the ledger, still on the device. */
function updateOnce(
  stage: TrainStage,
  optimizers: readonly ScheduledAdam[],
  variables: Variable[],
  batch: Batch,
  ledger: LossLedger,
): void {
  const { grads } = tf.variableGrads(() => {
    const { total, parts } = stage.loss(batch);
    // tfjs frees what its gradient scope made, except what is kept: the ledger disposes of it.
    const values = tf.keep(tf.stack([total, ...Object.values(parts)]));
    ledger.add({ values, names: ['total', ...Object.keys(parts)] });
    return total;
  }, variables);
  stage.groups.forEach((group, i) => {
    const own = group.variables.filter((variable) => variable.name in grads);
    optimizers[i].applyGradients(own.map(({ name }) => ({ name, tensor: grads[name] })));
  });
  stage.afterStep?.(batch);
}

interface StepLosses {
  readonly values: Tensor;
  readonly names: readonly string[];
}

/** Losses of the steps since the last read (on the device) and their sums over the epoch. */
class LossLedger {
  private readonly pending: StepLosses[] = [];
  private sums: Record<string, number> = {};
  private count = 0;

  constructor(
    private readonly stage: string,
    private readonly clock: Clock,
  ) {}

  get waiting(): number {
    return this.pending.length;
  }

  startEpoch(): void {
    this.sums = {};
    this.count = 0;
  }

  add(losses: StepLosses): void {
    this.pending.push(losses);
  }

  async read(): Promise<void> {
    const { names } = this.pending[0];
    const first = this.clock.steps - this.pending.length + 1;
    const stacked = tf.stack(this.pending.map(({ values }) => values));
    this.dispose();
    const values = await stacked.data();
    stacked.dispose();
    // The total is looked at last: a part that went wrong says more.
    const columns = names.map((_, i) => (i + 1) % names.length);
    for (let row = 0; row * names.length < values.length; row++) {
      for (const column of columns) {
        const value = values[row * names.length + column];
        if (!Number.isFinite(value)) this.fail(names[column], value, first + row);
        this.sums[names[column]] = (this.sums[names[column]] ?? 0) + value;
      }
      this.count++;
    }
  }

  means(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.sums).map(([name, sum]) => [name, sum / this.count]),
    );
  }

  dispose(): void {
    for (const { values } of this.pending) values.dispose();
    this.pending.length = 0;
  }

  private fail(part: string, value: number, step: number): never {
    throw new DomainError({
      op: 'train',
      arg: `loss part '${part}' of stage '${this.stage}'`,
      expected: 'stay finite',
      got: `${value} at step ${step}`,
      fix: 'Lower learningRate, or check the scale of the rows and targets.',
    });
  }
}

/** Counts steps and time over all stages, and lets the event loop run. */
class Clock {
  steps = 0;
  private readonly total: number;
  private readonly epochs: number;
  private readonly begin = performance.now();
  private lastTurn = this.begin;
  private epoch = 0;
  private stage = '';
  /** Steps that were done before this process. */
  private before = 0;

  private readonly stages: readonly TrainStage[];

  constructor({ stages, rows, batchSize }: TrainLoopOptions) {
    this.stages = stages;
    this.epochs = stages.reduce((sum, stage) => sum + stage.epochs, 0);
    this.total = this.epochs * Math.ceil(rows / batchSize);
  }

  resume({ stage, epoch, steps }: TrainSnapshot): void {
    this.steps = steps;
    this.before = steps;
    this.epoch = epoch + this.stages.slice(0, stage).reduce((sum, { epochs }) => sum + epochs, 0);
  }

  startEpoch(stage: string): void {
    this.epoch++;
    this.stage = stage;
  }

  progress({ total: loss, ...parts }: Record<string, number>): TrainProgress {
    const secondsElapsed = (performance.now() - this.begin) / 1000;
    return {
      stage: this.stage,
      epoch: this.epoch,
      epochs: this.epochs,
      step: this.steps,
      steps: this.total,
      loss,
      parts,
      secondsElapsed,
      secondsLeft: (secondsElapsed * (this.total - this.steps)) / (this.steps - this.before),
    };
  }

  async turn(): Promise<void> {
    if (performance.now() - this.lastTurn < MILLISECONDS_PER_TURN) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.lastTurn = performance.now();
  }
}
