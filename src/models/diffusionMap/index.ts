export { parseDiffusionMapConfig } from './config.js';
export type { DiffusionMapConfig, DiffusionMapConfigInput } from './config.js';
export { DiffusionMap } from './diffusionMap.js';
