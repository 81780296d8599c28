import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import { checkScorer, expectScores, scored, world } from './cases.js';

const { mahalanobis, relativeMahalanobis } = scorers;
const w = world();
const rows = [...w.near, ...w.far];

describeOnBackends('mahalanobis scores', () => {
  it('reference: both are the formulas, with and without shrinkage', async () => {
    for (const shrinkage of [0, 0.2]) {
      const one = reference.mahalanobis(w.features, w.labels, shrinkage);
      expectScores(await scored(mahalanobis({ shrinkage }), w, { features: rows }), rows.map(one));
      const two = reference.relativeMahalanobis(w.features, w.labels, shrinkage);
      expectScores(
        await scored(relativeMahalanobis({ shrinkage }), w, { features: rows }),
        rows.map(two),
        Math.max(...rows.map(one)),
      );
    }
  });

  it('both keep the rules of scorers', async () => {
    await checkScorer(() => mahalanobis(), w, world({ seed: 5 }));
    await checkScorer(() => relativeMahalanobis({ shrinkage: 0.01 }), w, world({ seed: 5 }));
  });

  it('edge: a singular covariance is inverted on its range', async () => {
    // The last feature is the sum of the first two, another is constant.
    const embed = ([a, b]: number[]): number[] => [a, b, 7, a + b];
    const plane = normalRows(30, 2, 3).map((row) => row.map((v) => Math.round(v * 64) / 64));
    const features = plane.map(embed);
    const labels = plane.map((_, i) => i % 2);
    const queries = normalRows(6, 2, 4).map((row) => row.map((v) => Math.round(v * 64) / 64));
    const got = await scored(mahalanobis(), { features, labels }, { features: queries.map(embed) });
    expectScores(got, queries.map(embed).map(reference.mahalanobis(features, labels)));
    // Off the range nothing is measured, until shrinkage gives it a variance.
    const [on, off] = [embed([1, 1]), [1, 1, 900, 2]];
    const same = await scored(mahalanobis(), { features, labels }, { features: [on, off] });
    expect(same[1]).toBeCloseTo(same[0], 3);
    const shrunk = await scored(
      mahalanobis({ shrinkage: 1e-3 }),
      { features, labels },
      { features: [on, off] },
    );
    expect(shrunk[1]).toBeGreaterThan(1e4 * shrunk[0]);
  });
});

describe('mahalanobis edges', () => {
  it('golden: two classes of variance 1 and 4 along the axes, by hand', async () => {
    const around = (x: number): number[][] => [[x - 1, 0], [x + 1, 0], [x, 2], [x, -2]]; // prettier-ignore
    const features = [...around(0), ...around(10)];
    const labels = [0, 0, 0, 0, 1, 1, 1, 1];
    // S = diag(1/2, 2); all rows: mean (5, 0), variances 25 + 1/2 and 2.
    const input = { features: [[1, 2], [10, -4], [5, 0]] }; // prettier-ignore
    const own = await scored(mahalanobis(), { features, labels }, input);
    [4, 8, 50].forEach((want, i) => expect(own[i]).toBeCloseTo(want, 4));
    const relative = await scored(relativeMahalanobis(), { features, labels }, input);
    const background = [16 / 25.5 + 2, 25 / 25.5 + 8, 0];
    background.forEach((v, i) => expect(relative[i]).toBeCloseTo([4, 8, 50][i] - v, 4));
  });

  it('property: an invertible linear map of all features changes no distance', async () => {
    const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const map = normalRows(6, 6, seed).map((row, i) =>
          row.map((v, j) => Math.fround(0.2 * v + Number(i === j))),
        );
        const mapped = (m: number[][]): number[][] => reference.times(m, map);
        const bank = { features: mapped(w.features), labels: w.labels };
        const got = await scored(mahalanobis(), bank, { features: mapped(rows) });
        const want = await scored(mahalanobis(), w, { features: rows });
        got.forEach((v, i) => expect(Math.abs(v / want[i] - 1)).toBeLessThan(1e-3));
      }),
      { ...PROPERTY, numRuns: 10 },
    );
  });

  it('edge: far from the origin nothing cancels', async () => {
    const shift = (row: number[]): number[] => row.map((v) => Math.round(v * 64) / 64 + 4096);
    const features = w.features.map(shift);
    const queries = w.near.map(shift);
    const want = queries.map(reference.mahalanobis(features, w.labels));
    const bank = { features, labels: w.labels };
    expectScores(await scored(mahalanobis(), bank, { features: queries }), want);
  });

  it('edge: labels with gaps are classes like others', async () => {
    const labels = w.labels.map((label) => 100 * label + 7);
    const input = { features: rows };
    expect(await scored(mahalanobis(), { ...w, labels }, input)).toEqual(
      await scored(mahalanobis(), w, input),
    );
  });

  it('edge: one class makes the relative distance 0', async () => {
    const labels = w.labels.map(() => 4);
    const got = await scored(relativeMahalanobis(), { ...w, labels }, { features: rows });
    got.forEach((v) => expect(Math.abs(v)).toBeLessThan(1e-3));
    const want = rows.map(reference.mahalanobis(w.features, labels));
    expectScores(await scored(mahalanobis(), { ...w, labels }, { features: rows }), want);
  });

  it('edge: duplicate rows and more features than rows', async () => {
    const features = [...normalRows(3, 5, 8), ...normalRows(3, 5, 8)];
    const labels = [0, 0, 0, 0, 0, 0];
    const want = w.near.map((row) => row.slice(0, 5)).map(reference.mahalanobis(features, labels));
    const input = { features: w.near.map((row) => row.slice(0, 5)) };
    expectScores(await scored(mahalanobis(), { features, labels }, input), want, 10);
  });

  it('error: one row per class and constant features leave nothing to measure by', async () => {
    const single = { features: normalRows(3, 2, 1), labels: [0, 1, 2] };
    await expect(mahalanobis().fit(single)).rejects.toThrow(
      'mahalanobis.fit: features must vary within a class, got equal rows only. Give more rows',
    );
    const constant = { features: [[1, 2], [1, 2]], labels: [0, 0] }; // prettier-ignore
    await expect(relativeMahalanobis({ shrinkage: 0.5 }).fit(constant)).rejects.toThrow(
      'features must vary within a class',
    );
  });

  it('error: a bad shrinkage, and rows of another width, are named', async () => {
    expect(() => mahalanobis({ shrinkage: 1.5 })).toThrow(
      'mahalanobis: shrinkage must be in [0, 1], got 1.5',
    );
    const scorer = await mahalanobis().fit(w);
    await expect(scorer.score({ features: [[1, 2]] })).rejects.toThrow(
      'mahalanobis.score: features must have 6 columns, as in fit, got 2 columns',
    );
    await expect(scorer.fit({ ...w, labels: [1] })).rejects.toThrow(
      'labels must have one row for each of the 60 of features, got 1 rows',
    );
    expect(scorer.fitted).toBe(true);
    scorer.dispose();
    expect(scorer.fitted).toBe(false);
  });
});
