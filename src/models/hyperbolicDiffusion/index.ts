export { parseHyperbolicDiffusionConfig } from './config.js';
export type { HyperbolicDiffusionConfig, HyperbolicDiffusionConfigInput } from './config.js';
export { HyperbolicDiffusionDistance } from './hyperbolicDiffusion.js';
export type { HyperbolicDiffusionEmbedding } from './hyperbolicDiffusion.js';
export type { DiffusionGraph } from './operator.js';
