/** Out-of-distribution scores of any model's features and logits, behind one interface. */
export { eraseConcept, LeaceEraser } from './leace.js';
export type { EraseMethod, EraseOptions } from './leace.js';
export type {
  Head as ScorerHead,
  InputName as ScorerInputName,
  ScorerBank,
  ScorerInput,
} from './inputs.js';
export { modelFeatures } from './modelFeatures.js';
export type {
  BatchFeatures,
  FeatureFunction,
  ModelFeatures,
  ModelFeaturesOptions,
} from './modelFeatures.js';
export { scorerFromArtifacts, scorers } from './registry.js';
export type { ScorerName } from './registry.js';
export { Scorer } from './scorer.js';
export type { ScorerFactory } from './scorer.js';
