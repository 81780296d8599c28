import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auroc, similarFromUnlike, unlikeFromSimilar } from '../../src/metrics/index.js';
import { PROPERTY } from '../support/arbitraries.js';

const unit = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 });
// Far enough apart that logarithms do not round two of them together.
const steps = fc.array(
  fc.integer({ min: 0, max: 1000 }).map((v) => v / 1000),
  { minLength: 1, maxLength: 30 },
);
const similar = (values: readonly number[]) => ({ values, direction: 'high-is-similar' }) as const;
const unlike = (values: readonly number[]) => ({ values, direction: 'high-is-unlike' }) as const;

describe('conversions of direction', () => {
  it('golden: -log, exp(-u), and shares of the reference', () => {
    const to = unlikeFromSimilar(similar([1, 0.5, 0]));
    expect(Array.from(to.values)).toEqual([0, Math.log(2), Infinity]);
    expect(to.direction).toBe('high-is-unlike');
    expect(Object.is(to.values[0], 0)).toBe(true);
    const log = unlikeFromSimilar(similar([0, -2, -Infinity]), { scale: 'log' });
    expect(Array.from(log.values)).toEqual([0, 2, Infinity]);
    const back = similarFromUnlike(unlike([0, Math.log(4), Infinity]));
    expect(back.values[0]).toBe(1);
    expect(back.values[1]).toBeCloseTo(0.25, 15);
    expect([back.values[2], back.direction]).toEqual([0, 'high-is-similar']);
    const share = similarFromUnlike(unlike([-9, 2, 2.5, 99]), { reference: [3, 1, 2] });
    expect(Array.from(share.values)).toEqual([1, 3 / 4, 2 / 4, 1 / 4]);
  });

  it('property: there and back is where one was', () => {
    fc.assert(
      fc.property(unit, (list) => {
        const back = similarFromUnlike(unlikeFromSimilar(similar(list)));
        back.values.forEach((v, i) => expect(v).toBeCloseTo(list[i], 12));
      }),
      PROPERTY,
    );
  });

  it('property: the area under the ROC stays, with the roles of high and low swapped', () => {
    fc.assert(
      fc.property(steps, steps, (a, b) => {
        const [ua, ub] = [a, b].map((list) => unlikeFromSimilar(similar(list)).values);
        expect(auroc(ub, ua)).toBe(auroc(a, b));
      }),
      PROPERTY,
    );
  });

  it.each([
    [
      () => unlikeFromSimilar(unlike([0.5])),
      "DomainError: unlikeFromSimilar: scores.direction must be 'high-is-similar', got 'high-is-unlike'. Scores of the other direction are converted by similarFromUnlike, or are already what is wanted.",
    ],
    [
      () => similarFromUnlike(similar([0.5])),
      "scores.direction must be 'high-is-unlike', got 'high-is-similar'",
    ],
    [() => unlikeFromSimilar(similar([0.5, 1.5])), 'must lie in [0, 1], got 1.5 at row 1'],
    [() => unlikeFromSimilar(similar([-0.1])), 'must lie in [0, 1], got -0.1 at row 0'],
    [
      () => unlikeFromSimilar(similar([0.1]), { scale: 'log' }),
      'must be at most 0, as logarithms of [0, 1] are, got 0.1 at row 0',
    ],
    [
      () => similarFromUnlike(unlike([1, -2])),
      'must be at least 0 without a reference, got -2 at row 1',
    ],
    [() => similarFromUnlike(unlike([NaN]), { reference: [1] }), 'must have no NaN'],
    [() => similarFromUnlike(unlike([1]), { reference: [] }), 'must have at least one value'],
    [() => unlikeFromSimilar(similar([])), 'must have at least one value'],
  ])('error: %#', (run, message) => {
    expect(() => {
      try {
        run();
      } catch (error) {
        throw new Error(String(error));
      }
    }).toThrow(message);
  });
});
