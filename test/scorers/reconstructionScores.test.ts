import { describe, expect, it } from 'vitest';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { bankOf, checkScorer, expectScores, scored, world } from './cases.js';

const { mahalanobisReconstruction, reconstruction } = scorers;
const w = world();
const features = [...w.near, ...w.far];
const errors = features.map((row) => Math.abs(row[1]));
const bank = bankOf(w);
const bankErrors = w.features.map((row) => Math.abs(row[0]));

describeOnBackends('reconstruction scores', () => {
  it('reference: the weighted sum of distance and error', async () => {
    for (const given of [{}, { alpha: 0.5 }, { alpha: 2, beta: 0 }, { alpha: 0, beta: 3 }]) {
      const want = reference.mahalanobisReconstruction(w.features, bankErrors, given);
      expectScores(
        await scored(mahalanobisReconstruction(given), bank, { features, errors }),
        features.map((x, i) => want(x, errors[i])),
      );
    }
  });

  it('both keep the rules of scorers', async () => {
    const other = world({ seed: 5, n: 30 });
    await checkScorer(() => mahalanobisReconstruction(), w, other);
    await checkScorer(() => reconstruction(), w, other);
  });
});

describe('reconstruction scores, edges', () => {
  it('golden: errors come back as they are, copied', async () => {
    const given = [3, 0, -1, 0.1];
    const scores = await reconstruction().score({ errors: given });
    expect(Array.from(scores)).toEqual(given);
    const float = Float64Array.of(1, 2);
    (await reconstruction().score({ errors: float }))[0] = 9;
    expect(Array.from(float)).toEqual([1, 2]);
  });

  it('error: terms that do not vary, missing errors, and counts that differ are named', async () => {
    const flat = { features: w.features, errors: w.features.map(() => 2) };
    await expect(mahalanobisReconstruction().fit(flat)).rejects.toThrow(
      "mahalanobisReconstruction.fit: errors must vary for beta 'auto', got equal values only. " +
        'Give beta a number.',
    );
    const fixed = await mahalanobisReconstruction({ beta: 1 }).fit(flat);
    expect(fixed.fittedValues('weights')[1]).toBe(1);
    await expect(fixed.score({ features })).rejects.toThrow(
      'errors must be given, got only features',
    );
    await expect(fixed.score({ features, errors: [1] })).rejects.toThrow(
      'errors must have one row for each of the 16 of features, got 1 rows',
    );
    expect(() => fixed.fittedValues('sigma')).toThrow('name must be one of mean, whiten, weights');
    expect(() => mahalanobisReconstruction({ alpha: -1 })).toThrow(
      "alpha must be 'auto' or a number >= 0, got -1",
    );
    await expect(reconstruction().score({ errors: [] })).rejects.toThrow('at least one row');
    fixed.dispose();
  });
});
