import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circularCorrelation } from '../../src/metrics/index.js';
import { PROPERTY } from '../support/arbitraries.js';

/** Sums over all pairs, as Fisher and Lee define it. */
function overPairs(a: readonly number[], b: readonly number[]): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sin(a[i] - a[j]), Math.sin(b[i] - b[j])];
      product += x * y;
      aa += x * x;
      bb += y * y;
    }
  }
  return product / Math.sqrt(aa * bb);
}

const angles = fc.array(fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.nat(1000)), {
  minLength: 3,
  maxLength: 20,
});

describe('circularCorrelation', () => {
  it('reference: the sums over all pairs; turned and mirrored angles', () => {
    fc.assert(
      fc.property(angles, fc.double({ min: -7, max: 7, noNaN: true }), (pairs, turn) => {
        const a = pairs.map(([x], i) => x + i);
        const b = pairs.map(([, y]) => y / 50);
        fc.pre(overPairs(b, b) > 0 && new Set(b).size > 2);
        const want = overPairs(a, b);
        expect(circularCorrelation(a, b)).toBeCloseTo(want, 9);
        const turned = b.map((y) => turn - y);
        expect(circularCorrelation(a, turned)).toBeCloseTo(-want, 9);
      }),
      PROPERTY,
    );
  });

  it('golden: an even ring, which has no mean direction', () => {
    const ring = Array.from({ length: 12 }, (_, i) => (2 * Math.PI * i) / 12);
    expect(circularCorrelation(ring, ring)).toBeCloseTo(1, 12);
    expect(
      circularCorrelation(
        ring,
        ring.map((t) => 5 - t),
      ),
    ).toBeCloseTo(-1, 12);
    expect(
      circularCorrelation(
        ring,
        ring.map((t) => 2 * t),
      ),
    ).toBeCloseTo(0, 12);
  });

  it('error: lengths, NaN, infinite and constant angles', () => {
    expect(() => circularCorrelation([1, 2], [1])).toThrow('b must have as many values as a');
    expect(() => circularCorrelation([NaN], [1])).toThrow('a must have no NaN');
    expect(() => circularCorrelation([0, 1], [Infinity, 0])).toThrow('got Infinity');
    expect(() => circularCorrelation([1, 1 + Math.PI], [0, 1])).toThrow('2 angles on one line');
  });
});
