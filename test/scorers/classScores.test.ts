import { describe, expect, it } from 'vitest';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { bankOf, checkScorer, expectScores, scored, world } from './cases.js';

const { fdbd, klMatching, nnguide, she } = scorers;
const w = world();
const other = world({ seed: 5, n: 30 });
const bank = bankOf(w);
const features = [...w.near, ...w.far];
const logits = [...w.nearLogits, ...w.farLogits];
const pairs = features.map((x, i): reference.Pair => [x, logits[i]]);
const input = { features, logits };

describeOnBackends('scores by class', () => {
  it('reference: each is the formula of its paper', async () => {
    expectScores(
      await scored(klMatching(), bank, input),
      logits.map(reference.klMatching(w.logits)),
    );
    expectScores(
      await scored(she(), bank, input),
      pairs.map(reference.she(w.features, w.logits, w.labels)),
    );
    expectScores(
      await scored(fdbd(), bank, input),
      features.map(reference.fdbd(w.features, w.head)),
    );
    expectScores(
      await scored(fdbd({ center: 'origin' }), bank, input),
      features.map(reference.fdbd(w.features, w.head, Array<number>(6).fill(0))),
    );
    expectScores(
      await scored(nnguide({ k: 9 }), bank, input),
      pairs.map(reference.nnguide(w.features, w.logits, 9)),
    );
  });

  it('each keeps the rules of scorers', async () => {
    await checkScorer(() => klMatching(), w, other);
    await checkScorer(() => she(), w, other);
    await checkScorer(() => fdbd(), w, other);
    await checkScorer(() => nnguide({ k: 7 }), w, other);
  });
});

describe('scores by class, edges', () => {
  it('edge: one class, and one row per class', async () => {
    const one = { features: [[1, 2], [3, 4]], logits: [[5], [6]], labels: [0, 0] }; // prettier-ignore
    expect(await scored(klMatching(), one, { logits: [[-3]] })).toEqual([0]);
    expect(await scored(she(), one, { features: [[1, 1]], logits: [[0]] })).toEqual([-5]);
    const single = { features: [[1, 0], [0, 2]], logits: [[9, 0], [0, 9]], labels: [0, 1] }; // prettier-ignore
    const got = await scored(she(), single, { features: [[1, 1], [1, 1]], logits: [[1, 0], [0, 1]] }); // prettier-ignore
    expect(got).toEqual([-1, -2]);
    const kl = await scored(klMatching(), single, { logits: single.logits });
    kl.forEach((v) => expect(v).toBeCloseTo(0, 12));
  });

  it('edge: a class that no bank row is rightly predicted as scores Infinity', async () => {
    const wrong = { features: [[1], [2]], logits: [[9, 0], [9, 0]], labels: [0, 1] }; // prettier-ignore
    const got = await scored(she(), wrong, { features: [[1], [1]], logits: [[1, 0], [0, 1]] }); // prettier-ignore
    expect(got).toEqual([-1, Infinity]);
    await expect(she().fit({ ...wrong, labels: [1, 1] })).rejects.toThrow(
      'she.fit: logits must predict some rows as their label, got none predicted rightly',
    );
    await expect(she().fit({ ...wrong, labels: [0, 2] })).rejects.toThrow('0 to 1, got 2 at row 1');
  });

  it('edge: divergence of certain rows neither underflows nor becomes NaN', async () => {
    const certain = { logits: [[2000, 0], [2000, 0]] }; // prettier-ignore
    const got = await scored(klMatching(), certain, { logits: [[2000, 0], [0, 2000], [0, 0]] }); // prettier-ignore
    expect(got[0]).toBe(0);
    expect(got[1]).toBe(2000);
    expect(got[2]).toBeCloseTo(1000 - Math.LN2, 9);
  });

  it('edge: rows on all boundaries, at the mean, and equal columns of the head', async () => {
    const head = { weight: [[1, -1, 1]], bias: [0, 0, 0] };
    const fit = { features: [[1], [3]], head };
    const got = await scored(fdbd(), fit, { features: [[0], [2], [4]] }); // prettier-ignore
    expect(got).toEqual([0, -Infinity, -2]);
    const flat = { features: [[1]], head: { weight: [[1, 1]] } };
    await expect(fdbd().fit(flat)).rejects.toThrow(
      'fdbd.fit: head.weight must have two different columns, got 2 equal',
    );
    const narrow = { ...fit, features: [[1, 2]] };
    await expect(fdbd().fit(narrow)).rejects.toThrow('one row for each of the 2 columns');
  });

  it('edge: guidance of zero rows, duplicates and k of the size of the bank', async () => {
    const fit = { features: [[2, 0], [2, 0], [0, 0]], logits: [[1], [1], [5]] }; // prettier-ignore
    const rows = { features: [[3, 0], [0, 0]], logits: [[2], [2]] }; // prettier-ignore
    expect(await scored(nnguide({ k: 2 }), fit, rows)).toEqual([-2, -0]);
    const all = await scored(nnguide({ k: 3 }), fit, rows);
    expect(all[0]).toBeCloseTo(-4 / 3, 6);
    await expect(nnguide({ k: 4 }).fit(fit)).rejects.toThrow('nnguide.fit: k must be at most');
  });
});
