import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combinePValues, conformalPValues } from '../../src/calibration/index.js';
import type { Combination } from '../../src/calibration/index.js';
import { DomainError, ShapeError } from '../../src/errors.js';
import { Rng } from '../../src/util/rng.js';
import { PROPERTY } from '../support/arbitraries.js';
import { uniformity } from '../support/uniformity.js';

const grid = fc.integer({ min: 1, max: 8 }).map((i) => i / 8);
/** Rows of p-values of three scores. */
const table = fc.array(fc.tuple(grid, grid, grid), { minLength: 1, maxLength: 15 });
const columns = (rows: readonly (readonly number[])[]): number[][] =>
  [0, 1, 2].map((score) => rows.map((row) => row[score]));
const statistics = fc.constantFrom<Combination>('fisher', 'minimum');

/** High = out of distribution; the grid is of powers of products, so equal products are equal. */
function statisticOf(row: readonly number[], name: Combination): number {
  if (name === 'minimum') return -Math.min(...row);
  return -2 * row.map(Math.log).reduce((sum, log) => sum + log, 0);
}

describe('combinePValues', () => {
  it('golden: by hand, Fisher against the minimum', () => {
    const calibration = [
      [0.2, 0.5, 0.9],
      [0.3, 0.6, 0.8],
    ];
    expect([...combinePValues({ calibration, pValues: [[0.1], [0.2]] })]).toEqual([0.25]);
    // A small and a large p-value: one product among three is smaller, no minimum is.
    const pValues = [[0.15], [0.9]];
    expect([...combinePValues({ calibration, pValues })]).toEqual([0.5]);
    expect([...combinePValues({ calibration, pValues, statistic: 'minimum' })]).toEqual([0.25]);
  });

  it('reference: the rank of the statistic among those of held-out rows', () => {
    fc.assert(
      fc.property(table, table, statistics, (heldOut, rows, statistic) => {
        const want = rows.map((row) => {
          const own = statisticOf(row, statistic);
          const above = heldOut.filter((other) => statisticOf(other, statistic) >= own).length;
          return (1 + above) / (heldOut.length + 1);
        });
        const got = combinePValues({
          calibration: columns(heldOut),
          pValues: columns(rows),
          statistic,
        });
        expect([...got]).toEqual(want);
      }),
      PROPERTY,
    );
  });

  it('property: exactly valid over which row is judged, whatever the dependence', () => {
    fc.assert(
      fc.property(table, statistics, (rows, statistic) => {
        fc.pre(rows.length > 1);
        const p = rows.map((row, i) => {
          const calibration = columns(rows.filter((_, j) => j !== i));
          return combinePValues({ calibration, pValues: columns([row]), statistic })[0];
        });
        for (let k = 1; k <= rows.length; k++) {
          const low = p.filter((value) => value <= k / rows.length).length;
          expect(low).toBeLessThanOrEqual(k);
        }
      }),
      PROPERTY,
    );
  });

  it.each([
    ['dependent', 1, 'chiSquare'],
    ['independent', 0, 'geometricMean'],
  ] as const)('property: valid for %s scores, where another is not', (_name, share, broken) => {
    const rng = new Rng(8);
    // Three scores of one row: a common part and one of their own.
    const row = (): number[] => {
      const common = share * rng.normal();
      return [0, 1, 2].map(() => common + 0.3 * rng.normal());
    };
    const rows = (count: number): number[][] => Array.from({ length: count }, row);
    const combined: number[] = [];
    const others = { chiSquare: [] as number[], geometricMean: [] as number[] };
    for (let trial = 0; trial < 2000; trial++) {
      const reference = columns(rows(60));
      const judge = (scores: readonly number[][]): Float64Array[] =>
        reference.map((column, i) => conformalPValues(column, columns(scores)[i]));
      const pValues = judge(rows(1));
      combined.push(combinePValues({ calibration: judge(rows(39)), pValues })[0]);
      const product = pValues.reduce((all, [p]) => all * p, 1);
      others.geometricMean.push(Math.cbrt(product));
      // Upper tail of chi-square with 6 degrees of freedom at T = -2 ln(product).
      const half = -Math.log(product);
      others.chiSquare.push(product * (1 + half + half ** 2 / 2));
    }
    const { excess, deficit, allowed } = uniformity(combined);
    expect(excess).toBeLessThanOrEqual(allowed);
    // And not needlessly large: steps of the grid of 1/40, ties on that of 1/61, and chance.
    expect(deficit).toBeLessThanOrEqual(allowed + 1 / 40 + 1 / 61);
    expect(uniformity(others[broken]).excess).toBeGreaterThan(allowed);
  });

  it('property: random ties are seeded and no larger than counted ones', () => {
    fc.assert(
      fc.property(table, table, fc.nat(99), (heldOut, rows, seed) => {
        const input = { calibration: columns(heldOut), pValues: columns(rows) };
        const counted = combinePValues(input);
        const random = combinePValues({ ...input, randomizedTies: true, seed });
        random.forEach((p, i) => {
          expect(p).toBeLessThanOrEqual(counted[i]);
          expect(p).toBeGreaterThan(0);
        });
        expect(combinePValues({ ...input, randomizedTies: true, seed })).toEqual(random);
      }),
      PROPERTY,
    );
  });

  it('edge: a p-value of 0 ranks first, no rows to judge, one score', () => {
    const calibration = [[0.5, 0.25, 1]];
    expect([...combinePValues({ calibration, pValues: [[0, 1]] })]).toEqual([0.25, 1]);
    expect(combinePValues({ calibration, pValues: [[]] })).toHaveLength(0);
  });

  it('error: numbers of scores and rows, values and names', () => {
    const one = [[0.5]];
    expect(() => combinePValues({ calibration: [], pValues: [] })).toThrow(ShapeError);
    expect(() => combinePValues({ calibration: one, pValues: [[1], [1]] })).toThrow(
      'pValues must have as many values as calibration, which has 1',
    );
    expect(() => combinePValues({ calibration: [[1], [1, 1]], pValues: [[1], [1]] })).toThrow(
      'calibration[1] must have as many values as calibration[0]',
    );
    expect(() => combinePValues({ calibration: [[]], pValues: one })).toThrow('one held-out row');
    expect(() => combinePValues({ calibration: one, pValues: [[2]] })).toThrow(
      'pValues[0] must lie in [0, 1], got 2',
    );
    const statistic = 'stouffer' as Combination;
    const call = (): unknown => combinePValues({ calibration: one, pValues: one, statistic });
    expect(call).toThrow(DomainError);
    expect(call).toThrow('statistic must be one of fisher, minimum, got stouffer');
  });
});
