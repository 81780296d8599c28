/** Models: estimators with fit, score, save and load. */
export type { TrainCheckpoint, TrainProgress, TrainSnapshot } from '../train/index.js';
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
export { parseSageConfig, Sage } from './sage/index.js';
export type {
  SageConfig,
  SageConfigInput,
  SageFitOptions,
  SageScoreOptions,
  SageScores,
} from './sage/index.js';
export { sarkarEmbed } from './sarkar/index.js';
export type { SarkarEmbedding, SarkarOptions } from './sarkar/index.js';
