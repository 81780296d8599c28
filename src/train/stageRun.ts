import * as tf from '@tensorflow/tfjs';
import type { Variable } from '@tensorflow/tfjs';
import type { Rng } from '../util/rng.js';
import type { RngState } from '../util/rng.js';
import { clipGradients } from './clip.js';
import type { Clock } from './clock.js';
import { DivergenceError } from './divergence.js';
import { Feeder } from './feeder.js';
import { LossLedger } from './ledger.js';
import type { ReadStep } from './ledger.js';
import { makeOptimizer } from './optimizer.js';
import type { EpochRecord } from './records.js';
import { savedVariable } from './savedVariable.js';
import { rateFactor } from './schedule.js';
import type { TrainSnapshot } from './snapshot.js';
import { Stopper } from './stopping.js';
import type { TrainOptimizer } from './trainOptimizer.js';
import type { Batch, TrainCheckpoint, TrainLoopOptions, TrainStage } from './types.js';
import { validate } from './validation.js';

/** Steps whose losses wait on the device when the caller does not say. */
const STEPS_PER_READ = 20;

/** What goes on from stage to stage. */
export interface LoopState {
  readonly shuffle: Rng;
  readonly noise: Rng;
  readonly clock: Clock;
  readonly variables: readonly Variable[];
  readonly history: EpochRecord[];
  /** When the last checkpoint was made, and after which step, if there is one. */
  saved: number;
  savedStep: number | undefined;
  /** A callback wants training to end. */
  stopped: boolean;
}

/** One stage under way. */
export class StageRun {
  private readonly stage: TrainStage;
  private readonly resume: TrainSnapshot | undefined;
  private readonly optimizers: readonly TrainOptimizer[];
  private readonly trained: Variable[];
  private readonly ledger: LossLedger;
  readonly stopper: Stopper;
  private readonly stepsPerEpoch: number;
  /** Epochs of the stage that are done. */
  private epochs: number;
  /** Order generator and clock at the beginning of the epoch under way. */
  private shuffle: RngState;
  private begin = performance.now();

  constructor(
    private readonly position: number,
    private readonly options: TrainLoopOptions,
    private readonly state: LoopState,
  ) {
    this.stage = options.stages[position];
    const { groups, optimizer = { kind: 'adam' } } = this.stage;
    this.resume = options.resume?.stage === position ? options.resume : undefined;
    this.epochs = this.resume?.epoch ?? 0;
    this.shuffle = state.shuffle.state;
    this.stepsPerEpoch = Math.ceil(options.rows / options.batchSize);
    this.trained = groups.flatMap(({ variables }) => [...variables]);
    this.ledger = new LossLedger((what, value, stepsAgo) => {
      throw this.divergence(what, value, state.clock.steps - stepsAgo);
    });
    this.stopper = new Stopper(this.stage.name, this.stage.stopping, state.variables);
    this.optimizers = groups.map((group) => makeOptimizer(optimizer, group));
  }

  async run(): Promise<void> {
    const { stage, stopper, state, resume } = this;
    try {
      if (resume === undefined) await stage.start?.();
      resume?.optimizers.forEach((saved, i) => this.optimizers[i].restore(saved));
      if (resume?.best !== undefined) stopper.restore(resume.best);
      while (this.epochs < stage.epochs && !stopper.isOver && !state.stopped) {
        await this.runEpoch();
      }
      await this.endIfAborted(0);
      stopper.restoreBest();
      state.clock.endStage(stage, this.epochs);
    } catch (error) {
      if (error instanceof DivergenceError) stopper.restoreBest();
      throw error;
    } finally {
      this.ledger.dispose();
      stopper.dispose();
      for (const optimizer of this.optimizers) optimizer.dispose();
    }
  }

  private async runEpoch(): Promise<void> {
    const { state, options, stage, stepsPerEpoch } = this;
    const within = this.resume?.epoch === this.epochs ? this.resume.within : undefined;
    const done = within?.batches ?? 0;
    this.shuffle = state.shuffle.state;
    this.begin = performance.now() - 1000 * (within?.seconds ?? 0);
    const order = state.shuffle.permutation(options.rows);
    const first = state.clock.steps - done;
    const feeder = new Feeder(stage.inputs, order, options.batchSize, options.seed, first);
    state.clock.startEpoch(stage.name);
    this.ledger.startEpoch(within?.losses);
    try {
      for (let batch = done; batch < stepsPerEpoch && !state.stopped; batch++) {
        await this.endIfAborted(batch);
        await this.runStep(feeder, batch);
        await state.clock.turn();
      }
    } finally {
      await feeder.dispose();
    }
    // A callback may have ended training within the epoch.
    if (state.clock.steps - first === stepsPerEpoch) await this.endEpoch();
  }

