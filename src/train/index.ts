/** Training: one loop that knows no model, and what it needs. */
export type { GradientClip } from './clip.js';
export { DivergenceError } from './divergence.js';
export { initialValues } from './initialisers.js';
export type { Initialiser } from './initialisers.js';
export { trainLoop } from './loop.js';
export { checkOptimizer, makeOptimizer } from './optimizer.js';
export type { OptimizerSpec } from './optimizer.js';
export type { BatchLoss, EpochRecord, LossMeans, StepRecord } from './records.js';
export { savedVariable } from './savedVariable.js';
export { checkSchedule, rateFactor } from './schedule.js';
export type { Decay, Schedule } from './schedule.js';
export { packSnapshot, unpackSnapshot } from './snapshot.js';
export type { TrainSnapshot } from './snapshot.js';
export type { EarlyStopping } from './stopping.js';
export type {
  Batch,
  BatchInputs,
  MakeInputs,
  ParameterGroup,
  RowBatch,
  StageValidation,
  TrainCheckpoint,
  TrainLoopOptions,
  TrainProgress,
  TrainResult,
  TrainStage,
} from './types.js';
