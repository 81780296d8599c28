import { describe, expect, it } from 'vitest';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { normalRows } from '../support/arbitraries.js';
import { bankOf, checkScorer, expectScores, scored, world } from './cases.js';

const { residual, vim } = scorers;
const w = world();
const rows = [...w.near, ...w.far];
const input = { features: rows };

describeOnBackends('residual scores', () => {
  it('reference: both are the formulas, for given and automatic dimensions', async () => {
    for (const dimension of [2, 'auto', 5] as const) {
      const d = dimension === 'auto' ? 3 : dimension;
      const one = rows.map(reference.residual(w.features, w.head, d));
      expectScores(await scored(residual({ dimension }), w, input), one);
      const two = rows.map(reference.vim(w.features, w.head, d));
      expectScores(await scored(vim({ dimension }), w, input), two, 20);
    }
  });

  it('both keep the rules of scorers', async () => {
    await checkScorer(() => residual(), w, world({ seed: 5, n: 30 }));
    await checkScorer(() => vim(), w, world({ seed: 5, n: 30 }));
  });

  it('edge: more classes than features, and a head without full rank or bias', async () => {
    const wide = { weight: normalRows(6, 9, 3), bias: normalRows(1, 9, 4)[0] };
    const want = rows.map(reference.residual(w.features, wide, 2));
    expectScores(await scored(residual({ dimension: 2 }), { ...w, head: wide }, input), want);
    const twin = { weight: w.head.weight.map((r) => [...r, r[0]]), bias: [1, 2, 3, 1] };
    const same = rows.map(reference.vim(w.features, twin, 2));
    expectScores(await scored(vim({ dimension: 2 }), { ...w, head: twin }, input), same, 20);
    const { weight } = w.head;
    const none = rows.map(reference.residual(w.features, { weight, bias: [0, 0, 0] }, 2));
    expectScores(await scored(residual({ dimension: 2 }), { ...w, head: { weight } }, input), none);
  });
});

describe('residual edges', () => {
  it('edge: a plane of rows leaves residual 0 on it and the height off it', async () => {
    const features = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [-1, 2, 0]]; // prettier-ignore
    const bank = { features, head: { weight: [[1], [0], [0]] } };
    const got = await scored(residual({ dimension: 2 }), bank, {
      features: [[5, -7, 0], [5, -7, 3]], // prettier-ignore
    });
    expect(got[0]).toBeCloseTo(0, 5);
    expect(got[1]).toBeCloseTo(3, 5);
    await expect(vim({ dimension: 2 }).fit({ ...bank, features: [[0, 0, 0]] })).rejects.toThrow(
      'vim.fit: features must leave the principal space, got residuals of 0. Lower dimension.',
    );
  });

  it('error: dimensions and heads that do not fit are named', async () => {
    expect(() => residual({ dimension: 0 })).toThrow(
      "residual: dimension must be 'auto' or an integer >= 1, got 0",
    );
    const bank = bankOf(w);
    await expect(residual({ dimension: 6 }).fit(bank)).rejects.toThrow(
      'residual.fit: dimension must be below the number of features, 6, got 6',
    );
    const head = { weight: [[1], [2]] };
    await expect(vim().fit({ ...bank, head })).rejects.toThrow(
      'vim.fit: head.weight must have one row for each of the 6 columns of features, got 2 rows',
    );
    const bias = { ...w.head, bias: [1] };
    await expect(vim().fit({ ...bank, head: bias })).rejects.toThrow(
      'head.bias must hold one value for each of the 3 columns of head.weight, got 1 values',
    );
    const nan = { ...w.head, bias: [0, NaN, 0] };
    await expect(vim().fit({ ...bank, head: nan })).rejects.toThrow('got NaN at row 1');
    const { features } = w;
    await expect(vim().fit({ features })).rejects.toThrow('head must be given, got only features');
  });
});
