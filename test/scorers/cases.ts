import { expect } from 'vitest';
import type { Scorer, ScorerBank, ScorerInput } from '../../src/scorers/index.js';
import { scorerFromArtifacts } from '../../src/scorers/index.js';
import { Rng } from '../../src/util/rng.js';
import { expectNoLeak } from '../support/leaks.js';
import type { Matrix } from '../support/arbitraries.js';
import { normalRows } from '../support/arbitraries.js';

/** Features of three classes, a head, and rows that are and are not like them. */
export interface World {
  readonly features: Matrix;
  readonly logits: Matrix;
  readonly labels: number[];
  readonly head: { readonly weight: Matrix; readonly bias: number[] };
  readonly near: Matrix;
  readonly nearLogits: Matrix;
  readonly far: Matrix;
  readonly farLogits: Matrix;
}

export const CLASSES = 3;

/** logits = features . weight + bias, rounded to float32. */
export function logitsOf(features: Matrix, { weight, bias }: World['head']): Matrix {
  return features.map((row) =>
    bias.map((b, c) => Math.fround(row.reduce((sum, v, j) => sum + v * weight[j][c], b))),
  );
}

/** Seeded clusters along the axes of the head; `far` lies on the negative side of all. */
export function world({ n = 60, d = 6, seed = 1, relu = false } = {}): World {
  const rng = new Rng(seed);
  const weight = normalRows(d, CLASSES, seed + 1, 0.2).map((row, j) =>
    row.map((v, c) => Math.fround(v + (j % CLASSES === c ? 1 : 0))),
  );
  const head = { weight, bias: [0.25, -0.5, 0.125] };
  const cluster = (label: number, shift: number): number[] =>
    Array.from({ length: d }, (_, j) => {
      const center = j % CLASSES === label ? 3 : 0;
      const v = Math.fround(center + shift + rng.normal() * (0.5 + 0.1 * j));
      return relu ? Math.max(0, v) : v;
    });
  const labels = Array.from({ length: n }, (_, i) => i % CLASSES);
  const features = labels.map((label) => cluster(label, 0));
  const near = Array.from({ length: 8 }, (_, i) => cluster(i % CLASSES, 0));
  const far = Array.from({ length: 8 }, () =>
    Array.from({ length: d }, (_, j) => {
      const v = Math.fround((j % 2 === 0 ? -3 : -1) + rng.normal());
      return relu ? Math.max(0, v + 2.5) : v;
    }),
  );
  return {
    features,
    logits: logitsOf(features, head),
    labels,
    head,
    near,
    nearLogits: logitsOf(near, head),
    far,
    farLogits: logitsOf(far, head),
  };
}

/** All that a scorer can be given of a world. */
export function bankOf({ features, logits, labels, head }: World): ScorerBank {
  return { features, logits, labels, head, errors: features.map((row) => Math.abs(row[0])) };
}

export function nearOf({ near, nearLogits }: World): ScorerInput {
  return { features: near, logits: nearLogits, errors: near.map((row) => Math.abs(row[0])) };
}

export function farOf({ far, farLogits }: World): ScorerInput {
  return { features: far, logits: farLogits, errors: far.map((row) => 5 + Math.abs(row[0])) };
}

/** Assert |got - want| <= 1e-5 (|want| + scale), the bound of float32 products of these sizes. */
export function expectScores(got: ArrayLike<number>, want: readonly number[], scale = 1): void {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) => {
    if (Number.isFinite(value)) {
      expect(Math.abs(got[i] - value), `row ${i}: got ${got[i]}, want ${value}`).toBeLessThan(
        1e-5 * (Math.abs(value) + scale),
      );
    } else expect(got[i], `row ${i}`).toBe(value);
  });
}

/** Fit, score, dispose. */
export async function scored(
  scorer: Scorer,
  bank: ScorerBank,
  rows: ScorerInput,
): Promise<number[]> {
  await scorer.fit(bank);
  try {
    return Array.from(await scorer.score(rows));
  } finally {
    scorer.dispose();
  }
}

/**
 * What holds for every scorer: unlike rows score higher, saving and loading keep the bits, nothing leaks,
 * a second fit forgets the first, rows do not see each other, and missing inputs are named.
 */
export async function checkScorer(make: () => Scorer, w: World, other: World): Promise<void> {
  const mean = (values: Float64Array): number =>
    values.reduce((total, v) => total + v, 0) / values.length;
  await expectNoLeak(async () => {
    const scorer = make();
    const [bank, near, far] = [bankOf(w), nearOf(w), farOf(w)];
    expect(scorer.direction).toBe('high-is-unlike');
    if (scorer.needs.fit.length > 0) {
      expect(scorer.fitted).toBe(false);
      await expect(scorer.score(near)).rejects.toThrow('the scorer must be fitted first');
      await expect(scorer.toArtifacts()).rejects.toThrow('the scorer must be fitted first');
      await expect(scorer.fit({})).rejects.toThrow(
        `${scorer.name}.fit: ${scorer.needs.fit.join(' and ')} must be given, got nothing`,
      );
    }
    await scorer.fit(bankOf(other));
    await scorer.score(near);
    await scorer.fit(bank);
    expect(scorer.fitted).toBe(true);
    const scores = await scorer.score(near);
    expect(mean(await scorer.score(far)), scorer.name).toBeGreaterThan(mean(scores));
    const fresh = await make().fit(bank);
    expect(await fresh.score(near)).toEqual(scores);
    const saved = await scorer.toArtifacts();
    const loaded = scorerFromArtifacts(saved);
    expect(await loaded.score(near)).toEqual(scores);
    expect(await loaded.toArtifacts()).toEqual(saved);
    const first = await scorer.score({
      features: w.near.slice(0, 1),
      logits: w.nearLogits.slice(0, 1),
      errors: [Math.abs(w.near[0][0])],
    });
    expect(Math.abs(first[0] - scores[0])).toBeLessThan(1e-6 * (1 + Math.abs(scores[0])));
    await expect(scorer.score({})).rejects.toThrow('must be given, got nothing');
    await checkNotFinite(scorer, w);
    for (const each of [scorer, fresh, loaded]) each.dispose();
  });
}

async function checkNotFinite(scorer: Scorer, w: World): Promise<void> {
  const spoilt = (rows: Matrix): Matrix =>
    rows.map((row, i) => (i === 2 ? [NaN, ...row.slice(1)] : row));
  const rows = {
    features: spoilt(w.near),
    logits: spoilt(w.nearLogits),
    errors: w.near.map((_, i) => (i === 2 ? NaN : 1)),
  };
  await expect(scorer.score(rows)).rejects.toThrow('must be finite, got NaN at row 2');
  if (scorer.needs.fit.includes('features')) {
    await expect(scorer.fit({ ...bankOf(w), features: spoilt(w.features) })).rejects.toThrow(
      'features must be finite, got NaN at row 2, feature 0',
    );
  }
}
