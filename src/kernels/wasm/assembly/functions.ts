/**
 * Elementary functions of four float32 lanes, called by the code that is generated for a metric. exp,
 * log and log1p work in float32 (below 2 ulp); the others go through float64, two lanes at a time,
 * and are rounded once. Domain errors are NaN, NaN stays NaN.
 */

/** ln 2 in two parts: multiples of the first by any exponent are exact in float32. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440054690583e-4;

/** Bits of the float32 square root of 1/2: mantissas are taken from there to the root of 2. */
const ROOT_HALF: i32 = 0x3f3504f3;
const ROOT_HALF_WIDE: i64 = 0x3fe6a09e667f3bcd;

/** e^v = 2^n e^r with |r| <= ln 2 / 2, e^r by its series. */
export function exp(v: v128): v128 {
  // Outside e^v is 0 or Infinity; NaN passes both limits.
  const x = f32x4.pmin(f32x4.pmax(v, f32x4.splat(-104)), f32x4.splat(89));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let p = f32x4.splat(1 / 5040.0);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 720.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 120.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 24.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1 / 6.0));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r);
  p = f32x4.add(p, f32x4.splat(1));
  // Two steps, of which only the second may round: the result can be subnormal.
  const exponent = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(exponent, 1);
  p = f32x4.mul(p, powerOfTwo(half));
  return f32x4.mul(p, powerOfTwo(i32x4.sub(exponent, half)));
}

/** 2^n for whole n from -126 to 127. */
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/** e ln 2 + ln(1 + f) + c for |f| < 0.42: with s = f / (2 + f), ln(1 + f) = 2 atanh(s) = f - s (f - R). */
function logarithm(f: v128, e: v128, c: v128): v128 {
  const s = f32x4.div(f, f32x4.add(f, f32x4.splat(2)));
  const z = f32x4.mul(s, s);
  let r = f32x4.splat(2 / 9.0);
  r = f32x4.add(f32x4.mul(r, z), f32x4.splat(2 / 7.0));
  r = f32x4.add(f32x4.mul(r, z), f32x4.splat(2 / 5.0));
  r = f32x4.add(f32x4.mul(r, z), f32x4.splat(2 / 3.0));
  r = f32x4.mul(r, z);
  const low = f32x4.add(f32x4.mul(e, f32x4.splat(LN2_LOW)), c);
  const tail = f32x4.sub(f32x4.mul(s, f32x4.sub(f, r)), low);
  return f32x4.add(f32x4.mul(e, f32x4.splat(LN2_HIGH)), f32x4.sub(f, tail));
}

/** The values of a logarithm of v that no formula gives: Infinity, -Infinity at 0, NaN below. */
function logarithmEnds(result: v128, v: v128): v128 {
  const infinity = f32x4.splat(Infinity);
  const zero = f32x4.splat(0);
  let fixed = v128.bitselect(infinity, result, f32x4.eq(v, infinity));
  fixed = v128.bitselect(f32x4.splat(-Infinity), fixed, f32x4.eq(v, zero));
  return v128.or(fixed, v128.not(f32x4.ge(v, zero)));
}

export function log(v: v128): v128 {
  // Subnormal numbers have no exponent to take: they are brought up first.
  const small = f32x4.lt(v, f32x4.splat(1.17549435e-38));
  const bits = v128.bitselect(f32x4.mul(v, f32x4.splat(8388608)), v, small);
  const e = i32x4.shr_s(i32x4.sub(bits, i32x4.splat(ROOT_HALF)), 23);
  const f = f32x4.sub(i32x4.sub(bits, i32x4.shl(e, 23)), f32x4.splat(1));
  const exponent = f32x4.convert_i32x4_s(i32x4.sub(e, v128.and(small, i32x4.splat(23))));
  return logarithmEnds(logarithm(f, exponent, f32x4.splat(0)), v);
}

/** ln(1 + v): near 0 by v itself, elsewhere by the rounded sum and what its rounding lost. */
export function log1p(v: v128): v128 {
  const one = f32x4.splat(1);
  const u = f32x4.add(v, one);
  const near = v128.and(f32x4.gt(v, f32x4.splat(-0.2928932)), f32x4.lt(v, f32x4.splat(0.4142135)));
  const e = i32x4.shr_s(i32x4.sub(u, i32x4.splat(ROOT_HALF)), 23);
  const m = f32x4.sub(i32x4.sub(u, i32x4.shl(e, 23)), one);
  const lost = v128.bitselect(
    f32x4.sub(one, f32x4.sub(u, v)),
    f32x4.sub(v, f32x4.sub(u, one)),
    f32x4.ge(v, one),
  );
  const f = v128.bitselect(v, m, near);
  const exponent = v128.andnot(f32x4.convert_i32x4_s(e), near);
  const c = v128.andnot(f32x4.div(lost, u), near);
  return logarithmEnds(logarithm(f, exponent, c), u);
}

