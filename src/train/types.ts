import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { Rng } from '../util/rng.js';
import type { GradientClip } from './clip.js';
import type { OptimizerSpec } from './optimizer.js';
import type { BatchLoss, EpochRecord, StepRecord } from './records.js';
import type { Schedule } from './schedule.js';
import type { TrainSnapshot } from './snapshot.js';
import type { EarlyStopping } from './stopping.js';
import type { OptimizerGroup } from './trainOptimizer.js';

/** Tensors of a batch, by names. */
export type BatchInputs = Readonly<Record<string, Tensor>>;

/**
 * Makes the tensors of a batch outside of the step, so that they are ready when it begins: the loop asks
 * for those of the next step as soon as it has handed a step to the device, and frees them after their
 * step. It must leave no tensor but those it returns.
 * @param rng Depends on seed and step only: what is drawn is the same whenever it is asked for.
 */
export type MakeInputs = (indices: Int32Array, rng: Rng) => BatchInputs | Promise<BatchInputs>;

/** What a loss gets: which rows, and what `inputs` made of them. */
export interface RowBatch {
  /** Row indices of the batch, in [0, rows). */
  readonly indices: Int32Array;
  /** Empty without `inputs`. */
  readonly inputs: BatchInputs;
}

/** What a step gets: a batch, and a generator for its own randomness (dropout). */
export interface Batch extends RowBatch {
  readonly rng: Rng;
}

/** Variables that share a learning rate. */
export type ParameterGroup = OptimizerGroup;

/** Rows that are not trained on, whose loss is measured after every epoch. */
export interface StageValidation {
  readonly rows: number;
  /** Rows at a time. Default: those of a training step. */
  readonly batchSize?: number;
  readonly inputs?: MakeInputs | undefined;
  /** Mean loss of some rows. Runs inside a tidy. */
  readonly loss: (batch: RowBatch) => BatchLoss;
}

/** A stretch of training with one loss and one set of learning rates. */
export interface TrainStage {
  readonly name: string;
  readonly epochs: number;
  readonly groups: readonly ParameterGroup[];
  readonly decay: Schedule;
  /** Default: Adam. */
  readonly optimizer?: OptimizerSpec | undefined;
  readonly clip?: GradientClip | undefined;
  readonly inputs?: MakeInputs | undefined;
  /** Loss of a batch, differentiable in the variables of the groups. Runs inside a tidy. */
  readonly loss: (batch: Batch) => BatchLoss;
  /** Called before the first step of the stage, not when training goes on within it; may move variables. */
  readonly start?: (() => Promise<void> | void) | undefined;
  /** Called inside a tidy after every update, e.g. to move state that has no gradient. */
  readonly afterStep?: (batch: Batch) => void;
  readonly validation?: StageValidation | undefined;
  /** End the stage when a quantity gets no better, with the weights of its best epoch. */
  readonly stopping?: EarlyStopping | undefined;
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
  /** Ends training after the step under way; with `checkpoint` what was done is kept first. */
  readonly signal?: AbortSignal | undefined;
  /** Called a few times a second at most, and at the end of every epoch. */
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /**
   * Called for every step, in order, when losses are read: up to `stepsPerRead` steps late. `stop` ends
   * training there.
   */
  readonly onStep?: ((step: StepRecord, stop: () => void) => void) | undefined;
  /** Called after every epoch and its validation; a promise is awaited. `stop` ends training. */
  readonly onEpochEnd?: ((epoch: EpochRecord, stop: () => void) => unknown) | undefined;
  /** Steps whose losses may wait on the device: reading each one would stall a GPU. Default 20. */
  readonly stepsPerRead?: number | undefined;
  /** Variables that no gradient moves and that training changes: saved and restored with the others. */
  readonly moved?: readonly Variable[] | undefined;
  readonly checkpoint?: TrainCheckpoint | undefined;
  /** Go on from there. Variables, order of rows and randomness continue as if nothing had happened. */
  readonly resume?: TrainSnapshot | undefined;
}

/** Where training leaves what it needs to be continued. */
export interface TrainCheckpoint {
  /** Seconds between checkpoints; one is made when losses are read the next time after that. */
  readonly everySeconds: number;
  /** A checkpoint after every so many steps, counted over all stages, too. */
  readonly everySteps?: number | undefined;
  /** Keep a snapshot: when one is due, and before an abort ends training. Training waits for it, and fails when it fails. */
  readonly save: (snapshot: TrainSnapshot) => Promise<void>;
}

export interface TrainResult {
  /** All epochs, those before a checkpoint that training went on from too. */
  readonly history: readonly EpochRecord[];
  /** Steps done, over all stages. */
  readonly steps: number;
  /** A callback ended training. */
  readonly stopped: boolean;
  /** Of the last stage with `stopping`: where its quantity was best. */
  readonly best?: { readonly epoch: number; readonly value: number };
}
