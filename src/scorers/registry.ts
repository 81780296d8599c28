import { DataError } from '../errors.js';
import type { Artifacts } from '../util/artifacts.js';
import { fdbd, klMatching, nnguide, she } from './classScores.js';
import { gaussian, gmm } from './densities.js';
import { energy, gen, maxLogit, msp, temperatureScaling } from './logitScores.js';
import { mahalanobis, relativeMahalanobis } from './mahalanobis.js';
import { knn, lof } from './neighborScores.js';
import { mahalanobisReconstruction, reconstruction } from './reconstructionScores.js';
import { residual, vim } from './residual.js';
import { ash, react, scale } from './shaping.js';
import type { Scorer } from './scorer.js';

/** Every scorer by its name. */
export const scorers = {
  ash,
  energy,
  fdbd,
  gaussian,
  gen,
  gmm,
  klMatching,
  knn,
  lof,
  mahalanobis,
  mahalanobisReconstruction,
  maxLogit,
  msp,
  nnguide,
  react,
  reconstruction,
  relativeMahalanobis,
  residual,
  scale,
  she,
  temperatureScaling,
  vim,
} as const;

export type ScorerName = keyof typeof scorers;

/**
 * A scorer of any kind from what `toArtifacts` gave; its scores are the same to the bit.
 * @throws DataError for another model or version, or arrays that do not fit.
 */
export function scorerFromArtifacts(artifacts: Artifacts): Scorer {
  const names = Object.keys(scorers) as ScorerName[];
  const name = names.find((candidate) => artifacts.model === `scorer.${candidate}`);
  if (name !== undefined) return scorers[name].fromArtifacts(artifacts);
  throw new DataError({
    op: 'scorerFromArtifacts',
    arg: 'model',
    expected: `be one of ${names.map((known) => `scorer.${known}`).join(', ')}`,
    got: `'${artifacts.model}'`,
  });
}
