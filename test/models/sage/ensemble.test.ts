import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { empiricalProbability } from '../../../src/metrics/index.js';
import { combineScores, probabilityOf, tailScale } from '../../../src/models/sage/ensemble.js';
import type { RawScores } from '../../../src/models/sage/ensemble.js';
import { PROPERTY } from '../../support/arbitraries.js';

const value = fc.double({ min: -50, max: 50, noNaN: true });
const reference = fc
  .array(value, { minLength: 1, maxLength: 30 })
  .map((list) => Float64Array.from(list).sort());
/** Whole numbers: gaps so small that their quotients overflow do not occur. */
const wholeReference = fc
  .array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 })
  .map((list) => Float64Array.from(list).sort());
const triple = fc.tuple(value, value, value);

function rawOf(rows: readonly (readonly [number, number, number])[]): RawScores {
  const column = (j: 0 | 1 | 2): Float64Array => Float64Array.from(rows, (row) => row[j]);
  return { distance: column(0), reconstruction: column(1), task: column(2) };
}

const same = (sorted: Float64Array) => ({ distance: sorted, reconstruction: sorted, task: sorted });

describe('combineScores', () => {
  it('golden: the geometric mean of (1 + #) / (n + 1)', () => {
    const scores = combineScores(rawOf([[2, 3, 0]]), same(Float64Array.of(1, 2, 3)), false);
    expect([scores.distance[0], scores.reconstruction[0], scores.task[0]]).toEqual([0.75, 0.5, 1]);
    expect(scores.score[0]).toBeCloseTo((0.75 * 0.5) ** (1 / 3), 6);
    expect(scores.tieBreak[0]).toBe(0);
    expect(scores.ranking[0]).toBeCloseTo(Math.log(0.75 * 0.5) / 3, 12);
  });

  it('reference: probabilities equal empiricalProbability', () => {
    fc.assert(
      fc.property(reference, value, (sorted, v) => {
        expect(probabilityOf(sorted, v, false)).toBe(empiricalProbability(sorted, [v])[0]);
      }),
      PROPERTY,
    );
  });

  it('property: score in (0, 1], tieBreak <= 0, ranking = log score + tieBreak', () => {
    fc.assert(
      fc.property(reference, triple, (sorted, row) => {
        const { score, tieBreak, ranking } = combineScores(rawOf([row]), same(sorted), false);
        expect(score[0]).toBeGreaterThan(0);
        expect(score[0]).toBeLessThanOrEqual(1);
        expect(tieBreak[0]).toBeLessThanOrEqual(0);
        expect(ranking[0]).toBeCloseTo(Math.log(score[0]) + tieBreak[0], 4);
      }),
      PROPERTY,
    );
  });

  it('property: a larger raw value never raises score or ranking', () => {
    fc.assert(
      fc.property(
        reference,
        triple,
        fc.double({ min: 0, max: 9, noNaN: true }),
        (sorted, row, up) => {
          const rows = rawOf([row, [row[0] + up, row[1], row[2]]]);
          const { score, ranking } = combineScores(rows, same(sorted), false);
          expect(score[1]).toBeLessThanOrEqual(score[0]);
          expect(ranking[1]).toBeLessThanOrEqual(ranking[0]);
        },
      ),
      PROPERTY,
    );
  });

  it('golden: harmonic mean and minimum', () => {
    const rows = rawOf([[2, 3, 0]]);
    const sorted = same(Float64Array.of(1, 2, 3));
    const harmonic = combineScores(rows, sorted, false, 'harmonic');
    expect(harmonic.score[0]).toBeCloseTo(3 / (1 / 0.75 + 1 / 0.5 + 1), 6);
    expect(combineScores(rows, sorted, false, 'minimum').score[0]).toBe(0.5);
    expect(combineScores(rawOf([[9, 2, 2]]), sorted, true, 'harmonic').score[0]).toBe(0);
  });

  it('golden: beyond the reference the geometric ranking falls by the sum of the tails', () => {
    const sorted = Float64Array.of(1, 2, 3);
    // The largest tenth is one row: its excess over the value below it is 1.
    expect(tailScale(sorted)).toBe(1);
    const { tieBreak, ranking } = combineScores(rawOf([[5, 3, 3.5]]), same(sorted), false);
    expect(tieBreak[0]).toBeCloseTo(-2.5, 12);
    expect(ranking[0]).toBeCloseTo(Math.log(0.25 * 0.5 * 0.25) / 3 - 2.5, 12);
  });

  it('property: minimum <= harmonic <= geometric, and a far sub-score leads each ranking', () => {
    fc.assert(
      fc.property(wholeReference, triple, (sorted, row) => {
        const of = (kind: 'geometric' | 'harmonic' | 'minimum', values = row): number[] => {
          const { score, ranking } = combineScores(rawOf([values]), same(sorted), false, kind);
          return [score[0], ranking[0]];
        };
        const [[least], [middle], [most]] = [of('minimum'), of('harmonic'), of('geometric')];
        expect(least).toBeLessThanOrEqual(middle + 1e-6);
        expect(middle).toBeLessThanOrEqual(most + 1e-6);
        for (const kind of ['geometric', 'harmonic', 'minimum'] as const) {
          const far = of(kind, [1e6, row[1], row[2]]);
          const farther = of(kind, [2e6, row[1], row[2]]);
          expect(farther[1]).toBeLessThan(far[1]);
          expect(far[1]).toBeLessThan(of(kind)[1]);
        }
      }),
      PROPERTY,
    );
  });

  it('edge: a reference of one value and one of equal values have a finite tail', () => {
    for (const sorted of [Float64Array.of(2), Float64Array.of(5, 5, 5)]) {
      expect(tailScale(sorted)).toBe(1);
      const { ranking } = combineScores(rawOf([[9, 9, 9], [10, 10, 10]]), same(sorted), false); // prettier-ignore
      expect(ranking[1]).toBeLessThan(ranking[0]);
      expect([...ranking].every(Number.isFinite)).toBe(true);
    }
  });
});
