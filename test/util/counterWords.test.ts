import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counterWords, scaledWord } from '../../src/util/counterWords.js';
import { pcg4d } from '../reference/relationSteps.js';
import { PROPERTY } from '../support/arbitraries.js';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('counterWords', () => {
  it('equals pcg4d in integers of any size', () => {
    fc.assert(
      fc.property(word, word, word, word, (a, b, c, d) => {
        const out = new Int32Array(4);
        counterWords(out, a, b, c, d);
        expect(Array.from(out, (x) => x >>> 0)).toEqual(pcg4d([a, b, c, d]));
      }),
      PROPERTY,
    );
  });

  it('fills bins evenly over consecutive counters', () => {
    const bins = new Int32Array(64);
    const out = new Int32Array(4);
    for (let i = 0; i < 16384; i++) {
      counterWords(out, i, i & 3, 7, 1);
      for (const value of out) bins[scaledWord(value, 64)]++;
    }
    // Chi-squared with 63 degrees of freedom: 117 is passed once in 30,000 times.
    const expected = (4 * 16384) / 64;
    const chi = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chi).toBeLessThan(117);
  });
});

describe('scaledWord', () => {
  it('is the exact integer part of word n / 2^32', () => {
    fc.assert(
      fc.property(word, fc.integer({ min: 1, max: 2 ** 31 }), (value, n) => {
        expect(scaledWord(value | 0, n)).toBe(Number((BigInt(value) * BigInt(n)) >> 32n));
      }),
      PROPERTY,
    );
  });
});
