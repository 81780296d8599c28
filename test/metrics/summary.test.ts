import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { accuracy, meanAndDeviation, median, quantile, rmse } from '../../src/metrics/index.js';
import { PROPERTY } from '../support/arbitraries.js';

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), {
  minLength: 1,
  maxLength: 40,
});

describe('meanAndDeviation', () => {
  it('golden: divided by n - 1, and unknown for one value', () => {
    expect(meanAndDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({
      mean: 5,
      deviation: Math.sqrt(32 / 7),
    });
    expect(meanAndDeviation([0.25])).toEqual({ mean: 0.25, deviation: undefined });
    expect(() => meanAndDeviation([])).toThrow(ShapeError);
    expect(() => meanAndDeviation([NaN])).toThrow(DomainError);
  });
});

describe('quantile and median', () => {
  it('golden: type 7 values of R', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([10, 20, 40], 0.25)).toBe(15);
    expect(quantile([5], 0.3)).toBe(5);
    expect(median([3, 1, 2])).toBe(2);
  });

  it('property: between the extremes, which are its ends, and monotone in q', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const [low, high] = [Math.min(...list), Math.max(...list)];
        expect(quantile(list, 0)).toBe(low);
        expect(quantile(list, 1)).toBe(high);
        const middle = quantile(list, q);
        expect(middle).toBeGreaterThanOrEqual(low);
        expect(middle).toBeLessThanOrEqual(high);
        expect(quantile(list, Math.min(1, q + 0.1))).toBeGreaterThanOrEqual(middle);
      }),
      PROPERTY,
    );
  });

  it('edge: infinities do not turn into NaN', () => {
    expect(quantile([-Infinity, -Infinity, 1], 0.25)).toBe(-Infinity);
    expect(median([1, Infinity, Infinity])).toBe(Infinity);
  });

  it('error: empty, NaN, and q outside [0, 1]', () => {
    expect(() => median([])).toThrow(ShapeError);
    expect(() => quantile([NaN], 0.5)).toThrow(DomainError);
    expect(() => quantile([1], 1.5)).toThrow('quantile: q must lie in [0, 1], got 1.5.');
  });
});

describe('accuracy and rmse', () => {
  it('golden: small cases by hand', () => {
    expect(accuracy([1, 2, 3, 3], [1, 2, 0, 3])).toBe(0.75);
    expect(rmse([1, 2], [1, 4])).toBeCloseTo(Math.SQRT2, 15);
  });

  it('property: rmse is 0 only for equal lists and scales with the unit', () => {
    fc.assert(
      fc.property(values, (list) => {
        expect(rmse(list, list)).toBe(0);
        const moved = list.map((value) => value + 2);
        expect(rmse(moved, list)).toBeCloseTo(2, 6);
      }),
      PROPERTY,
    );
  });

  it('error: lengths differ', () => {
    expect(() => accuracy([1], [1, 2])).toThrow('predicted must have as many values as actual');
    expect(() => rmse([], [])).toThrow('rmse: actual must have at least one value');
  });
});
