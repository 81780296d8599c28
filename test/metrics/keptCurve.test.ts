import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/errors.js';
import { accuracy, keptCurve, rmse } from '../../src/metrics/index.js';
import { PROPERTY } from '../support/arbitraries.js';

const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.nat(2), fc.nat(2)), {
  minLength: 1,
  maxLength: 30,
});

describe('keptCurve', () => {
  it('golden: the worst of four rows goes first', () => {
    const input = { score: [3, 1, 2, 4], predicted: [1, 0, 1, 1], actual: [1, 1, 1, 1] };
    const [all, most] = keptCurve({ ...input, measure: 'accuracy', fractions: [1, 0.75] });
    expect(all).toEqual({ fraction: 1, rows: 4, value: 0.75 });
    expect(most).toEqual({ fraction: 0.75, rows: 3, value: 1 });
  });

  it('reference: equals sorting the rows and measuring the head of the list', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(1, 0.95, 0.9, 0.8, 0.5, 0), (list, fraction) => {
        const score = list.map(([value]) => value);
        const predicted = list.map(([, value]) => value);
        const actual = list.map(([, , value]) => value);
        const order = score
          .map((value, i) => [value, i] as const)
          .sort((a, b) => b[0] - a[0] || a[1] - b[1])
          .map(([, i]) => i);
        const kept = order.slice(0, Math.max(1, Math.ceil(list.length * fraction - 1e-9)));
        for (const [name, measure] of [
          ['accuracy', accuracy],
          ['rmse', rmse],
        ] as const) {
          const input = { score, predicted, actual, measure: name, fractions: [fraction] };
          const want = measure(
            kept.map((i) => predicted[i]),
            kept.map((i) => actual[i]),
          );
          expect(keptCurve(input)[0].value).toBe(want);
        }
      }),
      PROPERTY,
    );
  });

  it('edge: infinite scores sort, default fractions are .95, .9, .8', () => {
    const score = [-Infinity, -Infinity, 1, 2];
    const points = keptCurve({ score, predicted: score, actual: score, measure: 'accuracy' });
    expect(points.map(({ fraction }) => fraction)).toEqual([0.95, 0.9, 0.8]);
  });

  it('error: NaN scores and a fraction above 1', () => {
    const input = { predicted: [1], actual: [1], measure: 'accuracy' } as const;
    expect(() => keptCurve({ ...input, score: [NaN] })).toThrow(DomainError);
    expect(() => keptCurve({ ...input, score: [1], fractions: [2] })).toThrow(
      'fractions must lie in [0, 1], got 2',
    );
  });
});
