import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thresholdAtTpr, tprLowerBound } from '../../src/calibration/index.js';
import { DomainError, ShapeError } from '../../src/errors.js';
import { quantile } from '../../src/metrics/index.js';
import { Rng } from '../../src/util/rng.js';
import { PROPERTY } from '../support/arbitraries.js';

/** Mass function of the binomial law, one trial after the other. */
function binomial(n: number, p: number): number[] {
  let mass = [1];
  for (let trial = 0; trial < n; trial++) {
    mass = [...mass, 0].map((m, j) => m * (1 - p) + (j > 0 ? mass[j - 1] * p : 0));
  }
  return mass;
}

const upTo = (mass: readonly number[], k: number): number =>
  mass.slice(0, k + 1).reduce((sum, m) => sum + m, 0);

const counts = fc.integer({ min: 1, max: 80 });
const inside = fc.constantFrom(0.05, 0.31, 0.5, 0.83, 0.9, 0.97);
// Not 0.5: the law of a fair coin reaches it exactly, and rounding would decide.
const sureness = fc.constantFrom(0.05, 0.31, 0.51, 0.83, 0.9, 0.97);
/** 1..n in an order of no meaning. */
const ranks = (n: number): number[] => [...new Rng(n).permutation(n)].map((i) => i + 1);

function isEnough(n: number, tpr: number, confidence: number | 'mean'): boolean {
  try {
    return thresholdAtTpr(ranks(n), tpr, { confidence }).rows === n;
  } catch (error) {
    expect(error).toBeInstanceOf(DomainError);
    return false;
  }
}

