export { parseSageConfig } from './config.js';
export type { SageConfig, SageConfigInput } from './config.js';
export type { SageFeatures } from './features.js';
export type { SageFitOptions } from './fitting.js';
export { Sage } from './sage.js';
export type { SageScoreOptions, SageScores } from './sage.js';
