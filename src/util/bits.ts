/**
 * Masks over points as words of 32 bits: bit j % 32 of word floor(j / 32) belongs to point j. Bits past
 * the end are 0.
 */

/** Words needed for n bits. */
export function wordCount(n: number): number {
  return Math.ceil(n / 32);
}

/** Bits of a mask, set where a value is neither 0 nor false nor NaN. */
export function packBits(mask: ArrayLike<number | boolean>): Int32Array {
  const words = new Int32Array(wordCount(mask.length));
  for (let j = 0; j < mask.length; j++) {
    if (mask[j]) words[j >>> 5] |= 1 << (j & 31);
  }
  return words;
}

/** The first n bits as 0 and 1. */
export function unpackBits(words: ArrayLike<number>, n: number): Uint8Array {
  if (wordCount(n) > words.length) {
    throw new RangeError(`${words.length} words hold fewer than ${n} bits`);
  }
  return Uint8Array.from({ length: n }, (_, j) => (words[j >>> 5] >>> (j & 31)) & 1);
}
