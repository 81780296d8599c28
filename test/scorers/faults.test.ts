/** Banks that break scorers elsewhere, against every scorer: each gives numbers or an error that says why. */
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { scorers } from '../../src/scorers/index.js';
import type { Scorer, ScorerBank, ScorerInput, ScorerName } from '../../src/scorers/index.js';
import type { Matrix } from '../support/arbitraries.js';
import { normalRows } from '../support/arbitraries.js';
import { logitsOf, world } from './cases.js';

const HEAD = world({ d: 6, relu: true }).head;

/** A scorer for a bank of n rows; k at its largest. */
const MAKE: { readonly [name in ScorerName]: (n: number) => Scorer } = {
  ash: () => scorers.ash(),
  energy: () => scorers.energy(),
  fdbd: () => scorers.fdbd(),
  gaussian: () => scorers.gaussian(),
  gen: () => scorers.gen(),
  gmm: () => scorers.gmm({ components: 2 }),
  klMatching: () => scorers.klMatching(),
  knn: (n) => scorers.knn({ k: n }),
  lof: (n) => scorers.lof({ k: n - 1 }),
  mahalanobis: () => scorers.mahalanobis(),
  mahalanobisReconstruction: () => scorers.mahalanobisReconstruction(),
  maxLogit: () => scorers.maxLogit(),
  msp: () => scorers.msp(),
  nnguide: (n) => scorers.nnguide({ k: n }),
  react: () => scorers.react(),
  reconstruction: () => scorers.reconstruction(),
  relativeMahalanobis: () => scorers.relativeMahalanobis(),
  residual: () => scorers.residual(),
  scale: () => scorers.scale(),
  she: () => scorers.she(),
  temperatureScaling: () => scorers.temperatureScaling(),
  vim: () => scorers.vim(),
};
const NAMES = Object.keys(scorers) as ScorerName[];

function bankOf(features: Matrix, labels: number[]): ScorerBank {
  const errors = features.map((row, i) => 1 + i + row[0]);
  return { features, labels, logits: logitsOf(features, HEAD), head: HEAD, errors };
}

const nonNegative = (rows: Matrix): Matrix => rows.map((row) => row.map(Math.abs));
const rowsOf = (n: number, seed = 1): Matrix => nonNegative(normalRows(n, 6, seed));
/** Labels as the head predicts them: every scorer can use those. */
const predicted = (rows: Matrix): number[] =>
  logitsOf(rows, HEAD).map((z) => z.indexOf(Math.max(...z)));
/** One row that the head takes for each class. */
const oneEach = [0, 1, 2].map((c) =>
  Array.from({ length: 6 }, (_, j) => Math.fround((j % 3 === c ? 3 : 0.5) + 0.1 * j)),
);

const base = rowsOf(12);
const VARY = 'features must vary';

interface Fault {
  readonly bank: ScorerBank;
  /** Scorers that must refuse, with what they say. */
  readonly refused?: { readonly [name: string]: string };
}

const FAULTS: { readonly [fault: string]: Fault } = {
  'k = bank size': { bank: bankOf(base, predicted(base)) },
  'one class': { bank: bankOf(base.map(() => oneEach[1]).map((r, i) => r.map((v) => v + 0.01 * i)), base.map(() => 1)) }, // prettier-ignore
  'one sample per class': {
    bank: bankOf(oneEach, [0, 1, 2]),
    refused: {
      mahalanobis: 'must vary within a class, got equal rows only. Give more rows',
      relativeMahalanobis: 'must vary within a class, got equal rows only. Give more rows',
    },
  },
  'a constant latent dimension': {
    bank: bankOf(base.map((row) => row.map((v, j) => (j === 2 ? 0.5 : v))), predicted(base)), // prettier-ignore
  },
  'a singular covariance: dependent features': {
    bank: bankOf(base.map(([a, b, c]) => [a, b, c, a, b, Math.fround(a + b)]), predicted(base)), // prettier-ignore
  },
  'a singular covariance: more features than rows': {
    bank: bankOf(base.slice(0, 5), predicted(base.slice(0, 5))),
  },
  duplicates: { bank: bankOf([...base, ...base, ...base], predicted([...base, ...base, ...base])) },
  'equal rows only': {
    bank: bankOf(base.map(() => base[0]), predicted(base.map(() => base[0]))), // prettier-ignore
    refused: {
      gaussian: VARY,
      gmm: VARY,
      mahalanobis: VARY,
      mahalanobisReconstruction: VARY,
      relativeMahalanobis: VARY,
    },
  },
};

const queries = [...rowsOf(4, 2), ...rowsOf(3, 3).map((row) => row.map((v) => v + 9))];
const input: ScorerInput = {
  features: queries,
  logits: logitsOf(queries, HEAD),
  errors: queries.map((row) => row[1]),
};

/** Scores that are Infinity by definition: off a pile of equal rows, and of a class without patterns. */
const MAY_BE_INFINITE = new Set<ScorerName>(['lof', 'she']);

beforeAll(() => startBackend({ prefer: 'cpu' }));

describe.each(Object.entries(FAULTS))('fault: %s', (_, { bank, refused = {} }) => {
  const n = (bank.labels ?? []).length;
  it.each(NAMES)('%s', async (name) => {
    const scorer = MAKE[name](n);
    const refusal = refused[name] as string | undefined;
    if (refusal !== undefined) {
      await expect(scorer.fit(bank)).rejects.toThrow(refusal);
      expect(scorer.fitted).toBe(false);
      return;
    }
    await scorer.fit(bank);
    const scores = await scorer.score(input);
    scorer.dispose();
    expect(scores).toHaveLength(queries.length);
    for (const score of scores) {
      expect(Number.isFinite(score) || (MAY_BE_INFINITE.has(name) && score === Infinity)).toBe(
        true,
      );
    }
  });
});

describe('fault: k above the size of the bank', () => {
  it.each(['knn', 'lof', 'nnguide'] as const)('%s names both', async (name) => {
    const bank = bankOf(base, predicted(base));
    const most = name === 'lof' ? 11 : 12;
    await expect(MAKE[name](13 + Number(name === 'lof')).fit(bank)).rejects.toThrow(
      new RegExp(`${name}.fit: k must be at most the number of .*, ${most}, got 13. Lower k`),
    );
  });
});

describe('fault: a row with NaN', () => {
  const spoilt = (rows: Matrix): Matrix =>
    rows.map((row, i) => (i === 5 ? row.map((v, j) => (j === 1 ? NaN : v)) : row));

  it.each(NAMES)('%s names the row, in fit and in score', async (name) => {
    const bank = bankOf(base, predicted(base));
    const scorer = await MAKE[name](12).fit(bank);
    const want = await scorer.score(input);
    const errors = queries.map((_, i) => (i === 5 ? NaN : 1));
    const bad = { features: spoilt(queries), logits: spoilt(logitsOf(queries, HEAD)), errors };
    await expect(scorer.score(bad)).rejects.toThrow('must be finite, got NaN at row 5');
    const { fit } = scorer.needs;
    if (fit.some((need) => need === 'features' || need === 'logits' || need === 'errors')) {
      const worse = { ...bank, features: spoilt(base), logits: spoilt(logitsOf(base, HEAD)) };
      await expect(scorer.fit(worse)).rejects.toThrow('must be finite, got NaN at row 5');
    }
    // What was fitted is as it was.
    expect(await scorer.score(input)).toEqual(want);
    scorer.dispose();
  });
});
