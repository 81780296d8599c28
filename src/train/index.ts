/** Training: one loop that knows no model, and what it needs. */
export { initialValues } from './initialisers.js';
export type { Initialiser } from './initialisers.js';
export { trainLoop } from './loop.js';
export type {
  Batch,
  BatchLoss,
  ParameterGroup,
  TrainCheckpoint,
  TrainLoopOptions,
  TrainProgress,
  TrainStage,
} from './loop.js';
export { savedVariable } from './savedVariable.js';
export { rateFactor } from './schedule.js';
export type { Decay } from './schedule.js';
export { packSnapshot, unpackSnapshot } from './snapshot.js';
export type { TrainSnapshot } from './snapshot.js';
