export { parseHyperbolicEmbeddingConfig } from './config.js';
export type { HyperbolicEmbeddingConfig, HyperbolicEmbeddingConfigInput } from './config.js';
export { HyperbolicEmbedding } from './hyperbolicEmbedding.js';
export type { EmbeddingFitOptions } from './training.js';
