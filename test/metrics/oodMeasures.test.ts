import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import {
  auprIn,
  auprOut,
  auroc,
  averagePrecision,
  fprAtTpr,
  oodMeasures,
} from '../../src/metrics/index.js';
import { PROPERTY } from '../support/arbitraries.js';

/** The definition, one threshold at a time over all scores. */
function bruteAveragePrecision(positive: readonly number[], negative: readonly number[]): number {
  const thresholds = [...new Set([...positive, ...negative])].sort((a, b) => (a > b ? -1 : 1));
  let area = 0;
  let recallBefore = 0;
  for (const t of thresholds) {
    const found = positive.filter((s) => s >= t).length;
    const wrong = negative.filter((s) => s >= t).length;
    const recall = found / positive.length;
    area += (recall - recallBefore) * (found / (found + wrong));
    recallBefore = recall;
  }
  return area;
}

/** The definition: the smallest false positive rate over thresholds that reach the rate. */
function bruteFpr(positive: readonly number[], negative: readonly number[], tpr: number): number {
  const rates = positive
    .filter((t) => positive.filter((s) => s >= t).length / positive.length >= tpr)
    .map((t) => negative.filter((s) => s >= t).length / negative.length);
  return rates.reduce((least, rate) => Math.min(least, rate), 1);
}

// Few distinct values, so that ties are common.
const scores = fc.array(
  fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(-Infinity, Infinity, 0.5)),
  { minLength: 1, maxLength: 30 },
);
const rates = fc.constantFrom(0.05, 0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 0.95, 1);

describe('averagePrecision', () => {
  it('golden: separated, reversed, all tied, and by hand', () => {
    expect(averagePrecision([3, 4], [1, 2])).toBe(1);
    expect(averagePrecision([1, 2], [3, 4])).toBeCloseTo((1 / 3 + 2 / 4) / 2, 15);
    expect(averagePrecision([7, 7, 7], [7])).toBe(0.75);
    expect(averagePrecision([3, 1], [2])).toBeCloseTo(5 / 6, 15);
  });

  it('reference: equals the sum over all thresholds, ties and infinities included', () => {
    fc.assert(
      fc.property(scores, scores, (a, b) => {
        expect(averagePrecision(a, b)).toBeCloseTo(bruteAveragePrecision(a, b), 12);
      }),
      PROPERTY,
    );
  });

  it('property: unchanged by an increasing transform and by order, arguments left alone', () => {
    fc.assert(
      fc.property(scores, scores, (a, b) => {
        const area = averagePrecision(a, b);
        expect(averagePrecision(a.map(Math.atan), b.map(Math.atan))).toBe(area);
        const before = [...a];
        expect(averagePrecision([...a].reverse(), [...b].reverse())).toBe(area);
        expect(a).toEqual(before);
      }),
      PROPERTY,
    );
  });

  it('error: an empty group and NaN are named', () => {
    expect(() => averagePrecision([], [1])).toThrow(ShapeError);
    expect(() => averagePrecision([1], [])).toThrow(
      'averagePrecision: negative must have at least',
    );
    expect(() => averagePrecision([NaN], [1])).toThrow('positive must have no NaN, got NaN at');
  });
});

describe('fprAtTpr', () => {
  it('golden: separated, reversed, tied, and the level between two positives', () => {
    expect(fprAtTpr([3, 4], [1, 2])).toBe(0);
    expect(fprAtTpr([1, 2], [3, 4])).toBe(1);
    expect(fprAtTpr([5, 5], [5, 5, 1, 1], 0.5)).toBe(0.5);
    expect(fprAtTpr([3, 2, 1], [2.5, 0], 0.6)).toBe(0.5);
    // Exactly 19 of 20: the lowest positive is not needed.
    const twenty = Array.from({ length: 20 }, (_, i) => i);
    expect(fprAtTpr(twenty, [0, 0.5, 1], 0.95)).toBe(1 / 3);
  });

  it('reference: equals the least rate over all thresholds that reach the level', () => {
    fc.assert(
      fc.property(scores, scores, rates, (a, b, tpr) => {
        expect(fprAtTpr(a, b, tpr)).toBe(bruteFpr(a, b, tpr));
      }),
      PROPERTY,
    );
  });

  it('edge: every level k / P needs exactly k positives, whatever the product rounds to', () => {
    for (let all = 1; all <= 120; all++) {
      const positive = Array.from({ length: all }, (_, i) => -i);
      for (let k = 1; k <= all; k++) {
        // Negatives just below each positive: the rate counts the positives above the last needed.
        const negative = positive.map((score) => score - 0.5);
        expect(fprAtTpr(positive, negative, k / all)).toBe((k - 1) / all);
        // The least number above k / P needs one more.
        const above = (k / all) * (1 + Number.EPSILON);
        if (k < all) expect(fprAtTpr(positive, negative, above)).toBe(k / all);
      }
    }
  });

  it('error: rates of 0, above 1 and NaN, empty groups', () => {
    expect(() => fprAtTpr([1], [0], 0)).toThrow('fprAtTpr: tpr must lie in (0, 1], got 0.');
    expect(() => fprAtTpr([1], [0], 1.1)).toThrow(DomainError);
    expect(() => fprAtTpr([1], [0], NaN)).toThrow(DomainError);
    expect(() => fprAtTpr([1], [])).toThrow('negative must have at least one value');
  });
});

describe('oodMeasures', () => {
  it('reference: the positive class is the one in the name', () => {
    fc.assert(
      fc.property(scores, scores, rates, (id, ood, tpr) => {
        const minus = (list: number[]): number[] => list.map((s) => -s);
        const got = oodMeasures({ id, ood }, tpr);
        expect(got.auroc).toBe(auroc(ood, id));
        expect(got.auprOut).toBeCloseTo(bruteAveragePrecision(ood, id), 12);
        expect(got.auprIn).toBeCloseTo(bruteAveragePrecision(minus(id), minus(ood)), 12);
        expect(got.fprOodPositive).toBe(bruteFpr(ood, id, tpr));
        expect(got.fprIdPositive).toBe(bruteFpr(minus(id), minus(ood), tpr));
        expect(auprIn({ id, ood })).toBe(got.auprIn);
        expect(auprOut({ id, ood })).toBe(got.auprOut);
        expect(got.tpr).toBe(tpr);
      }),
      PROPERTY,
    );
  });

  it('golden: the two conventions of the false positive rate differ', () => {
    // One outlier hides among the inliers: finding all outliers flags three of four inliers, while
    // keeping all inliers keeps one of two outliers.
    const got = oodMeasures({ id: [0, 1, 2, 3], ood: [0.5, 9] });
    expect(got.fprOodPositive).toBe(0.75);
    expect(got.fprIdPositive).toBe(0.5);
    expect(got.auroc).toBe(5 / 8);
  });

  it('error: names the group and the op', () => {
    expect(() => oodMeasures({ id: [], ood: [1] })).toThrow('oodMeasures: scores.id must have at');
    expect(() => oodMeasures({ id: [1], ood: [NaN] })).toThrow('scores.ood must have no NaN');
    expect(() => oodMeasures({ id: [1], ood: [1] }, 2)).toThrow('tpr must lie in (0, 1], got 2');
    expect(() => auprIn({ id: [1], ood: [] })).toThrow('auprIn: scores.ood must have at least');
    expect(() => auprOut({ id: [], ood: [1] })).toThrow('auprOut: scores.id must have at least');
  });
});
