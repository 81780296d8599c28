import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  benjaminiHochberg,
  benjaminiYekutieli,
  conformalPValues,
} from '../../src/calibration/index.js';
import { DomainError } from '../../src/errors.js';
import { Rng } from '../../src/util/rng.js';
import { PROPERTY } from '../support/arbitraries.js';

const pValues = fc.array(
  fc.integer({ min: 0, max: 40 }).map((i) => i / 40),
  { maxLength: 30 },
);
const rates = fc.constantFrom(0.01, 0.11, 0.23, 0.51, 0.97);

/** The definition: the largest p-value p with p <= fdr #{p_j <= p} / (m factor). */
function bruteThreshold(p: readonly number[], fdr: number, factor: number): number {
  const within = p.filter(
    (value) => value * p.length * factor <= fdr * p.filter((other) => other <= value).length,
  );
  return within.reduce((most, value) => Math.max(most, value), -1);
}

describe('benjaminiHochberg', () => {
  it('golden: the example of Benjamini and Hochberg (1995), four of fifteen at .05', () => {
    const p = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719,
      0.6528, 0.759, 1,
    ];
    const { selected, threshold, adjusted } = benjaminiHochberg(p, 0.05);
    expect([...selected]).toEqual([0, 1, 2, 3]);
    expect(threshold).toBe(0.0095);
    expect(adjusted[3]).toBeCloseTo((0.0095 * 15) / 4, 15);
    expect(adjusted[14]).toBe(1);
  });

  it('reference: equals the definition, for both methods', () => {
    fc.assert(
      fc.property(pValues, rates, (p, fdr) => {
        const harmonic = p.reduce((sum, _, i) => sum + 1 / (i + 1), 0);
        for (const [method, factor] of [
          [benjaminiHochberg, 1],
          [benjaminiYekutieli, harmonic],
        ] as const) {
          const limit = bruteThreshold(p, fdr, factor);
          const want = p.flatMap((value, i) => (value <= limit ? [i] : []));
          const got = method(p, fdr);
          expect([...got.selected]).toEqual(want);
          expect(got.threshold).toBe(Math.max(0, limit));
        }
      }),
      PROPERTY,
    );
  });

  it('reference: adjusted p-values are the least level that selects, equal p-values alike', () => {
    fc.assert(
      fc.property(pValues, (p) => {
        const { adjusted } = benjaminiHochberg(p, 0.1);
        p.forEach((value, i) => {
          const levels = p
            .filter((other) => other >= value)
            .map((other) => (other * p.length) / p.filter((q) => q <= other).length);
          expect(adjusted[i]).toBeCloseTo(Math.min(1, ...levels), 12);
          expect(adjusted[i]).toBe(adjusted[p.indexOf(value)]);
        });
      }),
      PROPERTY,
    );
  });

  it('property: a p-value equal to the level is selected when all are at most that', () => {
    for (const level of [0.1, 0.05, 0.3, 0.7]) {
      for (let m = 1; m <= 30; m++) {
        const p = new Float64Array(m).fill(level);
        expect(benjaminiHochberg(p, level).selected).toHaveLength(m);
      }
    }
  });

  it('property: the false discovery rate holds for conformal p-values that share calibration', () => {
    const rng = new Rng(3);
    const [repeats, inliers, outliers, fdr] = [400, 40, 10, 0.2];
    let falseShare = 0;
    let found = 0;
    for (let i = 0; i < repeats; i++) {
      const calibration = Array.from({ length: 200 }, () => rng.normal());
      const scores = Array.from({ length: inliers + outliers }, (_, row) => {
        return rng.normal() + (row < inliers ? 0 : 3.5);
      });
      const { selected } = benjaminiHochberg(conformalPValues(calibration, scores), fdr);
      const wrong = selected.filter((row) => row < inliers).length;
      falseShare += wrong / Math.max(1, selected.length);
      found += selected.length - wrong;
    }
    // Shares lie in [0, 1], so Hoeffding's bound at 1e-6 widens the limit fdr m0 / m.
    const chance = Math.sqrt(Math.log(1e6) / (2 * repeats));
    const limit = (fdr * inliers) / (inliers + outliers);
    expect(falseShare / repeats).toBeLessThanOrEqual(limit + chance);
    // Far enough from the trivial procedure: most outliers are found, and not everything is rejected.
    expect(found / (repeats * outliers)).toBeGreaterThan(0.8);
    expect(falseShare / repeats).toBeGreaterThan(0.05);
  });

  it('edge: no tests, one test, nothing selected, zeros', () => {
    expect(benjaminiHochberg([], 0.1).selected).toHaveLength(0);
    expect([...benjaminiHochberg([0.04], 0.05).selected]).toEqual([0]);
    expect(benjaminiHochberg([0.9, 0.8], 0.1)).toMatchObject({ threshold: 0 });
    expect([...benjaminiYekutieli([0, 1], 0.1).selected]).toEqual([0]);
  });

  it('error: rates and p-values out of range', () => {
    expect(() => benjaminiHochberg([0.1], 0)).toThrow('fdr must lie in (0, 1), got 0');
    expect(() => benjaminiHochberg([0.1], 1)).toThrow(DomainError);
    expect(() => benjaminiHochberg([1.5], 0.1)).toThrow('pValues must lie in [0, 1], got 1.5');
    expect(() => benjaminiYekutieli([NaN], 0.1)).toThrow('benjaminiYekutieli: pValues must have');
  });
});
