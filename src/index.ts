/**
 * Operations, models, measures and errors. What needs Node or starts a backend has its own entry:
 * `tfjs-latent/backends`, `tfjs-latent/data`, `tfjs-latent/kernels/<backend>`.
 */
export * from './errors.js';
export * from './metrics/index.js';
export * from './models/index.js';
export * from './neighbors/index.js';
export { knn } from './ops/knn.js';
export type { KnnOptions, KnnResult } from './ops/knn.js';
export { pairwiseDistance } from './ops/pairwiseDistance.js';
export type { PairwiseDistanceOptions } from './ops/pairwiseDistance.js';
export { BACKENDS, CAPABILITIES } from './specs/capabilities.js';
export type { BackendName, Capability, CapabilityState } from './specs/capabilities.js';
export type { Artifacts, Json, SavedArray } from './util/artifacts.js';
export type { Dataset, Rows, Targets } from './util/rows.js';