describe('thresholdAtTpr', () => {
  it('golden: Wilks, 59 scores give 95 % with confidence 95 %, 58 do not', () => {
    expect(thresholdAtTpr(ranks(59))).toMatchObject({ threshold: 59, rank: 59, rows: 59 });
    expect(() => thresholdAtTpr(ranks(58))).toThrow(
      'thresholdAtTpr: idScores must have at least 59 scores for tpr 0.95 with confidence 0.95, ' +
        'got 58 scores.',
    );
  });

  it('reference: the lowest rank that keeps the promise, by the binomial law added up', () => {
    fc.assert(
      fc.property(counts, inside, sureness, (n, tpr, confidence) => {
        const mass = binomial(n, tpr);
        const sure = ranks(n).filter((k) => upTo(mass, k - 1) >= confidence);
        if (sure.length === 0) {
          expect(() => thresholdAtTpr(ranks(n), tpr, { confidence })).toThrow(DomainError);
          return;
        }
        const got = thresholdAtTpr(ranks(n), tpr, { confidence });
        expect(got.rank).toBe(Math.min(...sure));
        expect(got.threshold).toBe(got.rank);
        expect(got.confidence).toBeCloseTo(upTo(mass, got.rank - 1), 12);
        expect(got.confidence).toBeGreaterThanOrEqual(confidence);
      }),
      { ...PROPERTY, numRuns: 100 },
    );
  });

  it('property: the rate holds as often as promised, where the quantile misses half the time', () => {
    const rng = new Rng(21);
    const [repeats, rows, tpr, confidence] = [3000, 200, 0.9, 0.95];
    let kept = 0;
    let keptByQuantile = 0;
    let attained = 0;
    for (let i = 0; i < repeats; i++) {
      // Uniform scores: the rate of a threshold is the threshold.
      const scores = Array.from({ length: rows }, () => rng.uniform());
      const got = thresholdAtTpr(scores, tpr, { confidence });
      attained = got.confidence;
      if (got.threshold >= tpr) kept++;
      if (quantile(scores, tpr) >= tpr) keptByQuantile++;
    }
    const chance = Math.sqrt(Math.log(1e6) / (2 * repeats));
    // Without ties the attained confidence is exact: neither less nor more.
    expect(Math.abs(kept / repeats - attained)).toBeLessThan(chance);
    expect(attained).toBeLessThan(confidence + 0.02);
    expect(keptByQuantile / repeats).toBeLessThan(0.6);
  });

  it('property: in the mean the rate is k / (n + 1), the least that reaches tpr', () => {
    fc.assert(
      fc.property(counts, inside, (n, tpr) => {
        const enough = ranks(n).filter((k) => k / (n + 1) >= tpr);
        if (enough.length === 0) {
          const call = (): unknown => thresholdAtTpr(ranks(n), tpr, { confidence: 'mean' });
          expect(call).toThrow('with confidence mean');
          return;
        }
        const got = thresholdAtTpr(ranks(n), tpr, { confidence: 'mean' });
        expect(got.rank).toBe(Math.min(...enough));
        expect(got.confidence).toBeCloseTo(upTo(binomial(n, tpr), got.rank - 1), 12);
      }),
      PROPERTY,
    );
  });

  it('edge: in the mean, rates k / (n + 1) and just above are told apart', () => {
    for (let n = 2; n <= 60; n++) {
      for (let k = 1; k < n; k++) {
        const rate = k / (n + 1);
        expect(thresholdAtTpr(ranks(n), rate, { confidence: 'mean' }).rank).toBe(k);
        const above = rate * (1 + Number.EPSILON);
        expect(thresholdAtTpr(ranks(n), above, { confidence: 'mean' }).rank).toBe(k + 1);
      }
    }
  });

  it('edge: the number of scores that a refusal names is enough, one less is not', () => {
    for (const tpr of [0.5, 0.8, 0.9, 0.95, 0.99]) {
      for (const confidence of [0.5, 0.9, 0.99, 'mean'] as const) {
        let needed = 1;
        while (!isEnough(needed, tpr, confidence)) needed++;
        if (needed === 1) continue;
        const call = (): unknown => thresholdAtTpr(ranks(needed - 1), tpr, { confidence });
        expect(call).toThrow(`have at least ${needed} scores`);
      }
    }
  });

  it('edge: ties and infinities are order statistics as others', () => {
    const scores = [...new Array<number>(40).fill(1), ...new Array<number>(60).fill(Infinity)];
    expect(thresholdAtTpr(scores, 0.3, { confidence: 0.9 }).threshold).toBe(1);
    expect(thresholdAtTpr(scores, 0.9, { confidence: 0.9 }).threshold).toBe(Infinity);
  });

  it('error: empty, NaN, rates and confidences out of range', () => {
    expect(() => thresholdAtTpr([])).toThrow(ShapeError);
    expect(() => thresholdAtTpr([NaN])).toThrow('idScores must have no NaN');
    expect(() => thresholdAtTpr([1], 1)).toThrow('tpr must lie in (0, 1), got 1');
    expect(() => thresholdAtTpr([1], 0.5, { confidence: 1 })).toThrow('confidence must lie in');
  });
});

describe('tprLowerBound', () => {
  it('golden: all accepted gives the root of 1 - confidence, none gives 0', () => {
    expect(tprLowerBound([1, 2, 3], 3)).toBeCloseTo(Math.cbrt(0.05), 12);
    expect(tprLowerBound([1, 2, 3], 0)).toBe(0);
  });

  it('reference: at the limit the binomial tail is 1 - confidence', () => {
    fc.assert(
      fc.property(counts, fc.nat(79), inside, (n, below, confidence) => {
        const accepted = 1 + (below % n);
        const limit = tprLowerBound(ranks(n), accepted, confidence);
        const tail = 1 - upTo(binomial(n, limit), accepted - 1);
        expect(tail).toBeCloseTo(1 - confidence, 10);
      }),
      PROPERTY,
    );
  });

  it('error: empty, NaN threshold, confidence out of range', () => {
    expect(() => tprLowerBound([], 1)).toThrow(ShapeError);
    expect(() => tprLowerBound([1], NaN)).toThrow('threshold must have no NaN');
    expect(() => tprLowerBound([1], 1, 0)).toThrow('confidence must lie in (0, 1), got 0');
  });
});
