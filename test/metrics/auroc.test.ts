import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { auroc, aurocOfScores } from '../../src/metrics/index.js';
import { PROPERTY } from '../support/arbitraries.js';

/** The definition: the share of pairs that the positive wins, ties one half. */
function brute(positive: readonly number[], negative: readonly number[]): number {
  let won = 0;
  for (const p of positive) for (const n of negative) won += p > n ? 1 : p === n ? 0.5 : 0;
  return won / (positive.length * negative.length);
}

// Few distinct values, so that ties are common.
const scores = fc.array(
  fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(-Infinity, Infinity, 0.5)),
  { minLength: 1, maxLength: 30 },
);

describe('auroc', () => {
  it('golden: separated, reversed, all tied, and one tie', () => {
    expect(auroc([3, 4], [1, 2])).toBe(1);
    expect(auroc([1, 2], [3, 4])).toBe(0);
    expect(auroc([7, 7, 7], [7, 7])).toBe(0.5);
    expect(auroc([3, 2], [1, 2])).toBe(0.875);
  });

  it('reference: equals the count over all pairs, ties and infinities included', () => {
    fc.assert(
      fc.property(scores, scores, (a, b) => {
        expect(auroc(a, b)).toBeCloseTo(brute(a, b), 12);
      }),
      PROPERTY,
    );
  });

  it('property: swapping the groups gives one minus the area', () => {
    fc.assert(
      fc.property(scores, scores, (a, b) => {
        expect(auroc(a, b) + auroc(b, a)).toBeCloseTo(1, 12);
      }),
      PROPERTY,
    );
  });

  it('property: unchanged by an increasing transform', () => {
    fc.assert(
      fc.property(scores, scores, (a, b) => {
        expect(auroc(a.map(Math.atan), b.map(Math.atan))).toBe(auroc(a, b));
      }),
      PROPERTY,
    );
  });

  it('aurocOfScores takes the marked rows as positive and leaves its arguments alone', () => {
    const values = [3, 1, 2, 2];
    expect(aurocOfScores(values, [true, false, true, false])).toBe(0.875);
    expect(aurocOfScores(values, [1, 0, 1, 0])).toBe(0.875);
    expect(values).toEqual([3, 1, 2, 2]);
  });

  it('error: an empty group, NaN and lengths that differ are named', () => {
    expect(() => auroc([], [1])).toThrow(ShapeError);
    expect(() => auroc([1], [])).toThrow(
      'auroc: negative must have at least one value, got 0 values.',
    );
    expect(() => auroc([1, NaN], [1])).toThrow(DomainError);
    expect(() => auroc([1, NaN], [1])).toThrow('positive must have no NaN, got NaN at index 1');
    expect(() => aurocOfScores([1, 2], [true])).toThrow('isPositive must have as many values');
    expect(() => aurocOfScores([1, 2], [true, true])).toThrow('negative must have at least one');
  });
});
