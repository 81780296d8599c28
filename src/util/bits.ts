/**
 * Masks over points as int32 words of 16 bits: bit j % 16 of word floor(j / 16) belongs to point j. Bits
 * past the end are 0. Only 16 of a word's 32 bits are used, since tfjs passes integers through float32 on
 * some backends, where larger ones would be rounded.
 */
export const WORD_BITS = 16;

/** Words needed for n bits. */
export function wordCount(n: number): number {
  return Math.ceil(n / WORD_BITS);
}

/** Bits of a mask, set where a value is neither 0 nor false nor NaN. */
export function packBits(mask: ArrayLike<number | boolean>): Int32Array {
  const words = new Int32Array(wordCount(mask.length));
  for (let j = 0; j < mask.length; j++) {
    if (mask[j]) words[Math.floor(j / WORD_BITS)] |= 1 << (j % WORD_BITS);
  }
  return words;
}

/** The first n bits as 0 and 1. */
export function unpackBits(words: ArrayLike<number>, n: number): Uint8Array {
  if (wordCount(n) > words.length) {
    throw new RangeError(`${words.length} words hold fewer than ${n} bits`);
  }
  const bit = (j: number): number => (words[Math.floor(j / WORD_BITS)] >>> (j % WORD_BITS)) & 1;
  return Uint8Array.from({ length: n }, (_, j) => bit(j));
}
