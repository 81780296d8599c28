export { parseLeastVolumeConfig } from './config.js';
export type { LeastVolumeConfig, LeastVolumeConfigInput } from './config.js';
export { LeastVolume } from './leastVolume.js';
export type { LatentDimension, PruneOptions } from './leastVolume.js';
export { batchDeviations, leastVolume } from './losses.js';
