import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { empiricalProbability, expectedCalibrationError } from '../../src/metrics/index.js';
import { Rng } from '../../src/util/rng.js';
import { PROPERTY } from '../support/arbitraries.js';

const list = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 25 });

describe('empiricalProbability', () => {
  it('golden: inside, at the top, beyond both ends', () => {
    expect([...empiricalProbability([1, 2, 3], [2, 3, 9, 0])]).toEqual([0.75, 0.5, 0.25, 1]);
  });

  it('reference: equals the count over all reference values', () => {
    fc.assert(
      fc.property(list, list, (reference, values) => {
        const want = values.map(
          (v) => (1 + reference.filter((r) => r >= v).length) / (reference.length + 1),
        );
        expect([...empiricalProbability(reference, values)]).toEqual(want);
      }),
      PROPERTY,
    );
  });

  it('property: never 0, at most 1, decreasing in the value', () => {
    fc.assert(
      fc.property(list, list, (reference, values) => {
        const ascending = [...values].sort((a, b) => a - b);
        const p = empiricalProbability(reference, ascending);
        p.forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(1 / (reference.length + 1));
          expect(value).toBeLessThanOrEqual(i === 0 ? 1 : p[i - 1]);
        });
      }),
      PROPERTY,
    );
  });

  it('property: P(p <= t) <= t for exchangeable values (conformal validity)', () => {
    const rng = new Rng(5);
    const draw = (n: number): number[] => Array.from({ length: n }, () => rng.normal());
    const p = Array.from({ length: 2000 }, () => empiricalProbability(draw(19), draw(1))[0]);
    for (const t of [0.05, 0.2, 0.5, 0.9]) {
      const share = p.filter((value) => value <= t).length / p.length;
      // Three standard deviations of a share of 2,000.
      expect(share).toBeLessThanOrEqual(t + 3 * Math.sqrt((t * (1 - t)) / p.length));
    }
  });

  it('edge: no values gives no probabilities', () => {
    expect(empiricalProbability([1], [])).toHaveLength(0);
  });

  it('error: no reference, NaN', () => {
    expect(() => empiricalProbability([], [1])).toThrow(ShapeError);
    expect(() => empiricalProbability([1], [NaN])).toThrow(DomainError);
  });
});

describe('expectedCalibrationError', () => {
  it('golden: calibrated is 0, sure and wrong is 1, and one bin of each', () => {
    expect(expectedCalibrationError([0.5, 0.5], [true, false])).toBe(0);
    expect(expectedCalibrationError([1, 1], [0, 0])).toBe(1);
    expect(expectedCalibrationError([0.9, 0.9, 0.2, 0.2], [1, 0, 0, 0], 2)).toBeCloseTo(0.3, 12);
  });

  it('error: confidence above 1 and no bins', () => {
    expect(() => expectedCalibrationError([1.5], [1])).toThrow('confidence must lie in [0, 1]');
    expect(() => expectedCalibrationError([1], [1], 0)).toThrow('bins must be an integer >= 1');
  });
});
