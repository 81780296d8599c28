import { describe, expect, it } from 'vitest';
import { initialValues, rateFactor } from '../../src/train/index.js';
import { Rng } from '../../src/util/rng.js';

describe('rateFactor', () => {
  it.each(['none', 'linear', 'cosine'] as const)('%s starts at 1 and never rises', (decay) => {
    const factors = Array.from({ length: 10 }, (_, step) => rateFactor(decay, step, 10));
    expect(factors[0]).toBe(1);
    factors.forEach((factor, i) => {
      expect(factor).toBeGreaterThan(0);
      expect(factor).toBeLessThanOrEqual(i === 0 ? 1 : factors[i - 1]);
    });
  });

  it('golden: half way', () => {
    expect(rateFactor('none', 5, 10)).toBe(1);
    expect(rateFactor('linear', 5, 10)).toBe(0.5);
    expect(rateFactor('cosine', 5, 10)).toBeCloseTo(0.5, 15);
  });
});

describe('initialValues', () => {
  const fans = { fanIn: 24, fanOut: 8 };

  it('he and glorot fill their interval and have its variance', () => {
    for (const [kind, limit] of [
      ['he', Math.sqrt(6 / 24)],
      ['glorot', Math.sqrt(6 / 32)],
    ] as const) {
      const values = initialValues(kind, 20_000, fans, new Rng(1));
      const largest = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
      expect(largest).toBeLessThanOrEqual(Math.fround(limit));
      expect(largest).toBeGreaterThan(0.99 * limit);
      const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      expect(Math.abs(variance / (limit ** 2 / 3) - 1)).toBeLessThan(0.05);
    }
  });

  it('zeros are zeros, and a seed gives the same bits', () => {
    expect([...initialValues('zeros', 3, fans, new Rng(1))]).toEqual([0, 0, 0]);
    const twice = [1, 2].map(() => initialValues('he', 5, fans, new Rng(7)));
    expect(twice[0]).toEqual(twice[1]);
  });
});
