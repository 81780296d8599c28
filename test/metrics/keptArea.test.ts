import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { keptArea, keptCurve } from '../../src/metrics/index.js';
import { PROPERTY } from '../support/arbitraries.js';

type Row = readonly [score: number, predicted: number, actual: number];
const input = (rows: readonly Row[]): Omit<Parameters<typeof keptArea>[0], 'measure'> => ({
  score: rows.map(([score]) => score),
  predicted: rows.map(([, predicted]) => predicted),
  actual: rows.map(([, , actual]) => actual),
});

/** All orders of a short list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((head, i) =>
    orders([...list.slice(0, i), ...list.slice(i + 1)]).map((tail) => [head, ...tail]),
  );
}

const rowsOf = (most: number): fc.Arbitrary<Row[]> =>
  fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(2), fc.nat(2)), {
    minLength: 1,
    maxLength: most,
  });

describe('keptArea', () => {
  it('golden: right rows first, wrong rows first, all tied', () => {
    const rows: Row[] = [
      [3, 1, 1],
      [2, 0, 1],
    ];
    expect(keptArea({ ...input(rows), measure: 'accuracy' })).toBe(0.75);
    const reversed = rows.map(([s, p, a]) => [-s, p, a] as const);
    expect(keptArea({ ...input(reversed), measure: 'accuracy' })).toBe(0.25);
    const tied = rows.map(([, p, a]) => [7, p, a] as const);
    expect(keptArea({ ...input(tied), measure: 'accuracy' })).toBe(0.5);
    expect(keptArea({ ...input(tied), measure: 'rmse' })).toBeCloseTo(Math.SQRT1_2, 15);
  });

  it('reference: without ties it is the mean of keptCurve over every number of rows', () => {
    fc.assert(
      fc.property(rowsOf(25), fc.constantFrom('accuracy', 'rmse'), (rows, measure) => {
        const distinct = rows.map(([score, p, a], i) => [score + i / 100, p, a] as const);
        const fractions = rows.map((_, i) => (i + 1) / rows.length);
        const curve = keptCurve({ ...input(distinct), measure, fractions });
        const mean = curve.reduce((sum, { value }) => sum + value, 0) / rows.length;
        expect(keptArea({ ...input(distinct), measure })).toBeCloseTo(mean, 12);
      }),
      PROPERTY,
    );
  });

  it('reference: with ties the accuracy area is the mean over all orders of the rows', () => {
    fc.assert(
      fc.property(rowsOf(5), (rows) => {
        // keptCurve keeps equal scores by index, so all orders of rows are all orders of ties.
        const fractions = rows.map((_, i) => (i + 1) / rows.length);
        const values = orders(rows).flatMap((order) =>
          keptCurve({ ...input(order), measure: 'accuracy', fractions }).map(({ value }) => value),
        );
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        expect(keptArea({ ...input(rows), measure: 'accuracy' })).toBeCloseTo(mean, 12);
      }),
      PROPERTY,
    );
  });

  it('property: the order of rows does not matter', () => {
    fc.assert(
      fc.property(rowsOf(25), fc.constantFrom('accuracy', 'rmse'), (rows, measure) => {
        const area = keptArea({ ...input(rows), measure });
        expect(keptArea({ ...input([...rows].reverse()), measure })).toBeCloseTo(area, 12);
      }),
      PROPERTY,
    );
  });

  it('edge: infinite scores are ordered', () => {
    const rows: Row[] = [
      [-Infinity, 0, 1],
      [Infinity, 1, 1],
      [-Infinity, 0, 1],
    ];
    const area = keptArea({ ...input(rows), measure: 'accuracy' });
    expect(area).toBeCloseTo((1 + 1 / 2 + 1 / 3) / 3, 15);
  });

  it('error: no rows, lengths, NaN', () => {
    const one = { predicted: [1], actual: [1], measure: 'accuracy' } as const;
    expect(() => keptArea({ ...one, score: [] })).toThrow(ShapeError);
    expect(() => keptArea({ ...one, score: [1, 2] })).toThrow('predicted must have as many values');
    expect(() => keptArea({ ...one, score: [NaN] })).toThrow(DomainError);
    expect(() => keptArea({ ...one, score: [1], actual: [NaN] })).toThrow(
      'actual must have no NaN',
    );
  });
});
