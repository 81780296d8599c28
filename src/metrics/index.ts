/** Measures on plain host arrays. */
export { auroc, aurocOfScores } from './auroc.js';
export { expectedCalibrationError } from './calibrationError.js';
export { empiricalProbability } from './empirical.js';
export { keptCurve } from './keptCurve.js';
export type { KeptCurveInput, KeptPoint } from './keptCurve.js';
export { accuracy, median, quantile, rmse } from './summary.js';
