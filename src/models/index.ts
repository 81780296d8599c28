/** Models: estimators with fit, score, save and load. */
export type { EpochRecord, TrainCheckpoint, TrainProgress, TrainSnapshot } from '../train/index.js';
export { Autoencoder } from './autoencoder/index.js';
export type {
  AutoencoderFitOptions,
  EncodeRows,
  HistoryRow,
  PassOptions,
} from './autoencoder/index.js';
export {
  ConditionalAutoencoder,
  ContractiveAutoencoder,
  DenoisingAutoencoder,
  DiffusionNet,
  DistanceMatchingAutoencoder,
  HypersphericalAutoencoder,
  Irmae,
  Lorae,
  MaskedAutoencoder,
  NestedDropoutAutoencoder,
  SupervisedAutoencoder,
  TopologicalAutoencoder,
  VariationalAutoencoder,
} from './autoencoders/index.js';
export type * from './autoencoders/index.js';
export { DiffusionMap } from './diffusionMap/index.js';
export type { DiffusionMapConfig, DiffusionMapConfigInput } from './diffusionMap/index.js';
export { geodesic, learnBoundary, pullbackMetric, sampleByVolume } from './geometry/index.js';
export type * from './geometry/index.js';
export { hMDS } from './hmds/index.js';
export type { HmdsEmbedding, HmdsOptions } from './hmds/index.js';
export {
  HyperbolicEmbedding,
  parseHyperbolicEmbeddingConfig,
} from './hyperbolicEmbedding/index.js';
export type {
  EmbeddingFitOptions,
  HyperbolicEmbeddingConfig,
  HyperbolicEmbeddingConfigInput,
} from './hyperbolicEmbedding/index.js';
export { HyperbolicDiffusionDistance } from './hyperbolicDiffusion/index.js';
export type {
  DiffusionGraph,
  HyperbolicDiffusionConfig,
  HyperbolicDiffusionConfigInput,
  HyperbolicDiffusionEmbedding,
} from './hyperbolicDiffusion/index.js';
export {
  batchDeviations,
  LeastVolume,
  leastVolume,
  parseLeastVolumeConfig,
} from './leastVolume/index.js';
export type {
  LatentDimension,
  LeastVolumeConfig,
  LeastVolumeConfigInput,
  PruneOptions,
} from './leastVolume/index.js';
export {
  distanceMatching,
  gaussianDivergence,
  jacobianPenalty,
  nestedDropout,
  nuclearNorm,
  topologicalLoss,
  unitSphere,
} from './penalties/index.js';
export type { JacobianProbes, LayerChain } from './penalties/index.js';
export { latentTearReport, reconstructionField } from './topology/index.js';
export type * from './topology/index.js';
export { parseSageConfig, Sage } from './sage/index.js';
export type {
  SageConfig,
  SageConfigInput,
  SageFeatures,
  SageFitOptions,
  SageScoreOptions,
  SageScores,
} from './sage/index.js';
export { sarkarEmbed } from './sarkar/index.js';
export type { SarkarEmbedding, SarkarOptions } from './sarkar/index.js';
