/** Claims of the studies on images. */
import { percent } from './page.js';
import type { Claim } from './page.js';
import type { ModelSummary } from './results.js';

/** The ensemble tells a set from test rows at least so well. */
export function areaClaims(
  { model, sets }: ModelSummary,
  wanted: readonly (readonly [set: string, area: number])[],
): Claim[] {
  return wanted.map(([name, least]) => {
    const area = sets.find((set) => set.name === name)?.auroc?.ensemble ?? NaN;
    return {
      text: `${model.name}: AUROC of the ensemble on ${name} is at least ${least}`,
      holds: area >= least,
      evidence: area.toFixed(4),
    };
  });
}

/** Fewer than 1 % of the rows of a set tie at either end of the ranking. */
export function tieClaim({ model, sets }: ModelSummary): Claim {
  const worst = sets
    .map(({ name, ties: { ranking } }) => ({ name, share: Math.max(ranking.low, ranking.high) }))
    .reduce((most, one) => (one.share > most.share ? one : most));
  return {
    text: `${model.name}: less than 1 % of the rows of any set tie exactly at an end of the ranking`,
    holds: worst.share < 0.01,
    evidence: `at most ${percent(worst.share)} (${worst.name})`,
  };
}
