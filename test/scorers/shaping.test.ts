import { describe, expect, it } from 'vitest';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { bankOf, checkScorer, expectScores, scored, world } from './cases.js';

const { ash, react, scale } = scorers;
const w = world({ d: 20, relu: true });
const bank = bankOf(w);
const rows = [...w.near, ...w.far];
const input = { features: rows };
const VARIANTS = ['prune', 'binarize', 'scale'] as const;

describeOnBackends('shaped activations', () => {
  it('reference: react, ash and scale are the formulas of their papers', async () => {
    for (const percentile of [60, 90]) {
      const clipped = rows.map(reference.react(w.features, w.head, percentile));
      expectScores(await scored(react({ percentile }), bank, input), clipped);
      for (const variant of VARIANTS) {
        const want = rows.map(reference.shaped(w.head, percentile, variant));
        expectScores(await scored(ash({ percentile, variant }), bank, input), want);
      }
      const scaled = rows.map(reference.shaped(w.head, percentile, 'unpruned'));
      expectScores(await scored(scale({ percentile }), bank, input), scaled);
    }
  });

  it('each keeps the rules of scorers', async () => {
    const other = world({ d: 20, relu: true, seed: 5, n: 30 });
    await checkScorer(() => react(), w, other);
    await checkScorer(() => ash({ percentile: 50 }), w, other);
    await checkScorer(() => scale({ percentile: 50 }), w, other);
  });
});

describe('shaped activations, edges', () => {
  const head = { weight: [[1], [2], [4]], bias: [0.5] };
  const at = async (
    variant: (typeof VARIANTS)[number],
    row: number[],
    percentile = 67,
  ): Promise<number> =>
    (await scored(ash({ variant, percentile }), { head }, { features: [row] }))[0];

  it('golden: by hand, of one class', async () => {
    expect(await at('prune', [3, 1, 0])).toBe(-3.5);
    expect(await at('binarize', [3, 1, 0])).toBe(-4.5);
    expect(await at('scale', [3, 1, 0])).toBeCloseTo(-3 * Math.exp(4 / 3) - 0.5, 12);
    const scaled = await scored(scale({ percentile: 67 }), { head }, { features: [[3, 1, 0]] });
    expect(scaled[0]).toBeCloseTo(-5 * Math.exp(4 / 3) - 0.5, 12);
  });

  it('edge: zero rows, ties to the lower index, and zeros among the kept', async () => {
    for (const variant of VARIANTS) expect(await at(variant, [0, 0, 0])).toBe(-0.5);
    expect(await at('prune', [5, 5, 5])).toBe(-5.5);
    expect(await at('binarize', [6, 0, 0], 33)).toBe(-9.5);
    expect(await at('prune', [1, 1, 1], 0)).toBe(-7.5);
  });

  it('edge: react at the ends, and of constant features', async () => {
    const fit = { features: [[1, 1, 1], [1, 1, 1]], head }; // prettier-ignore
    const scorer = await react({ percentile: 0 }).fit(fit);
    expect(Array.from(scorer.fittedValues('threshold'))).toEqual([1]);
    expect(Array.from(await scorer.score({ features: [[9, 0.5, -2]] }))).toEqual([5.5]);
    scorer.dispose();
  });

  it('error: negative features and percentages out of range are named', async () => {
    await expect(at('scale', [1, -2, 3])).rejects.toThrow(
      'ash.score: features must be >= 0, as after a ReLU, got -2 at row 0, feature 1',
    );
    expect(() => scale({ percentile: 100 })).toThrow(
      'scale: percentile must be in [0, 100), got 100',
    );
    expect(() => ash({ variant: 'x' as never })).toThrow('variant must be one of prune, binarize');
    const wide = { weight: Array.from({ length: 2000 }, () => [1]) };
    await expect(ash({ percentile: 99.9 }).fit({ head: wide })).rejects.toThrow(
      'percentile must keep at least 1 in 700 of the 2000 features, got 99.9, which keeps 2',
    );
    await expect(scale().fit({ head: { weight: [[NaN]] } })).rejects.toThrow(
      'head.weight must be finite, got NaN at row 0',
    );
  });
});
