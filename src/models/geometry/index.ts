export type { LatentChart } from './chart.js';
export { geodesic } from './geodesic.js';
export type { GeodesicOptions, Geodesics, LatentWarp } from './geodesic.js';
export { pullbackMetric, sampleByVolume } from './pullbackMetric.js';
export type { PullbackMetric } from './pullbackMetric.js';
