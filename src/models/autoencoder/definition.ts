import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { BatchLoss, LossMeans } from '../../train/index.js';
import type { Json, SavedArray } from '../../util/artifacts.js';
import type { Rng } from '../../util/rng.js';
import type { Rows, Targets } from '../../util/rows.js';
import type { BatchOptions, RowEntry } from '../layers/batches.js';
import type { Parameters } from '../layers/layer.js';
import type { AutoencoderConfig } from './config.js';
import type { NetworkPlan } from './network.js';

/** Facts about the training data that a network's shape or a loss depends on; plain JSON. */
export type Facts = Readonly<Record<string, Json>>;

/** Means over the steps of an epoch. */
export interface HistoryRow extends LossMeans {
  /** Means over the validation rows, when there are any. */
  readonly validation?: LossMeans;
  /** 1-based, over all stages. */
  readonly epoch: number;
  readonly stage: string;
}

/** A network with its weights, and how rows enter it. */
export interface AutoencoderCore<
  C extends AutoencoderConfig = AutoencoderConfig,
  F extends Facts = Facts,
> extends RowEntry {
  readonly config: C;
  readonly facts: F;
  /** Shape of the condition of a row; undefined for a model without. */
  readonly conditionShape: readonly number[] | undefined;
  readonly network: NetworkPlan;
  readonly parameters: Parameters;
  /** Every epoch of the training, those before a checkpoint that it went on from too; empty while training. */
  readonly history: readonly HistoryRow[];
  /** What the model found after training, on the host, by name; empty while training. */
  readonly found: Readonly<Record<string, SavedArray>>;
}

/** What enters a pass beside the rows. */
export interface Side {
  /** Shape [b, conditions]; of models with a condition. */
  readonly condition?: Tensor2D | undefined;
  /** Draws dropout masks and other noise in training; without it a pass has none. */
  readonly noise?: Rng | undefined;
}

/** A batch as the loss gets it. */
export interface TrainBatch extends Side {
  /** Rows as the network takes them, [b, ...row]. */
  readonly x: Tensor;
  /** Indices of the rows in those given to fit. */
  readonly indices: Int32Array;
  /** Targets of the batch, when fit was given any. */
  readonly targets: Targets | undefined;
  readonly noise: Rng;
  /** Name of the stage under way. */
  readonly stage: string;
  /** Steps done before this one, and steps of the whole training. */
  readonly step: number;
  readonly steps: number;
}

/** What fit was given. */
export interface GivenData {
  readonly x: Rows;
  readonly targets: Targets | undefined;
  readonly condition: Rows | undefined;
}

/** What fit was given, and which rows are trained on. */
export interface TrainingData extends GivenData {
  /** Rows that the steps see, ascending. */
  readonly training: Int32Array;
  /** Rows whose loss is measured after every epoch, ascending; none without `validationFraction`. */
  readonly validation: Int32Array;
}

/** A stretch of training: the weights whose chain is named, each at a factor of the learning rate. */
export interface StagePlan {
  readonly name: string;
  readonly epochs: number;
  /** Beginnings of parameter names (without the dot), and factors. */
  readonly rates: Readonly<Record<string, number>>;
}

/** What sets one autoencoder apart from the others; the estimator is {@link Autoencoder}. */
export interface AutoencoderDefinition<C extends AutoencoderConfig, F extends Facts = Facts> {
  /** Name in saved files, e.g. "leastVolume", and version of the format. */
  readonly model: string;
  readonly formatVersion: number;
  /** Name of the class in error messages, e.g. "LeastVolume". */
  readonly op: string;
  /** Check a config and fill in the defaults. @throws DomainError */
  readonly parse: (value: unknown) => C;
  /** Whether fit takes targets. Default 'none': targets are then refused. */
  readonly targets?: 'none' | 'optional' | 'required';
  /** Whether fit, encode and decode need a condition for every row. Default false. */
  readonly conditioned?: boolean;
  /** Check the data beyond what the base checks, and say what later passes need to know of it. */
  readonly facts?: (op: string, config: C, data: TrainingData) => F;
  /** Facts of a saved model. @throws anything when they are not as `facts` made them. */
  readonly readFacts?: (value: unknown) => F;
  /** Layers and weights. @throws ShapeError for rows that it cannot take. */
  readonly plan: (op: string, config: C, rowShape: readonly number[], facts: F) => NetworkPlan;
  /** Latents [b, latentDim]. Default: the chain 'encoder'. */
  readonly encode?: (core: AutoencoderCore<C, F>, x: Tensor, side: Side) => Tensor2D;
  /**
   * Reconstruction [b, ...row] in the scale of the network's input; logits for 'bce'. Default: the
   * chain 'decoder'.
   */
  readonly decode?: (core: AutoencoderCore<C, F>, latents: Tensor2D, side: Side) => Tensor;
  /** Before training, inside a tidy: moves state that depends on the first weights. */
  readonly start?: (core: AutoencoderCore<C, F>) => void;
  /** Loss of a batch. Runs inside a tidy, under a gradient. Pure but for draws from `batch.noise`. */
  readonly loss: (core: AutoencoderCore<C, F>, batch: TrainBatch) => BatchLoss;
  /** Moves state that has no gradient, after every update, inside a tidy. */
  readonly afterStep?: (core: AutoencoderCore<C, F>, batch: TrainBatch) => void;
  /** Default: one stage 'train' of all weights. */
  readonly stages?: (config: C, epochs: number) => readonly StagePlan[];
  /** Before the first step of a stage: moves weights, and leaves no other tensor. */
  readonly startStage?: (core: AutoencoderCore<C, F>, stage: string) => Promise<void> | void;
  /** After training: may move state, and gives what else the model keeps; see `found`. */
  readonly finish?: (
    core: AutoencoderCore<C, F>,
    data: TrainingData,
    options: BatchOptions,
  ) => Promise<Readonly<Record<string, SavedArray>>>;
  /** Check what a saved model has found. @throws DataError */
  readonly readFound?: (
    op: string,
    config: C,
    arrays: Readonly<Record<string, SavedArray>>,
  ) => Readonly<Record<string, SavedArray>>;
}
