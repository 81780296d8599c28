import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/util/rng.js';

describe('Rng', () => {
  it('same seed, same stream; another seed, another stream', () => {
    const draw = (seed: number): number[] => {
      const rng = new Rng(seed);
      return Array.from({ length: 20 }, () => rng.uint32());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(0)).not.toEqual(draw(1));
  });

  it('uniform has the moments of [0, 1)', () => {
    const rng = new Rng(1);
    const values = Array.from({ length: 20000 }, () => rng.uniform());
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    // Standard errors: 0.289 / sqrt(20000) = 0.002 for the mean.
    expect(Math.abs(values.reduce((a, b) => a + b) / 20000 - 0.5)).toBeLessThan(0.01);
  });

  it('normal has mean 0 and variance 1', () => {
    const rng = new Rng(2);
    const values = Array.from({ length: 20000 }, () => rng.normal());
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it('permutation holds every index once and int stays in range', () => {
    const rng = new Rng(3);
    expect([...rng.permutation(100)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    const counts = new Array<number>(5).fill(0);
    for (let i = 0; i < 5000; i++) counts[rng.int(5)]++;
    // 1000 expected, standard deviation 28.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('draw parts the indices, both ascending', () => {
    const { drawn, rest } = new Rng(5).draw(100, 30);
    expect(drawn).toHaveLength(30);
    expect([...drawn, ...rest].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    for (const part of [drawn, rest]) expect(part).toEqual(part.slice().sort());
  });

  it('forks are independent of each other', () => {
    const a = new Rng(4).fork(0);
    const b = new Rng(4).fork(1);
    expect(a.uint32()).not.toBe(b.uint32());
  });
});
