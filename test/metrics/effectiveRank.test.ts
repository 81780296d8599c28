import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveRank, latentSpectrum } from '../../src/metrics/index.js';
import { Rng } from '../../src/util/rng.js';
import { PROPERTY } from '../support/arbitraries.js';

describe('effectiveRank', () => {
  it('golden: k equal values have rank k, halves and quarters by hand', () => {
    expect(effectiveRank([2, 2, 2, 0])).toBeCloseTo(3, 14);
    expect(effectiveRank([0, 0])).toBe(0);
    // Entropy of 1/2, 1/4, 1/4 is 1.5 ln 2.
    expect(effectiveRank([2, 1, 1])).toBeCloseTo(2 ** 1.5, 14);
  });

  it('property: between 1 and the count, the same for every scale and order', () => {
    const spectrum = fc.array(fc.double({ min: 1e-6, max: 1e6 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(spectrum, fc.double({ min: 1e-3, max: 1e3 }), (values, scale) => {
        const rank = effectiveRank(values);
        expect(rank).toBeGreaterThanOrEqual(1 - 1e-12);
        expect(rank).toBeLessThanOrEqual(values.length + 1e-9);
        const moved = values.map((value) => value * scale).reverse();
        expect(effectiveRank(moved)).toBeCloseTo(rank, 9);
      }),
      PROPERTY,
    );
  });

  it('error: no values, negative ones, NaN', () => {
    expect(() => effectiveRank([])).toThrow('values must have at least one value');
    expect(() => effectiveRank([1, -1])).toThrow(
      'values must be finite and >= 0, got -1 at index 1',
    );
    expect(() => effectiveRank([NaN])).toThrow('NaN at index 0');
  });
});

describe('latentSpectrum', () => {
  it('reference: two directions in five dimensions, far from the origin', () => {
    const rng = new Rng(3);
    const count = 4000;
    const data = new Float32Array(count * 5);
    for (let i = 0; i < count; i++) {
      const [a, b] = [3 * rng.normal(), rng.normal()];
      [a, b, a + b, a - b, 0].forEach((value, j) => (data[i * 5 + j] = value + 100));
    }
    const {
      variances,
      effectiveRank: rank,
      directions,
    } = latentSpectrum({
      data,
      count,
      rowShape: [5],
    });
    // (a, b, a + b, a - b) has variances 27 and 3 along orthogonal directions.
    expect(variances[0] / 27).toBeCloseTo(1, 1);
    expect(variances[1] / 3).toBeCloseTo(1, 1);
    expect(variances[2]).toBeLessThan(1e-6);
    expect(directions).toBe(2);
    expect(rank).toBeCloseTo(effectiveRank(Array.from(variances)), 12);
  });

  it('error: a single row, a share out of range', () => {
    const one = { data: new Float32Array(2), count: 1, rowShape: [2] };
    expect(() => latentSpectrum(one)).toThrow('latents must have at least 2 rows, got 1');
    const two = { data: new Float32Array(4), count: 2, rowShape: [2] };
    expect(() => latentSpectrum(two, { share: 1 })).toThrow('share must lie in (0, 1), got 1');
    expect(latentSpectrum(two)).toMatchObject({ effectiveRank: 0, directions: 0 });
  });
});
