/** Measures on host arrays, and of embeddings on the device. */
export { auroc, aurocOfScores } from './auroc.js';
export { averagePrecision } from './averagePrecision.js';
export { expectedCalibrationError } from './calibrationError.js';
export { circularCorrelation } from './circularCorrelation.js';
export { similarFromUnlike, unlikeFromSimilar } from './direction.js';
export type {
  ConvertedScores,
  DirectedScores,
  ScoreDirection,
  ToSimilarOptions,
  ToUnlikeOptions,
} from './direction.js';
export type { EmbeddedDistances, GivenDistances, PointDistances } from './distanceRows.js';
export { distortion } from './distortion.js';
export type { Distortion, DistortionInput } from './distortion.js';
export { effectiveRank, latentSpectrum } from './effectiveRank.js';
export type { LatentSpectrum } from './effectiveRank.js';
export { empiricalProbability } from './empirical.js';
export { fprAtTpr } from './fprAtTpr.js';
export { graphDistances } from './graphDistances.js';
export { gromovDelta } from './gromovDelta.js';
export type { GromovDelta, GromovInput } from './gromovDelta.js';
export { neighborMap, reconstruction } from './hierarchy.js';
export type { HierarchyInput, Reconstruction } from './hierarchy.js';
export { keptArea } from './keptArea.js';
export type { KeptAreaInput } from './keptArea.js';
export { keptCurve } from './keptCurve.js';
export type { KeptCurveInput, KeptPoint } from './keptCurve.js';
export { auprIn, auprOut, oodMeasures } from './oodMeasures.js';
export type { OodMeasures, OodScores } from './oodMeasures.js';
export { accuracy, meanAndDeviation, median, quantile, rmse } from './summary.js';
