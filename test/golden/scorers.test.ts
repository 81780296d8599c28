import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { scorers } from '../../src/scorers/index.js';
import type { ScorerBank, ScorerInput } from '../../src/scorers/index.js';

interface Golden {
  readonly versions: Readonly<Record<string, string>>;
  readonly bank: {
    readonly features: number[][];
    readonly labels: number[];
    readonly weight: number[][];
    readonly bias: number[];
    readonly logits: number[][];
    /** Labels that follow the logits, but for every fifth row. */
    readonly targets: number[];
    readonly errors: number[];
    /** Features of clusters that lie far apart. */
    readonly clusters: number[][];
  };
  readonly queries: number[][];
  readonly logits: number[][];
  /** Queries as after a ReLU. */
  readonly rectified: number[][];
  readonly errors: number[];
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
  klMatching: scorers.klMatching(),
  she: scorers.she(),
  fdbd: scorers.fdbd(),
  nnguide: scorers.nnguide({ k: 5 }),
  react: scorers.react({ percentile: 80 }),
  ashPrune: scorers.ash({ percentile: 65, variant: 'prune' }),
  ashBinarize: scorers.ash({ percentile: 65, variant: 'binarize' }),
  ashScale: scorers.ash({ percentile: 65 }),
  scale: scorers.scale({ percentile: 50 }),
  gaussian: scorers.gaussian({ shrinkage: 0 }),
  temperatureScaling: scorers.temperatureScaling(),
  gmm: scorers.gmm({ components: 3, shrinkage: 0, tolerance: 0, iterations: 500 }),
  mahalanobisReconstruction: scorers.mahalanobisReconstruction(),
  reconstruction: scorers.reconstruction(),
};

interface Own {
  readonly bank?: ScorerBank;
  readonly rows?: ScorerInput;
}

/** Bank and queries of a scorer, where they are not the common ones. */
const OWN: { readonly [name: string]: Own | undefined } = {
  she: { bank: { labels: golden.bank.targets } },
  temperatureScaling: { bank: { labels: golden.bank.targets } },
  gmm: { bank: { features: golden.bank.clusters } },
  ashPrune: { rows: { features: golden.rectified } },
  ashBinarize: { rows: { features: golden.rectified } },
  ashScale: { rows: { features: golden.rectified } },
  scale: { rows: { features: golden.rectified } },
};

describe('scorers against NumPy, SciPy, scikit-learn and pytorch-ood', () => {
  beforeAll(() => startBackend({ prefer: 'cpu' }));

  it('states the versions that made the values', () => {
    const made = ['python', 'numpy', 'scipy', 'scikit-learn', 'torch', 'pytorch-ood'];
    expect(Object.keys(golden.versions)).toEqual(made);
  });

  it('has every golden score', () => {
    expect(Object.keys(golden.scores).sort()).toEqual(Object.keys(OURS).sort());
  });

  it('leaves out no scorer', () => {
    const compared = new Set(Object.values(OURS).map(({ name }) => name));
    expect([...compared].sort()).toEqual(Object.keys(scorers).sort());
  });

  it.each(Object.entries(OURS))('%s to 1e-5', async (name, scorer) => {
    const { features, labels, logits, errors, weight, bias } = golden.bank;
    const head = { weight, bias };
    const { bank, rows } = OWN[name] ?? {};
    await scorer.fit({ features, labels, logits, errors, head, ...bank });
    const queries = { features: golden.queries, logits: golden.logits, errors: golden.errors };
    const got = await scorer.score({ ...queries, ...rows });
    scorer.dispose();
    golden.scores[name].forEach((want, i) => {
      expect(Math.abs(got[i] - want), `row ${i}: ${got[i]}, not ${want}`).toBeLessThanOrEqual(
        1e-5 * Math.max(1, Math.abs(want)),
      );
    });
  });
});