  private async runStep(feeder: Feeder, batch: number): Promise<void> {
    const { stage, stepsPerEpoch, state, options, ledger } = this;
    const step = this.epochs * stepsPerEpoch + batch;
    const steps = stage.epochs * stepsPerEpoch;
    const factor = rateFactor(stage.decay, step, steps, stepsPerEpoch);
    for (const optimizer of this.optimizers) optimizer.scaleRate(factor);
    const taken = feeder.take(batch);
    const inputs = taken instanceof Promise ? await taken : taken;
    try {
      this.update({ indices: feeder.indices(batch), inputs, rng: state.noise });
    } finally {
      tf.dispose(inputs);
    }
    state.clock.steps++;
    feeder.prepare(batch + 1);
    const isLast = batch === stepsPerEpoch - 1;
    const { everySteps } = options.checkpoint ?? {};
    const isDue = everySteps !== undefined && state.clock.steps % everySteps === 0;
    const isFull = ledger.waiting >= (options.stepsPerRead ?? STEPS_PER_READ);
    if (!isFull && !isLast && !isDue) return;
    this.report(await ledger.read());
    options.onProgress?.(state.clock.progress(ledger.means()));
    // At the end of an epoch its validation belongs into the checkpoint.
    if (!isLast) await this.saveWhenDue(batch + 1);
  }

  /** One gradient step of every group; the losses go to the ledger, still on the device. */
  private update(batch: Batch): void {
    const { stage, ledger, trained } = this;
    tf.tidy(() => {
      const { grads } = tf.variableGrads(() => {
        const loss = stage.loss(batch);
        ledger.add(loss, this.learningRate);
        return loss.total;
      }, trained);
      const { gradients, length } = clipGradients(grads, stage.clip ?? {});
      if (length !== undefined) ledger.addLength(length);
      for (const optimizer of this.optimizers) optimizer.apply(gradients);
      stage.afterStep?.(batch);
    });
  }

  /** Rate of the first group. */
  private get learningRate(): number {
    return this.optimizers.length === 0 ? 0 : this.optimizers[0].learningRate;
  }

  private report(steps: readonly ReadStep[]): void {
    const { onStep } = this.options;
    if (onStep === undefined) return;
    const { clock } = this.state;
    steps.forEach((step, i) => {
      const number = clock.steps - (steps.length - 1 - i);
      onStep({ stage: this.stage.name, epoch: clock.epoch, step: number, ...step }, this.stop);
    });
  }

  private readonly stop = (): void => {
    this.state.stopped = true;
  };

  /** Validate, record, watch, call back, save. */
  private async endEpoch(): Promise<void> {
    const { stage, state, options } = this;
    const validation = await validate(stage, options, (what, value) =>
      this.divergence(what, value, state.clock.steps),
    );
    this.epochs++;
    const record: EpochRecord = {
      stage: stage.name,
      epoch: state.clock.epoch,
      step: state.clock.steps,
      ...this.ledger.means(),
      ...(validation && { validation }),
      learningRate: this.learningRate,
      seconds: (performance.now() - this.begin) / 1000,
    };
    state.history.push(record);
    this.stopper.see(record);
    this.shuffle = state.shuffle.state;
    await options.onEpochEnd?.(record, this.stop);
    await this.saveWhenDue(0);
  }

  /**
   * Before an abort ends training the steps so far are kept, where checkpoints are made.
   * @param batches Steps of the epoch under way that are done.
   * @throws The reason of the abort.
   */
  private async endIfAborted(batches: number): Promise<void> {
    const { state, options, ledger } = this;
    if (options.signal?.aborted !== true) return;
    const isNew = state.clock.steps !== (state.savedStep ?? 0) && !state.stopped;
    if (options.checkpoint !== undefined && isNew) {
      this.report(await ledger.read());
      await this.save(options.checkpoint, batches);
    }
    options.signal.throwIfAborted();
  }

  /** @param batches Steps of the epoch under way that are done. */
  private async saveWhenDue(batches: number): Promise<void> {
    const { state, options } = this;
    const { checkpoint } = options;
    if (checkpoint === undefined) return;
    const { everySteps = Infinity, everySeconds } = checkpoint;
    const waited = performance.now() - state.saved;
    if (waited < 1000 * everySeconds && state.clock.steps % everySteps !== 0) return;
    await this.save(checkpoint, batches);
  }

  private async save(checkpoint: TrainCheckpoint, batches: number): Promise<void> {
    const { state } = this;
    await checkpoint.save(await this.snapshot(batches));
    state.saved = performance.now();
    state.savedStep = state.clock.steps;
  }

  private async snapshot(batches: number): Promise<TrainSnapshot> {
    const { state } = this;
    const variables = await Promise.all(state.variables.map(savedVariable));
    // A loss tells of the weights before its step only: none of the ones now may be lost to NaN.
    for (const { data } of variables) {
      const bad = data.find((value) => !Number.isFinite(value));
      if (bad !== undefined) throw this.divergence('a weight', bad, state.clock.steps);
    }
    const best = await this.stopper.save();
    const within = {
      batches,
      losses: this.ledger.state,
      seconds: (performance.now() - this.begin) / 1000,
    };
    return {
      stage: this.position,
      epoch: this.epochs,
      steps: state.clock.steps,
      shuffle: this.shuffle,
      noise: state.noise.state,
      variables,
      optimizers: await Promise.all(this.optimizers.map((optimizer) => optimizer.save())),
      history: [...state.history],
      ...(batches > 0 && { within }),
      ...(best && { best }),
    };
  }

  private divergence(what: string, value: number, step: number): DivergenceError {
    return new DivergenceError({
      stage: this.stage.name,
      what,
      value,
      step,
      lastGood: this.state.savedStep,
      hasCheckpoints: this.options.checkpoint !== undefined,
    });
  }
}
