import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conformalPValues } from '../../src/calibration/index.js';
import { DomainError, ShapeError } from '../../src/errors.js';
import { empiricalProbability } from '../../src/metrics/index.js';
import { Rng } from '../../src/util/rng.js';
import { PROPERTY } from '../support/arbitraries.js';
import { uniformity } from '../support/uniformity.js';

// Few distinct values, so that ties are common.
const list = fc.array(
  fc.oneof(fc.integer({ min: -4, max: 4 }), fc.constantFrom(-Infinity, Infinity)),
  { minLength: 1, maxLength: 25 },
);

/** p-values of single rows, each with calibration rows of its own. */
function trials(
  count: number,
  n: number,
  draw: (rng: Rng) => number,
  pValue: (calibration: number[], score: number, trial: number) => number,
): number[] {
  const rng = new Rng(11);
  return Array.from({ length: count }, (_, trial) => {
    const calibration = Array.from({ length: n }, () => draw(rng));
    return pValue(calibration, draw(rng), trial);
  });
}

const normal = (rng: Rng): number => rng.normal();
const die = (rng: Rng): number => rng.int(6);

describe('conformalPValues', () => {
  it('golden: inside, at the top, beyond both ends', () => {
    expect([...conformalPValues([1, 2, 3], [2, 3, 9, 0])]).toEqual([0.75, 0.5, 0.25, 1]);
  });

  it('reference: counts over all calibration scores; empiricalProbability agrees', () => {
    fc.assert(
      fc.property(list, list, (calibration, scores) => {
        const n = calibration.length;
        const want = scores.map((s) => (1 + calibration.filter((c) => c >= s).length) / (n + 1));
        expect([...conformalPValues(calibration, scores)]).toEqual(want);
        expect([...empiricalProbability(calibration, scores)]).toEqual(want);
      }),
      PROPERTY,
    );
  });

  it('reference: random ties stay between the ranks without and with all ties, seeded', () => {
    fc.assert(
      fc.property(list, list, fc.nat(1000), (calibration, scores, seed) => {
        const n = calibration.length;
        const options = { randomizedTies: true, seed };
        const got = conformalPValues(calibration, scores, options);
        const rng = new Rng(seed);
        scores.forEach((s, i) => {
          const above = calibration.filter((c) => c > s).length;
          const equal = calibration.filter((c) => c === s).length;
          const u = 1 - rng.uniform();
          expect(got[i]).toBeCloseTo((above + u * (1 + equal)) / (n + 1), 12);
          expect(got[i]).toBeGreaterThan(above / (n + 1));
          expect(got[i]).toBeLessThanOrEqual((above + equal + 1) / (n + 1));
        });
        expect(conformalPValues(calibration, scores, options)).toEqual(got);
      }),
      PROPERTY,
    );
  });

  it('property: exactly valid over which of n + 1 rows is judged, for any ties', () => {
    fc.assert(
      fc.property(list, (rows) => {
        const p =
          rows.slice(1).length === 0
            ? []
            : rows.map((s, i) => {
                const others = rows.filter((_, j) => j !== i);
                return conformalPValues(others, [s])[0];
              });
        // At most k of the n + 1 choices give a p-value of at most k / (n + 1).
        for (let k = 1; k <= p.length; k++) {
          const low = p.filter((value) => value <= k / rows.length).length;
          expect(low).toBeLessThanOrEqual(k);
        }
      }),
      PROPERTY,
    );
  });

  it('property: super-uniform, with ties and without', () => {
    for (const draw of [normal, die]) {
      const p = trials(4000, 19, draw, (calibration, s) => conformalPValues(calibration, [s])[0]);
      const { excess, allowed } = uniformity(p);
      // A p-value on the grid k / 20 reaches its bound: the excess is chance alone.
      expect(excess).toBeLessThanOrEqual(allowed);
    }
    // The test can fail: ranks without the row itself are too small.
    const naive = trials(4000, 19, normal, (calibration, s) => {
      return calibration.filter((c) => c >= s).length / calibration.length;
    });
    const { excess, allowed } = uniformity(naive);
    expect(excess).toBeGreaterThan(allowed);
  });

  it('property: random ties make p-values exactly uniform, where counted ties are not', () => {
    const smoothed = uniformity(
      trials(4000, 19, die, (calibration, s, seed) => {
        return conformalPValues(calibration, [s], { randomizedTies: true, seed })[0];
      }),
    );
    expect(smoothed.excess).toBeLessThanOrEqual(smoothed.allowed);
    expect(smoothed.deficit).toBeLessThanOrEqual(smoothed.allowed);
    const counted = uniformity(
      trials(4000, 19, die, (calibration, s) => conformalPValues(calibration, [s])[0]),
    );
    expect(counted.deficit).toBeGreaterThan(counted.allowed);
  });

  it('edge: no scores; arguments are left alone', () => {
    const calibration = [3, 1, 2];
    expect(conformalPValues(calibration, [])).toHaveLength(0);
    expect(calibration).toEqual([3, 1, 2]);
  });

  it('error: no calibration scores, NaN', () => {
    expect(() => conformalPValues([], [1])).toThrow(ShapeError);
    expect(() => conformalPValues([NaN], [1])).toThrow('calibration must have no NaN');
    expect(() => conformalPValues([1], [NaN])).toThrow(DomainError);
  });
});