/** The upper two lanes moved down. */
function upper(v: v128): v128 {
  return v128.shuffle<i64>(v, v, 1, 1);
}

/** Four float32 of two pairs of float64. */
function join(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** v with the sign of s where v >= 0. */
function withSign(v: v128, s: v128): v128 {
  return v128.or(v, v128.and(s, i32x4.splat(0x80000000)));
}

/** 2 atanh(f / (2 + f)) = ln(1 + f) of float64 lanes, |f| < 0.42, to 1e-11. */
function wideLog1p(f: v128): v128 {
  const s = f64x2.div(f, f64x2.add(f, f64x2.splat(2)));
  const z = f64x2.mul(s, s);
  let r = f64x2.splat(2 / 13.0);
  r = f64x2.add(f64x2.mul(r, z), f64x2.splat(2 / 11.0));
  r = f64x2.add(f64x2.mul(r, z), f64x2.splat(2 / 9.0));
  r = f64x2.add(f64x2.mul(r, z), f64x2.splat(2 / 7.0));
  r = f64x2.add(f64x2.mul(r, z), f64x2.splat(2 / 5.0));
  r = f64x2.add(f64x2.mul(r, z), f64x2.splat(2 / 3.0));
  r = f64x2.add(f64x2.mul(r, z), f64x2.splat(2));
  return f64x2.mul(r, s);
}

/** Exponent of normal float64 lanes whose mantissa runs from the root of 1/2 to the root of 2. */
function wideExponent(v: v128): v128 {
  return i64x2.shr_s(i64x2.sub(v, i64x2.splat(ROOT_HALF_WIDE)), 52);
}

/** Mantissa less 1. */
function wideMantissa(v: v128, exponent: v128): v128 {
  return f64x2.sub(i64x2.sub(v, i64x2.shl(exponent, 52)), f64x2.splat(1));
}

/** Whole float64 from small 64-bit integers. */
function wideFloat(n: v128): v128 {
  return f64x2.convert_low_i32x4_s(v128.shuffle<i32>(n, n, 0, 2, 0, 2));
}

/** 2^(p log2 v) of float64 lanes, for normal v > 0. */
function widePower(v: v128, p: v128): v128 {
  const e = wideExponent(v);
  const log = wideLog1p(wideMantissa(v, e));
  const t = f64x2.mul(p, f64x2.add(wideFloat(e), f64x2.mul(log, f64x2.splat(1.4426950408889634))));
  // Beyond these float32 knows only 0 and Infinity.
  const x = f64x2.pmin(f64x2.pmax(t, f64x2.splat(-200)), f64x2.splat(200));
  const n = f64x2.nearest(x);
  const r = f64x2.mul(f64x2.sub(x, n), f64x2.splat(0.6931471805599453));
  let s = f64x2.splat(1 / 40320.0);
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(1 / 5040.0));
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(1 / 720.0));
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(1 / 120.0));
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(1 / 24.0));
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(1 / 6.0));
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(0.5));
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(1));
  s = f64x2.add(f64x2.mul(s, r), f64x2.splat(1));
  const whole = i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(n));
  const scale = i64x2.shl(i64x2.add(whole, i64x2.splat(1023)), 52);
  return f64x2.mul(s, scale);
}

/** v^p for v >= 0, NaN for v < 0; 1 for p = 0 whatever v is. */
export function pow(v: v128, p: v128): v128 {
  const zero = f32x4.splat(0);
  const infinity = f32x4.splat(Infinity);
  let result = join(
    widePower(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(p)),
    widePower(f64x2.promote_low_f32x4(upper(v)), f64x2.promote_low_f32x4(upper(p))),
  );
  const falls = f32x4.lt(p, zero);
  result = v128.bitselect(v128.and(infinity, falls), result, f32x4.eq(v, zero));
  result = v128.bitselect(v128.andnot(infinity, falls), result, f32x4.eq(v, infinity));
  result = v128.or(result, v128.not(f32x4.ge(v, zero)));
  result = v128.or(result, f32x4.ne(p, p));
  return v128.bitselect(f32x4.splat(1), result, f32x4.eq(p, zero));
}

