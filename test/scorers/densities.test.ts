import { describe, expect, it } from 'vitest';
import type { Scorer } from '../../src/scorers/index.js';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { normalRows } from '../support/arbitraries.js';
import { checkScorer, expectScores, scored, world } from './cases.js';

const { gaussian, gmm } = scorers;
const w = world();
const rows = [...w.near, ...w.far];
const input = { features: rows };

/** The fitted mixture, for the reference. */
function mixtureOf(scorer: Scorer, d: number): reference.NormalMixture {
  const weights = Array.from(scorer.fittedValues('weights'));
  const cut = (values: ArrayLike<number>, size: number): number[][] =>
    Array.from({ length: values.length / size }, (_, i) =>
      Array.from({ length: size }, (__, j) => values[i * size + j]),
    );
  return {
    weights,
    means: cut(scorer.fittedValues('means'), d),
    covariances: cut(scorer.fittedValues('covariances'), d * d).map((flat) => cut(flat, d)),
  };
}

describeOnBackends('densities', () => {
  it('reference: gaussian is the density of its classes', async () => {
    for (const shrinkage of [0, 1e-3, 0.3]) {
      const want = rows.map(reference.mixture(reference.gaussian(w.features, w.labels, shrinkage)));
      expectScores(await scored(gaussian({ shrinkage }), w, input), want, 20);
    }
  });

  it('reference: gmm is a density at a fixed point of expectation maximisation', async () => {
    const scorer = gmm({ components: 3, tolerance: 0, iterations: 500 });
    await scorer.fit(w);
    const found = mixtureOf(scorer, 6);
    expectScores(await scorer.score(input), rows.map(reference.mixture(found)), 20);
    const variance = reference.meanVariance(w.features);
    const next = reference.emStep(w.features, found, 1e-3, variance);
    next.weights.forEach((v, k) => expect(v).toBeCloseTo(found.weights[k], 5));
    next.means.forEach((m, k) => m.forEach((v, j) => expect(v).toBeCloseTo(found.means[k][j], 4)));
    next.covariances.flat(2).forEach((v, s) => {
      expect(v).toBeCloseTo(found.covariances.flat(2)[s], 4);
    });
    scorer.dispose();
  });

  it('both keep the rules of scorers', async () => {
    await checkScorer(() => gaussian(), w, world({ seed: 5, n: 30 }));
    await checkScorer(() => gmm({ components: 2, restarts: 1 }), w, world({ seed: 5, n: 30 }));
  });
});

describe('densities, edges', () => {
  it('golden: the standard normal, and two rows by hand', async () => {
    const two = { features: [[-1], [1]], labels: [0, 0] }; // prettier-ignore
    const got = await scored(gaussian({ shrinkage: 0 }), two, { features: [[0], [2]] }); // prettier-ignore
    expect(got[0]).toBeCloseTo(Math.log(2 * Math.PI) / 2, 6);
    expect(got[1]).toBeCloseTo(Math.log(2 * Math.PI) / 2 + 2, 6);
  });

  it('property: without shrinkage the likelihood of gmm never falls', async () => {
    const features = [...normalRows(60, 2, 1), ...normalRows(60, 2, 2, 4)];
    const scorer = await gmm({ shrinkage: 0, components: 3, tolerance: 0 }).fit({ features });
    const history = Array.from(scorer.fittedValues('history'));
    expect(history.length).toBeGreaterThan(3);
    for (let i = 1; i < history.length; i++) {
      expect(history[i]).toBeGreaterThan(history[i - 1] - 1e-9);
    }
  });

  it('gmm finds clusters that lie apart, for any seed', async () => {
    const features = w.labels.map((label, i) => [100 * label + Math.sin(i), Math.cos(7 * i)]);
    for (const seed of [0, 1, 2]) {
      const scorer = await gmm({ components: 3, seed }).fit({ features });
      const means = mixtureOf(scorer, 2).means.map(([x]) => Math.round(x / 100));
      expect(means.sort()).toEqual([0, 1, 2]);
      for (const weight of mixtureOf(scorer, 2).weights) expect(weight).toBeCloseTo(1 / 3, 9);
    }
  });

  it('gmm: the same seed gives the same bits, another seed other ones', async () => {
    const saved = async (seed: number): Promise<unknown> =>
      (await (await gmm({ seed, restarts: 1, iterations: 2 }).fit(w)).toArtifacts()).arrays;
    expect(await saved(3)).toEqual(await saved(3));
    expect(await saved(4)).not.toEqual(await saved(3));
  });

  it('edge: one row per class, constant features, and duplicates work with shrinkage', async () => {
    const single = { features: [[0, 0], [4, 0]], labels: [0, 1] }; // prettier-ignore
    const near = await scored(gaussian(), single, { features: [[0, 0], [4, 0], [2, 1]] }); // prettier-ignore
    expect(near[0]).toBeCloseTo(near[1], 6);
    expect(near[2]).toBeGreaterThan(near[0] + 100);
    const twins = { features: [[1, 7], [1, 7], [1, 7], [5, 7]] }; // prettier-ignore
    const scorer = gmm({ components: 4 });
    const got = await scored(scorer, twins, { features: [[1, 7], [1, 8]] }); // prettier-ignore
    expect(got.every(Number.isFinite)).toBe(true);
    expect(got[1]).toBeGreaterThan(got[0]);
  });

  it('edge: one class is one normal distribution', async () => {
    const labels = w.labels.map(() => 2);
    const one = await scored(gmm({ components: 1 }), w, input);
    expectScores(await scored(gaussian(), { ...w, labels }, input), one);
  });

  it('error: singular covariances, equal rows and bad options are named', async () => {
    const flat = { features: [[1, 0], [2, 0], [3, 0]], labels: [5, 5, 5] }; // prettier-ignore
    await expect(gaussian({ shrinkage: 0 }).fit(flat)).rejects.toThrow(
      'gaussian.fit: features must vary in all directions within class 5, ' +
        'got a covariance of rank 1 of 2. Raise shrinkage.',
    );
    const equal = { features: [[1], [1]], labels: [0, 1] }; // prettier-ignore
    await expect(gaussian().fit(equal)).rejects.toThrow('features must vary within class 0');
    await expect(gmm({ components: 1 }).fit(equal)).rejects.toThrow('vary in component 0');
    await expect(gmm({ components: 3 }).fit(equal)).rejects.toThrow(
      'gmm.fit: components must be at most the number of rows in the bank, 2, got 3',
    );
    expect(() => gmm({ seed: 0.5 })).toThrow('gmm: seed must be an integer in [0, 2^32), got 0.5');
    expect(() => gmm({ tolerance: -1 })).toThrow('gmm: tolerance must be a number >= 0, got -1');
  });
});
