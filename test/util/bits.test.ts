import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packBits, unpackBits, wordCount } from '../../src/util/bits.js';
import { PROPERTY } from '../support/arbitraries.js';

describe('bits', () => {
  it('puts bit j at j % 16 of word floor(j / 16)', () => {
    for (const [j, word, value] of [
      [0, 0, 1],
      [1, 0, 2],
      [15, 0, 2 ** 15],
      [16, 1, 1],
      [31, 1, 2 ** 15],
      [32, 2, 1],
    ]) {
      const mask = new Uint8Array(40);
      mask[j] = 1;
      const want = [0, 0, 0];
      want[word] = value;
      expect([...packBits(mask)]).toEqual(want);
    }
  });

  it('leaves the bits past the end 0', () => {
    expect([...packBits(Array<boolean>(17).fill(true))]).toEqual([65535, 1]);
    expect([...packBits([])]).toEqual([]);
  });

  it('takes numbers and booleans; NaN and -0 are no', () => {
    expect([...packBits([true, false, 2, 0, -1, NaN, -0])]).toEqual([0b10101]);
  });

  it('counts words', () => {
    expect([0, 1, 15, 16, 17, 32, 33].map(wordCount)).toEqual([0, 1, 1, 1, 2, 2, 3]);
  });

  it('property: unpacking gives back what was packed', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (mask) => {
        expect([...unpackBits(packBits(mask), mask.length)]).toEqual(mask.map(Number));
      }),
      PROPERTY,
    );
  });

  it('refuses to read past the words', () => {
    expect(() => unpackBits(new Int32Array(1), 17)).toThrow('1 words hold fewer than 17 bits');
  });
});
