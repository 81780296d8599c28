/** What autoencoders share: a model is an {@link AutoencoderDefinition} and a class over it. */
export { savedConfig } from './artifacts.js';
export { Autoencoder } from './autoencoder.js';
export type { PassOptions } from './passes.js';
export { autoencoderFields, checkShared, epochsFor } from './config.js';
export type { AutoencoderConfig } from './config.js';
export type {
  AutoencoderCore,
  AutoencoderDefinition,
  Facts,
  HistoryRow,
  Side,
  StagePlan,
  TrainBatch,
  TrainingData,
} from './definition.js';
export type { AutoencoderFitOptions, EncodeRows } from './fitting.js';
export {
  binaryCrossEntropy,
  decodeBatch,
  decodeRaw,
  encodeBatch,
  reconstructionLoss,
  runDecoder,
  runEncoder,
} from './forward.js';
export { hiddenLayers, planAutoencoder } from './network.js';
export type { NetworkPlan, PlanSizes } from './network.js';