function wideAsinh(a: v128): v128 {
  const one = f64x2.splat(1);
  const square = f64x2.mul(a, a);
  const root = f64x2.sqrt(f64x2.add(square, one));
  const t = f64x2.add(a, f64x2.div(square, f64x2.add(root, one)));
  const near = f64x2.lt(t, f64x2.splat(0.4142));
  const u = f64x2.add(t, one);
  const e = wideExponent(u);
  const f = v128.bitselect(t, wideMantissa(u, e), near);
  const log = wideLog1p(f);
  const whole = f64x2.mul(wideFloat(e), f64x2.splat(0.6931471805599453));
  return v128.bitselect(log, f64x2.add(whole, log), near);
}

/** sign(v) ln(1 + t), t = |v| + v^2 / (1 + sqrt(1 + v^2)). */
export function asinh(v: v128): v128 {
  const a = f32x4.abs(v);
  const low = wideAsinh(f64x2.promote_low_f32x4(a));
  const high = wideAsinh(f64x2.promote_low_f32x4(upper(a)));
  const result = v128.bitselect(a, join(low, high), f32x4.eq(a, f32x4.splat(Infinity)));
  return v128.or(withSign(result, v), f32x4.ne(v, v));
}

/** Above 1/2 by pi/2 - 2 asin(sqrt((1 - a) / 2)); the polynomial meets the series to 4e-12. */
function wideAsin(a: v128): v128 {
  const half = f64x2.splat(0.5);
  const far = f64x2.gt(a, half);
  const z = v128.bitselect(f64x2.mul(f64x2.sub(f64x2.splat(1), a), half), f64x2.mul(a, a), far);
  const s = v128.bitselect(f64x2.sqrt(z), a, far);
  let p = f64x2.splat(0.029305196846437426);
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(0.0054432196344789815));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(0.01930625115273704));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(0.022132444493979903));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(0.030397634212441498));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(0.04464235846382815));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(0.07500000598963892));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(0.16666666665492347));
  const r = f64x2.add(s, f64x2.mul(f64x2.mul(s, z), p));
  const folded = f64x2.sub(f64x2.splat(1.5707963267948966), f64x2.add(r, r));
  return v128.bitselect(folded, r, far);
}

export function asin(v: v128): v128 {
  const a = f32x4.abs(v);
  const low = wideAsin(f64x2.promote_low_f32x4(a));
  const high = wideAsin(f64x2.promote_low_f32x4(upper(a)));
  return withSign(join(low, high), v);
}

/**
 * sin(v + quarters pi/2) of float64 lanes. pi/2 is taken off in two parts, of which the first has 33
 * bits: multiples below 2^20 of it are exact.
 */
function wideSine(v: v128, quarters: f64): v128 {
  const n = f64x2.nearest(f64x2.mul(v, f64x2.splat(0.6366197723675814)));
  let r = f64x2.sub(v, f64x2.mul(n, f64x2.splat(1.5707963267341256)));
  r = f64x2.sub(r, f64x2.mul(n, f64x2.splat(6.077100506506192e-11)));
  const turn = f64x2.add(n, f64x2.splat(quarters));
  // The quarter turn, 0 to 3.
  const q = f64x2.sub(
    turn,
    f64x2.mul(f64x2.floor(f64x2.mul(turn, f64x2.splat(0.25))), f64x2.splat(4)),
  );
  const z = f64x2.mul(r, r);
  let s = f64x2.splat(-1 / 39916800.0);
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(1 / 362880.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(-1 / 5040.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(1 / 120.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(-1 / 6.0));
  s = f64x2.add(f64x2.mul(f64x2.mul(s, z), r), r);
  let c = f64x2.splat(1 / 479001600.0);
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(-1 / 3628800.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(1 / 40320.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(-1 / 720.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(1 / 24.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(-0.5));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(1));
  const odd = v128.or(f64x2.eq(q, f64x2.splat(1)), f64x2.eq(q, f64x2.splat(3)));
  const value = v128.bitselect(c, s, odd);
  const negative = v128.and(f64x2.ge(q, f64x2.splat(2)), i64x2.splat(0x8000000000000000));
  return v128.xor(value, negative);
}

/** Right to an ulp for |v| < 1e6. */
export function sin(v: v128): v128 {
  return join(
    wideSine(f64x2.promote_low_f32x4(v), 0),
    wideSine(f64x2.promote_low_f32x4(upper(v)), 0),
  );
}

/** Right to an ulp for |v| < 1e6. */
export function cos(v: v128): v128 {
  return join(
    wideSine(f64x2.promote_low_f32x4(v), 1),
    wideSine(f64x2.promote_low_f32x4(upper(v)), 1),
  );
}
