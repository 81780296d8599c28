import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { scorers } from '../../src/scorers/index.js';

interface Golden {
  readonly versions: Readonly<Record<string, string>>;
  readonly bank: {
    readonly features: number[][];
    readonly labels: number[];
    readonly weight: number[][];
    readonly bias: number[];
  };
  readonly queries: number[][];
  readonly logits: number[][];
  readonly scores: Readonly<Record<string, number[]>>;
}

const golden = JSON.parse(readFileSync(new URL('scorers.json', import.meta.url), 'utf8')) as Golden;

/** Our scorer for each golden score, with the options of the script. */
const OURS = {
  msp: scorers.msp(),
  maxLogit: scorers.maxLogit(),
  energy: scorers.energy({ temperature: 2 }),
  gen: scorers.gen({ gamma: 0.1, top: 2 }),
  mahalanobis: scorers.mahalanobis(),
  relativeMahalanobis: scorers.relativeMahalanobis(),
  knn: scorers.knn({ k: 3 }),
  knnMean: scorers.knn({ k: 3, normalize: false, reduce: 'mean' }),
  lof: scorers.lof({ k: 4 }),
  residual: scorers.residual({ dimension: 4 }),
  vim: scorers.vim({ dimension: 4 }),
};

describe('scorers against NumPy and scikit-learn', () => {
  beforeAll(() => startBackend({ prefer: 'cpu' }));

  it('states the versions that made the values', () => {
    expect(Object.keys(golden.versions)).toEqual(['python', 'numpy', 'scikit-learn']);
  });

  it('has every golden score', () => {
    expect(Object.keys(golden.scores).sort()).toEqual(Object.keys(OURS).sort());
  });

  it.each(Object.entries(OURS))('%s to 1e-5', async (name, scorer) => {
    const { features, labels, weight, bias } = golden.bank;
    await scorer.fit({ features, labels, head: { weight, bias } });
    const got = await scorer.score({ features: golden.queries, logits: golden.logits });
    scorer.dispose();
    golden.scores[name].forEach((want, i) => {
      expect(Math.abs(got[i] - want), `row ${i}: ${got[i]}, not ${want}`).toBeLessThanOrEqual(
        1e-5 * Math.max(1, Math.abs(want)),
      );
    });
  });
});
