/**
 * Four random words that follow from four numbers alone: any backend can draw the same ones, in any
 * order, without a state.
 *
 * pcg4d of Jarzynski and Olano, Hash Functions for GPU Rendering, JCGT 9(3), 2020: passes TestU01's
 * BigCrush as a hash of consecutive counters.
 * @param out Words as signed 32-bit integers; >>> 0 makes them unsigned.
 */
export function counterWords(out: Int32Array, a: number, b: number, c: number, d: number): void {
  let x = (Math.imul(a, 1664525) + 1013904223) | 0;
  let y = (Math.imul(b, 1664525) + 1013904223) | 0;
  let z = (Math.imul(c, 1664525) + 1013904223) | 0;
  let w = (Math.imul(d, 1664525) + 1013904223) | 0;
  x = (x + Math.imul(y, w)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  w = (w + Math.imul(y, z)) | 0;
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  w ^= w >>> 16;
  x = (x + Math.imul(y, w)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  w = (w + Math.imul(y, z)) | 0;
  out[0] = x;
  out[1] = y;
  out[2] = z;
  out[3] = w;
}

/** floor(word n / 2^32) of an unsigned word: an integer in [0, n). Exact for n <= 2^31. */
export function scaledWord(word: number, n: number): number {
  // In two halves: the product may have more than 53 bits.
  const low = Math.floor(((word & 0xffff) * n) / 65536);
  return Math.floor(((word >>> 16) * n + low) / 65536);
}
