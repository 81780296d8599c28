export type { LatentChart } from './chart.js';
export { learnBoundary } from './dataBoundary.js';
export type { BoundarySettings, DataBoundary } from './dataBoundary.js';
export { geodesic } from './geodesic.js';
export type { GeodesicOptions, Geodesics, LatentWarp, LearntWarp } from './geodesic.js';
export { pullbackMetric, sampleByVolume } from './pullbackMetric.js';
export type { PullbackMetric } from './pullbackMetric.js';
