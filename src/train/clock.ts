import type { LossMeans } from './records.js';
import type { TrainSnapshot } from './snapshot.js';
import type { TrainLoopOptions, TrainProgress, TrainStage } from './types.js';

/** The event loop runs at least this often, so that signals and timers are served. */
const MILLISECONDS_PER_TURN = 100;

/** Counts epochs, steps and time over all stages, and lets the event loop run. */
export class Clock {
  /** Steps done. */
  steps = 0;
  /** Epoch under way or just finished, 1-based. */
  epoch = 0;
  private readonly stages: readonly TrainStage[];
  private readonly stepsPerEpoch: number;
  private readonly begin = performance.now();
  private lastTurn = this.begin;
  private stage = '';
  /** Epochs that stages which ended early have left out. */
  private skipped = 0;
  /** Steps that were done before this process. */
  private before = 0;

  constructor({ stages, rows, batchSize }: TrainLoopOptions) {
    this.stages = stages;
    this.stepsPerEpoch = Math.ceil(rows / batchSize);
  }

  resume({ stage, epoch, steps, history }: TrainSnapshot): void {
    this.steps = steps;
    this.before = steps;
    const planned = this.stages.slice(0, stage).reduce((sum, { epochs }) => sum + epochs, 0);
    // Stages that ended early have fewer epochs than planned, which the history tells.
    this.epoch = history?.length ?? planned + epoch;
    this.skipped = planned + epoch - this.epoch;
  }

  startEpoch(stage: string): void {
    this.epoch++;
    this.stage = stage;
  }

  /** A stage has ended after `done` of its epochs. */
  endStage({ epochs }: TrainStage, done: number): void {
    this.skipped += epochs - done;
  }

  progress({ loss, parts }: LossMeans): TrainProgress {
    const secondsElapsed = (performance.now() - this.begin) / 1000;
    const epochs = this.stages.reduce((sum, stage) => sum + stage.epochs, 0) - this.skipped;
    const steps = epochs * this.stepsPerEpoch;
    return {
      stage: this.stage,
      epoch: this.epoch,
      epochs,
      step: this.steps,
      steps,
      loss,
      parts,
      secondsElapsed,
      secondsLeft: (secondsElapsed * (steps - this.steps)) / (this.steps - this.before),
    };
  }

  async turn(): Promise<void> {
    if (performance.now() - this.lastTurn < MILLISECONDS_PER_TURN) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.lastTurn = performance.now();
  }
}
