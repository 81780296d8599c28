/** Models: estimators with fit, score, save and load. */
export type { TrainProgress } from '../train/index.js';
export { parseSageConfig, Sage } from './sage/index.js';
export type {
  SageConfig,
  SageConfigInput,
  SageFitOptions,
  SageScoreOptions,
  SageScores,
} from './sage/index.js';
