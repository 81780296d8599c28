/** Measures on host arrays, and of embeddings on the device. */
export { auroc, aurocOfScores } from './auroc.js';
export { expectedCalibrationError } from './calibrationError.js';
export type { EmbeddedDistances, GivenDistances, PointDistances } from './distanceRows.js';
export { distortion } from './distortion.js';
export type { Distortion, DistortionInput } from './distortion.js';
export { empiricalProbability } from './empirical.js';
export { graphDistances } from './graphDistances.js';
export { gromovDelta } from './gromovDelta.js';
export type { GromovDelta, GromovInput } from './gromovDelta.js';
export { neighborMap, reconstruction } from './hierarchy.js';
export type { HierarchyInput, Reconstruction } from './hierarchy.js';
export { keptCurve } from './keptCurve.js';
export type { KeptCurveInput, KeptPoint } from './keptCurve.js';
export { accuracy, median, quantile, rmse } from './summary.js';
