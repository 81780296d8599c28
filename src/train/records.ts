import type { Scalar } from '@tensorflow/tfjs';

/** Loss of a batch: what is minimised, and named parts of it for reports. */
export interface BatchLoss {
  readonly total: Scalar;
  readonly parts: Readonly<Record<string, Scalar>>;
}

/** Losses of the steps of a pass, or of one step. */
export interface LossMeans {
  /** The total. */
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** One step. */
export interface StepRecord extends LossMeans {
  readonly stage: string;
  /** 1-based, over all stages. */
  readonly epoch: number;
  /** 1-based, over all stages. */
  readonly step: number;
  /** Rate of the first group. */
  readonly learningRate: number;
  /** Length of all gradients together before they were clipped; only with `clip.norm`. */
  readonly gradientNorm?: number;
}

/** One finished epoch; plain JSON. */
export interface EpochRecord extends LossMeans {
  readonly stage: string;
  /** 1-based, over all stages. */
  readonly epoch: number;
  /** Steps done, over all stages. */
  readonly step: number;
  /** Mean losses of the validation rows. */
  readonly validation?: LossMeans;
  /** Rate of the first group in the last step. */
  readonly learningRate: number;
  /** Mean over the steps; only with `clip.norm`. */
  readonly gradientNorm?: number;
  /** Of training and validation, without checkpoints. */
  readonly seconds: number;
}
