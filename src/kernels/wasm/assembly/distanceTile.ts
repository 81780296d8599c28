/**
 * Distances of 4 queries to 8 points over packed panels: queries [d][4], points [d][8]. The result is
 * 4 x 8 float32 at `out`: the sum before any root for squares, 1 - cos for cosine, the rank of a form
 * whose code was generated at run time (jit/formModule.ts).
 */

export const SQUARES: u32 = 0;
export const FORM: u32 = 1;
export const COSINE: u32 = 2;

/** Features per float32 partial sum; longer rows add the partial sums in float64. */
const BLOCK: u32 = 64;

/** Bytes that a tile needs at `out`: its 32 results and 32 float64 sums for each of two terms. */
export const TILE_BYTES: usize = 128 + 2 * 256;

/** Bytes of one feature value in a packed panel. */
export function valueBytes(metric: u32): u32 {
  return metric == COSINE ? 8 : 4;
}

/** Sum of squared differences. */
export function squaresTile(q: usize, p: usize, d: u32, out: usize): void {
  if (d <= BLOCK) {
    squaresBlock(q, p, d, out);
    return;
  }
  const wide = out + 128;
  memory.fill(wide, 0, 256);
  for (let f: u32 = 0; f < d; f += BLOCK) {
    const count = min(BLOCK, d - f);
    squaresBlock(q, p, count, out);
    for (let at: usize = 0; at < 128; at += 16) addWide(v128.load(out + at), wide + 2 * at);
    q += count << 4;
    p += count << 5;
  }
  for (let at: usize = 0; at < 128; at += 16) v128.store(out + at, narrow(wide + 2 * at));
}

function addWide(v: v128, wide: usize): void {
  const low = f64x2.promote_low_f32x4(v);
  const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
  v128.store(wide, f64x2.add(v128.load(wide), low));
  v128.store(wide, f64x2.add(v128.load(wide, 16), high), 16);
}

function narrow(wide: usize): v128 {
  const low = f32x4.demote_f64x2_zero(v128.load(wide));
  const high = f32x4.demote_f64x2_zero(v128.load(wide, 16));
  return v128.shuffle<i64>(low, high, 0, 2);
}

function addSquare(sum: v128, q: v128, p: v128): v128 {
  const difference = f32x4.sub(q, p);
  return f32x4.add(sum, f32x4.mul(difference, difference));
}

function squaresBlock(q: usize, p: usize, count: u32, out: usize): void {
  let s00 = f32x4.splat(0);
  let s01 = f32x4.splat(0);
  let s10 = f32x4.splat(0);
  let s11 = f32x4.splat(0);
  let s20 = f32x4.splat(0);
  let s21 = f32x4.splat(0);
  let s30 = f32x4.splat(0);
  let s31 = f32x4.splat(0);
  const end = q + ((<usize>count) << 4);
  while (q < end) {
    const p0 = v128.load(p);
    const p1 = v128.load(p, 16);
    let value = v128.load_splat<f32>(q);
    s00 = addSquare(s00, value, p0);
    s01 = addSquare(s01, value, p1);
    value = v128.load_splat<f32>(q, 4);
    s10 = addSquare(s10, value, p0);
    s11 = addSquare(s11, value, p1);
    value = v128.load_splat<f32>(q, 8);
    s20 = addSquare(s20, value, p0);
    s21 = addSquare(s21, value, p1);
    value = v128.load_splat<f32>(q, 12);
    s30 = addSquare(s30, value, p0);
    s31 = addSquare(s31, value, p1);
    q += 16;
    p += 32;
  }
  v128.store(out, s00);
  v128.store(out, s01, 16);
  v128.store(out, s10, 32);
  v128.store(out, s11, 48);
  v128.store(out, s20, 64);
  v128.store(out, s21, 80);
  v128.store(out, s30, 96);
  v128.store(out, s31, 112);
}

/**
 * 1 - cos in float64 over float64 panels; `qNorms` and `pNorms` hold squared norms that were summed in
 * the same order, so the distance of equal rows is exactly 0.
 */
export function cosineTile(
  q: usize,
  p: usize,
  d: u32,
  qNorms: usize,
  pNorms: usize,
  out: usize,
): void {
  for (let row: usize = 0; row < 4; row += 2) {
    dotTwo(q + row * 8, p, d, out + 128);
    for (let half: usize = 0; half < 2; half++) {
      const norm = f64x2.splat(load<f64>(qNorms + (row + half) * 8));
      for (let col: usize = 0; col < 8; col += 4) {
        const dots = out + 128 + half * 64 + col * 8;
        const low = cosines(v128.load(dots), norm, v128.load(pNorms + col * 8));
        const high = cosines(v128.load(dots, 16), norm, v128.load(pNorms + col * 8, 16));
        const pair = v128.shuffle<i64>(
          f32x4.demote_f64x2_zero(low),
          f32x4.demote_f64x2_zero(high),
          0,
          2,
        );
        v128.store(out + (row + half) * 32 + col * 4, pair);
      }
    }
  }
}

function cosines(dot: v128, qNorm: v128, pNorm: v128): v128 {
  const product = f64x2.mul(qNorm, pNorm);
  const one = f64x2.splat(1);
  const zero = f64x2.splat(0);
  // Rounding may carry the cosine past 1 by an ulp; max lets NaN through.
  let distance = f64x2.max(f64x2.sub(one, f64x2.div(dot, f64x2.sqrt(product))), zero);
  distance = v128.bitselect(one, distance, f64x2.eq(product, zero));
  // A NaN row has no angle to anything, not even to the zero vector.
  return v128.bitselect(dot, distance, f64x2.ne(dot, dot));
}

/** Dot products of 2 of the 4 queries of a panel with 8 points: 2 x 8 float64. */
function dotTwo(q: usize, p: usize, d: u32, out: usize): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s02 = f64x2.splat(0);
  let s03 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s12 = f64x2.splat(0);
  let s13 = f64x2.splat(0);
  const end = q + ((<usize>d) << 5);
  while (q < end) {
    const p0 = v128.load(p);
    const p1 = v128.load(p, 16);
    const p2 = v128.load(p, 32);
    const p3 = v128.load(p, 48);
    let value = v128.load_splat<f64>(q);
    s00 = f64x2.add(s00, f64x2.mul(value, p0));
    s01 = f64x2.add(s01, f64x2.mul(value, p1));
    s02 = f64x2.add(s02, f64x2.mul(value, p2));
    s03 = f64x2.add(s03, f64x2.mul(value, p3));
    value = v128.load_splat<f64>(q, 8);
    s10 = f64x2.add(s10, f64x2.mul(value, p0));
    s11 = f64x2.add(s11, f64x2.mul(value, p1));
    s12 = f64x2.add(s12, f64x2.mul(value, p2));
    s13 = f64x2.add(s13, f64x2.mul(value, p3));
    q += 32;
    p += 64;
  }
  v128.store(out, s00);
  v128.store(out, s01, 16);
  v128.store(out, s02, 32);
  v128.store(out, s03, 48);
  v128.store(out, s10, 64);
  v128.store(out, s11, 80);
  v128.store(out, s12, 96);
  v128.store(out, s13, 112);
}
