import { describe, expect, it } from 'vitest';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { checkScorer, expectScores, scored, world } from './cases.js';

const { knn, lof } = scorers;
const w = world();
const rows = [...w.near, ...w.far];

describeOnBackends('neighbour scores', () => {
  it('reference: distance to the k-th neighbour, or their mean, of unit rows or raw ones', async () => {
    for (const normalize of [true, false]) {
      for (const reduce of ['kth', 'mean'] as const) {
        const want = rows.map(reference.knn(w.features, 7, normalize, reduce));
        const scorer = knn({ k: 7, normalize, reduce });
        expectScores(await scored(scorer, w, { features: rows }), want);
      }
    }
  });

  it('reference: lof is the ratio of densities', async () => {
    const want = rows.map(reference.lof(w.features, 5));
    expectScores(await scored(lof({ k: 5 }), w, { features: rows }), want);
  });

  it('both keep the rules of scorers', async () => {
    await checkScorer(() => knn({ k: 5 }), w, world({ seed: 5, n: 30 }));
    await checkScorer(() => lof({ k: 5 }), w, world({ seed: 5, n: 30 }));
  });

  it('edge: k of the size of the bank is allowed, one more is not', async () => {
    const features = w.features.slice(0, 4);
    const want = rows.map(reference.knn(features, 4, false, 'kth'));
    const all = knn({ k: 4, normalize: false });
    expectScores(await scored(all, { features }, { features: rows }), want);
    await expect(knn({ k: 5 }).fit({ features })).rejects.toThrow(
      'knn.fit: k must be at most the number of rows in the bank, 4, got 5. Lower k',
    );
    const three = rows.map(reference.lof(features, 3));
    expectScores(await scored(lof({ k: 3 }), { features }, { features: rows }), three);
    await expect(lof({ k: 4 }).fit({ features })).rejects.toThrow(
      'lof.fit: k must be at most the number of other rows in the bank, 3, got 4',
    );
  });

  it('edge: duplicates, zero rows and a constant bank', async () => {
    const features = [[0, 0], [0, 0], [0, 0], [3, 4]]; // prettier-ignore
    const queries = { features: [[0, 0], [6, 8], [0, 2]] }; // prettier-ignore
    const first = await scored(knn({ k: 1 }), { features }, queries);
    expect(first.slice(0, 2)).toEqual([0, 0]);
    const third = await scored(knn({ k: 3, normalize: false }), { features }, queries);
    expect(third).toEqual([0, 10, 2]);
    const constant = [[1, 1], [1, 1], [1, 1]]; // prettier-ignore
    const got = await scored(
      lof({ k: 2 }),
      { features: constant },
      { features: [[1, 1], [2, 1]] }, // prettier-ignore
    );
    expect(got).toEqual([1, Infinity]);
  });
});

describe('neighbour scores without a backend', () => {
  it('error: options that do not fit are named', () => {
    expect(() => knn({ k: 0 })).toThrow('knn: k must be an integer >= 1, got 0');
    expect(() => knn({ metric: 'dot' as never })).toThrow('knn: metric must be one of euclidean');
    expect(() => knn({ reduce: 'max' as never })).toThrow('reduce must be one of kth, mean');
    expect(() => lof({ normalize: true } as never)).toThrow("known keys only (k), got 'normalize'");
  });

  it('property: a positive factor on a row changes nothing when rows are normalised', async () => {
    const scorer = await knn({ k: 4 }).fit(w);
    const want = await scorer.score({ features: rows });
    for (const factor of [0.25, 8, 1024]) {
      const scaled = rows.map((row) => row.map((v) => v * factor));
      expect(await scorer.score({ features: scaled })).toEqual(want);
    }
    scorer.dispose();
  });

  it('property: a farther row along a ray from the bank scores higher', async () => {
    for (const make of [() => knn({ k: 4, normalize: false }), () => lof({ k: 4 })]) {
      const ray = [20, 30, 50, 90].map((t) => Array<number>(6).fill(t));
      const got = await scored(make(), w, { features: ray });
      for (let i = 1; i < got.length; i++) expect(got[i]).toBeGreaterThan(got[i - 1]);
    }
  });

  it('the metric of knn is used', async () => {
    const bank = { features: [[0, 0]] };
    const input = { features: [[3, -4]] };
    const at = async (metric: 'cityblock' | 'sqeuclidean' | 'chebyshev'): Promise<number[]> =>
      await scored(knn({ k: 1, normalize: false, metric }), bank, input);
    expect(await at('cityblock')).toEqual([7]);
    expect(await at('sqeuclidean')).toEqual([25]);
    expect(await at('chebyshev')).toEqual([4]);
  });
});
