import type { Comparison, Unary } from '../../../specs/expression.js';
import { doubleFloatParts, f32Literal } from './constants.js';

/**
 * Elementary functions in WGSL, written out: the built-in ones are specified with absolute errors (sin,
 * cos, asin), may take NaN and infinity for impossible, or are missing (log1p). Errors below are the
 * largest seen against float64, in ulp; test/kernels/webgpu/functions.test.ts measures them.
 */

const lit = f32Literal;

/** c[0] + z (c[1] + z (c[2] + ...)) as WGSL. */
function horner(z: string, coefficients: readonly number[]): string {
  const [last, ...rest] = [...coefficients].reverse();
  return rest.reduce((tail, c) => `(${lit(c)} + ${z} * ${tail})`, lit(last));
}

/** A value with the lower bits of its float32 significand cleared, so that small multiples are exact. */
function leading(value: number, bits: number): number {
  const scale = 2 ** (bits - 1 - Math.floor(Math.log2(Math.abs(value))));
  return Math.round(value * scale) / scale;
}

/** A constant as a sum of parts of `bits` bits each and a last one of 24. */
function partsOf(value: number, bits: number, count: number): number[] {
  const parts: number[] = [];
  let rest = value;
  for (let i = 0; i < count; i++) {
    parts.push(leading(rest, bits));
    rest -= parts[i];
  }
  return [...parts, rest];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

const [LN2_HIGH, LN2_LOW] = partsOf(Math.LN2, 14, 1);
// Math.PI / 2 has 53 bits; its float64 remainder is added to the last part.
const HALF_PI = partsOf(Math.PI / 2, 11, 3);
const HALF_PI_REMAINDER = 6.123233995736766e-17;
const [LOG2E_HIGH, LOG2E_LOW] = doubleFloatParts(2 * Math.LOG2E);

/** 2 atanh(s) = 2 s + s R(s^2): coefficients of R / s^2. */
const ATANH_TAIL = range(5).map((i) => 2 / (2 * i + 3));
const EXP_TAIL = range(6).map((i) => 1 / factorial(i + 2));
const SIN_TAIL = range(4).map((i) => (i % 2 === 0 ? -1 : 1) / factorial(2 * i + 3));
const COS_TAIL = range(5).map((i) => (i % 2 === 0 ? -1 : 1) / factorial(2 * i + 2));
/** asin v = v + v^3 (1/6 + 3/40 v^2 + ...): (2n)! / (4^n n!^2 (2n + 1)). */
const ASIN_TAIL = range(13)
  .map((i) => i + 1)
  .map((n) => {
    let c = 1;
    for (let j = 1; j <= n; j++) c *= (2 * j - 1) / (2 * j);
    return c / (2 * n + 1);
  });
/** log2 m = (2 log2 e) atanh s: coefficients of the terms after the first. */
const LOG2_TAIL = range(5).map((i) => (2 * Math.LOG2E) / (2 * i + 3));
const EXP2_TAIL = range(7).map((i) => Math.LN2 ** (i + 2) / factorial(i + 2));
const [LN2_F32, LN2_REST] = doubleFloatParts(Math.LN2);

interface Source {
  readonly code: string;
  readonly needs?: readonly FunctionName[];
}

const SOURCES = {
  numberBits: {
    code: `
  var<private> exprNanBits : u32 = 0x7fc00000u;
  var<private> exprInfinityBits : u32 = 0x7f800000u;
  fn exprNan() -> f32 { return bitcast<f32>(exprNanBits); }
  fn exprInfinity() -> f32 { return bitcast<f32>(exprInfinityBits); }
  fn exprIsNan(v : f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
  fn exprIsInfinite(v : f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) == 0x7f800000u; }
  fn exprIsNegative(v : f32) -> bool { return bitcast<i32>(v) < 0; }
  // Hides a value from rewriting of sums; changes nothing but one bit pattern of NaN.
  fn exprFixed(v : f32) -> f32 {
    let bits = bitcast<u32>(v);
    return bitcast<f32>(select(bits, 0x7fa00001u, bits == 0x7fa00000u));
  }
  // Order of floats as integers, with -0 equal to 0.
  fn exprKey(v : f32) -> i32 {
    let bits = bitcast<i32>(v);
    return select(bits, bitcast<i32>(0x80000000u) - bits, bits < 0);
  }
`,
  },
  less: {
    needs: ['numberBits'],
    code: `
  fn exprLess(a : f32, b : f32) -> bool {
    return exprKey(a) < exprKey(b) && !exprIsNan(a) && !exprIsNan(b);
  }
`,
  },
  atMost: {
    needs: ['numberBits'],
    code: `
  fn exprAtMost(a : f32, b : f32) -> bool {
    return exprKey(a) <= exprKey(b) && !exprIsNan(a) && !exprIsNan(b);
  }
`,
  },
  equal: {
    needs: ['numberBits'],
    code: `
  fn exprEqual(a : f32, b : f32) -> bool {
    return exprKey(a) == exprKey(b) && !exprIsNan(a);
  }
`,
  },
  isZero: {
    code: `
  fn exprIsZero(v : f32) -> bool { return (bitcast<u32>(v) << 1u) == 0u; }
`,
  },
  sign: {
    needs: ['numberBits', 'isZero'],
    code: `
  fn exprSign(v : f32) -> f32 {
    let one = select(1.0, -1.0, exprIsNegative(v));
    return select(one, v, exprIsNan(v) || exprIsZero(v));
  }
`,
  },
  sqrt: {
    needs: ['numberBits', 'isZero'],
    code: `
  fn exprSqrt(v : f32) -> f32 {
    // A device may compute v * (1 / sqrt(v)), which fails at both ends.
    if (exprIsZero(v) || exprIsNan(v)) { return v; }
    if (exprIsNegative(v)) { return exprNan(); }
    if (exprIsInfinite(v)) { return v; }
    return sqrt(v);
  }
`,
  },
  // ln((1 + f) 2^k) for 1 + f in [sqrt(1/2), sqrt(2)]: with s = f / (2 + f) it is 2 atanh(s) = f - s (f - R).
  logCore: {
    needs: ['numberBits'],
    code: `
  fn exprLogCore(f : f32, k : f32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let tail = z * ${horner('z', ATANH_TAIL)};
    let low = f - s * (f - tail);
    return k * ${lit(LN2_HIGH)} + (k * ${lit(LN2_LOW)} + low);
  }
  // vec2(m, k) with v = m 2^k, m in [sqrt(1/2), sqrt(2)], for finite v > 0.
  fn exprSplit(v : f32) -> vec2<f32> {
    let small = v < 0x1p-100;
    let bits = bitcast<u32>(select(v, v * 0x1p24, small));
    // 0x3f3504f3 are the bits of sqrt(1/2).
    let shifted = bits - 0x3f3504f3u;
    let k = i32(shifted) >> 23u;
    let m = bitcast<f32>((shifted & 0x7fffffu) + 0x3f3504f3u);
    return vec2<f32>(m, f32(select(k, k - 24, small)));
  }
`,
  },
  log: {
    needs: ['logCore', 'isZero'],
    code: `
  fn exprLog(v : f32) -> f32 {
    if (exprIsNan(v)) { return v; }
    if (exprIsZero(v)) { return -exprInfinity(); }
    if (exprIsNegative(v)) { return exprNan(); }
    if (exprIsInfinite(v)) { return v; }
    let parts = exprSplit(v);
    return exprLogCore(parts.x - 1.0, parts.y);
  }
`,
  },
  log1p: {
    needs: ['log'],
    code: `
  fn exprLog1p(v : f32) -> f32 {
    // Beyond these ends 1 + v loses nothing that its logarithm would show.
    if (exprIsNan(v) || v < -0.29 || v > 0.41) { return exprLog(1.0 + v); }
    return exprLogCore(v, 0.0);
  }
`,
  },
  exp: {
    needs: ['numberBits'],
    code: `
  fn exprExp(v : f32) -> f32 {
    if (exprIsNan(v)) { return v; }
    if (v > 88.8) { return exprInfinity(); }
    if (v < -104.0) { return 0.0; }
    let k = round(v * ${lit(Math.LOG2E)});
    let r = exprFixed(v - k * ${lit(LN2_HIGH)}) - k * ${lit(LN2_LOW)};
    let e = 1.0 + (r + r * r * ${horner('r', EXP_TAIL)});
    let half = i32(k) / 2;
    let first = bitcast<f32>(u32(half + 127) << 23u);
    let second = bitcast<f32>(u32(i32(k) - half + 127) << 23u);
    return exprFixed(e * first) * second;
  }
`,
  },
  // v = k pi/2 + r with |r| <= pi/4: products of k and the first three parts are exact for |k| < 2^13.
  quarter: {
    needs: ['numberBits'],
    code: `
  fn exprQuarter(v : f32) -> vec2<f32> {
    let k = round(v * ${lit(2 / Math.PI)});
    var r = exprFixed(v - k * ${lit(HALF_PI[0])});
    r = exprFixed(r - k * ${lit(HALF_PI[1])});
    r = exprFixed(r - k * ${lit(HALF_PI[2])});
    r = r - k * ${lit(HALF_PI[3] + HALF_PI_REMAINDER)};
    return vec2<f32>(r, k);
  }
  fn exprSinCore(r : f32) -> f32 {
    let z = r * r;
    return r + r * (z * ${horner('z', SIN_TAIL)});
  }
  fn exprCosCore(r : f32) -> f32 {
    let z = r * r;
    return 1.0 + z * ${horner('z', COS_TAIL)};
  }
  // sin(v + turns pi/2)
  fn exprTurned(v : f32, turns : i32) -> f32 {
    if (exprIsNan(v) || exprIsInfinite(v)) { return exprNan(); }
    let parts = exprQuarter(v);
    let k = i32(parts.y) + turns;
    let value = select(exprSinCore(parts.x), exprCosCore(parts.x), (k & 1) == 1);
    return select(value, -value, (k & 2) == 2);
  }
`,
  },
  sin: {
    needs: ['quarter'],
    code: `
  fn exprSin(v : f32) -> f32 { return exprTurned(v, 0); }
`,
  },
  cos: {
    needs: ['quarter'],
    code: `
  fn exprCos(v : f32) -> f32 { return exprTurned(v, 1); }
`,
  },
  asin: {
    needs: ['numberBits', 'sqrt'],
    code: `
  fn exprAsinCore(v : f32) -> f32 {
    let z = v * v;
    return v + v * (z * ${horner('z', ASIN_TAIL)});
  }
  fn exprAsin(v : f32) -> f32 {
    let a = abs(v);
    if (exprIsNan(v) || a > 1.0) { return exprNan(); }
    if (a <= 0.5) { return exprAsinCore(v); }
    // asin a = pi/2 - 2 asin(sqrt((1 - a) / 2)), and 1 - a is exact.
    let half = exprAsinCore(exprSqrt(0.5 * (1.0 - a)));
    let value = ${lit(Math.PI / 2)} - 2.0 * half;
    return select(value, -value, exprIsNegative(v));
  }
`,
  },
  asinh: {
    needs: ['log1p', 'sqrt'],
    code: `
  fn exprAsinh(v : f32) -> f32 {
    if (exprIsNan(v) || exprIsInfinite(v)) { return v; }
    let a = abs(v);
    var value : f32;
    if (a > 0x1p14) {
      value = exprLog(a) + ${lit(Math.LN2)};
    } else {
      // asinh a = ln(1 + a + (sqrt(1 + a^2) - 1)), the bracket without its cancellation.
      let aa = a * a;
      value = exprLog1p(a + aa / (1.0 + sqrt(1.0 + aa)));
    }
    return select(value, -value, exprIsNegative(v));
  }
`,
  },
  // 2^(p log2 v) with log2 v and the product carried in two parts.
  pow: {
    needs: ['logCore', 'isZero'],
    code: `
  fn exprPowProduct(a : f32, b : f32) -> vec2<f32> {
    let p = exprFixed(a * b);
    let aHigh = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
    let bHigh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
    let aLow = a - aHigh;
    let bLow = b - bHigh;
    let first = exprFixed(aHigh * bHigh - p);
    return vec2<f32>(p, exprFixed(exprFixed(first + aLow * bHigh) + aHigh * bLow) + aLow * bLow);
  }
  fn exprPowSum(a : f32, b : f32) -> vec2<f32> {
    let s = exprFixed(a + b);
    return vec2<f32>(s, b - exprFixed(s - a));
  }
  fn exprLog2(v : f32) -> vec2<f32> {
    let parts = exprSplit(v);
    let f = parts.x - 1.0;
    let divisor = exprPowSum(2.0, f);
    let s = exprFixed(f / divisor.x);
    let back = exprPowProduct(s, divisor.x);
    let sLow = ((exprFixed(f - back.x) - back.y) - s * divisor.y) / divisor.x;
    let z = s * s;
    let scaled = exprPowProduct(s, ${lit(LOG2E_HIGH)});
    let tail = s * (z * ${horner('z', LOG2_TAIL)});
    let low = scaled.y + (s * ${lit(LOG2E_LOW)} + (sLow * ${lit(LOG2E_HIGH)} + tail));
    let mantissa = exprPowSum(scaled.x, low);
    let sum = exprPowSum(parts.y, mantissa.x);
    // Where the exponent is 0 the larger number comes second, and the sum is exact.
    return select(vec2<f32>(sum.x, sum.y + mantissa.y), mantissa, parts.y == 0.0);
  }
  fn exprPow(v : f32, p : f32) -> f32 {
    if (exprIsZero(p)) { return 1.0; }
    if (exprIsNan(v) || exprIsNan(p)) { return exprNan(); }
    if (exprIsZero(v)) { return select(0.0, exprInfinity(), exprIsNegative(p)); }
    if (exprIsNegative(v)) { return exprNan(); }
    if (exprIsInfinite(v)) { return select(v, 0.0, exprIsNegative(p)); }
    let log2 = exprLog2(v);
    let rough = log2.x * p;
    // Also when p is infinite.
    if (exprIsNan(rough) || rough > 200.0) {
      return select(exprInfinity(), 1.0, exprIsNan(rough));
    }
    if (rough < -200.0) { return 0.0; }
    let product = exprPowProduct(log2.x, p);
    let k = round(product.x);
    let r = exprFixed(product.x - k) + (product.y + log2.y * p);
    let e = 1.0 + (r * ${lit(LN2_F32)} + (r * ${lit(LN2_REST)} + r * r * ${horner('r', EXP2_TAIL)}));
    let half = i32(k) / 2;
    let first = bitcast<f32>(u32(half + 127) << 23u);
    let second = bitcast<f32>(u32(i32(k) - half + 127) << 23u);
    return exprFixed(e * first) * second;
  }
`,
  },
} as const satisfies Readonly<Record<string, { code: string; needs?: readonly string[] }>>;

export type FunctionName = keyof typeof SOURCES;

/** Functions of expressions that are written out here; the others are operators. */
export const CALLED: Readonly<Partial<Record<Unary, FunctionName>>> = {
  sign: 'sign',
  sqrt: 'sqrt',
  exp: 'exp',
  log: 'log',
  log1p: 'log1p',
  sin: 'sin',
  cos: 'cos',
  asin: 'asin',
  asinh: 'asinh',
};
export const COMPARED: Readonly<Record<Comparison, FunctionName>> = {
  lt: 'less',
  le: 'atMost',
  eq: 'equal',
};

/** A call of a function by the name that it has in WGSL. */
export function callCode(name: FunctionName, inputs: readonly string[]): string {
  return `expr${name.charAt(0).toUpperCase()}${name.slice(1)}(${inputs.join(', ')})`;
}

/** WGSL of the named functions and of what they call, each once. All names start with `expr`. */
export function functionsCode(names: Iterable<FunctionName>): string {
  const taken = new Map<FunctionName, string>();
  const take = (name: FunctionName): void => {
    if (taken.has(name)) return;
    const source: Source = SOURCES[name];
    source.needs?.forEach(take);
    taken.set(name, source.code);
  };
  for (const name of names) take(name);
  return [...taken.values()].join('');
}
