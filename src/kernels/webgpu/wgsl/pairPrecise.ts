import type { ExpressionForm, MetricForm, ProductForm } from '../../../specs/metricForm.js';
import { DOUBLE_FLOAT } from './doubleFloat.js';
import { pairAux, PAIR_START } from './pairDirect.js';

/**
 * `pairKey(row, j)`: key of the distance of one pair, rounded to float32 from double-float arithmetic
 * (similarities: of its negative). Rows of any magnitude are scaled by powers of two, exactly, so that
 * no square overflows or vanishes, as none does in float64.
 */
export function pairPreciseCode(form: MetricForm, formCodePrecise: string): string {
  return form.family === 'expression'
    ? `${DOUBLE_FLOAT}\n${formCodePrecise}\n${expressionPair(form)}`
    : `${DOUBLE_FLOAT}\n${SCALING}\n${productPair(form)}`;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (items: readonly string[]): string => items.join('\n');

const SCALING = `
const INFINITE = 0x7f800000u;

fn magnitude(bits : u32) -> u32 { return bits & 0x7fffffffu; }

// Powers of two come in steps of 60: a value in step c is within 2^(60 c - 30) and 2^(60 c + 30).
fn stepOf(bits : u32) -> i32 {
  let e = i32(bits >> 23u) - 127;
  return (e + 150) / 60 - 2;
}

// v 2^(-60 step), exactly: devices may take subnormal numbers for 0 in arithmetic.
fn scaled(bits : u32, step : i32) -> f32 {
  if ((bits & 0x7f800000u) == 0u && step < 0) {
    let digits = f32(bits & 0x7fffffu);
    let value = digits * bitcast<f32>(u32(127 - 149 - 60 * step) << 23u);
    return select(value, -value, (bits >> 31u) == 1u);
  }
  return bitcast<f32>(bits) * bitcast<f32>(u32(127 - 60 * step) << 23u);
}

// Bits of the float32 nearest to v 2^e, to even at a tie, subnormal and infinite ones included.
fn rounded(v : vec2<f32>, e : i32) -> u32 {
  let bits = bitcast<u32>(v.x);
  let sign = bits & 0x80000000u;
  if (magnitude(bits) == 0u) { return 0u; }
  let exponent = i32((bits >> 23u) & 255u) + e;
  if (exponent >= 255) { return sign | INFINITE; }
  if (exponent >= 1) { return sign | (u32(exponent) << 23u) | (bits & 0x7fffffu); }
  let shift = 1 - exponent;
  if (shift > 25) { return sign; }
  let digits = (bits & 0x7fffffu) | 0x800000u;
  var kept = digits >> u32(shift);
  let rest = digits - (kept << u32(shift));
  let half = 1u << u32(shift - 1);
  // The low part decides at a tie; its sign is relative to the high part's.
  let low = magnitude(bitcast<u32>(v.y));
  let lowUp = low != 0u && ((bitcast<u32>(v.y) ^ bits) >> 31u) == 0u;
  if (rest > half || (rest == half && (lowUp || (low == 0u && (kept & 1u) == 1u)))) { kept = kept + 1u; }
  return sign | kept;
}
`;

const SQUARES = `
  // Largest difference, halved so that it can't overflow.
  var largest = 0u;
  var isInfinite = false;
  for (var f = 0u; f < params.features; f = f + 1u) {
    let xBits = bitcast<u32>(queries[x + f]);
    let yBits = bitcast<u32>(points[y + f]);
    if (magnitude(xBits) > INFINITE || magnitude(yBits) > INFINITE) { return NEVER; }
    if (magnitude(xBits) == INFINITE || magnitude(yBits) == INFINITE) {
      // Infinity minus itself is no number.
      if (xBits == yBits) { return NEVER; }
      isInfinite = true;
    } else if (xBits != yBits) {
      largest = max(largest, magnitude(bitcast<u32>(0.5 * queries[x + f] - 0.5 * points[y + f])));
    }
  }
  if (isInfinite) { return keyOfBits(INFINITE); }
  let step = stepOf(largest);
  var sum = vec2<f32>();
  for (var f = 0u; f < params.features; f = f + 1u) {
    let xBits = bitcast<u32>(queries[x + f]);
    let yBits = bitcast<u32>(points[y + f]);
    // Equal values may be too large for the scale of the differences.
    if (xBits != yBits) {
      let t = dfFromDifference(scaled(xBits, step), scaled(yBits, step));
      sum = dfAdd(sum, dfMul(t, t));
    }
  }`;

const COSINE = `
  var xLargest = 0u;
  var yLargest = 0u;
  for (var f = 0u; f < params.features; f = f + 1u) {
    xLargest = max(xLargest, magnitude(bitcast<u32>(queries[x + f])));
    yLargest = max(yLargest, magnitude(bitcast<u32>(points[y + f])));
  }
  // An infinite row has no angle: infinity over infinity.
  if (max(xLargest, yLargest) >= INFINITE) { return NEVER; }
  if (min(xLargest, yLargest) == 0u) { return keyOf(1.0); }
  let xStep = stepOf(xLargest);
  let yStep = stepOf(yLargest);
  var xy = vec2<f32>();
  var xx = vec2<f32>();
  var yy = vec2<f32>();
  for (var f = 0u; f < params.features; f = f + 1u) {
    let xv = scaled(bitcast<u32>(queries[x + f]), xStep);
    let yv = scaled(bitcast<u32>(points[y + f]), yStep);
    xy = dfAdd(xy, dfTwoProd(xv, yv));
    xx = dfAdd(xx, dfTwoProd(xv, xv));
    yy = dfAdd(yy, dfTwoProd(yv, yv));
  }
  let xLength = dfSqrt(xx);
  let yLength = dfSqrt(yy);
  let both = dfMul(xLength, yLength);
  let distance = dfSub(vec2<f32>(1.0, 0.0), dfDiv(xy, both));
  if (distance.x > 0.0625) { return keyOf(distance.x); }
  // Close to 0 the subtraction cancels: half the square of the difference of the unit rows does not.
  var sum = vec2<f32>();
  for (var f = 0u; f < params.features; f = f + 1u) {
    let xv = scaled(bitcast<u32>(queries[x + f]), xStep);
    let yv = scaled(bitcast<u32>(points[y + f]), yStep);
    let t = dfSub(dfMul(yLength, vec2<f32>(xv, 0.0)), dfMul(xLength, vec2<f32>(yv, 0.0)));
    sum = dfAdd(sum, dfMul(t, t));
  }
  return keyOf(0.5 * dfDiv(sum, dfMul(xx, yy)).x);`;

/** Terms are products of significands: a product of a huge and a tiny factor counts in full. */
const INNER_PRODUCT = `
  var largest = -1000;
  var infinities = vec2<bool>(false);
  for (var f = 0u; f < params.features; f = f + 1u) {
    let xBits = bitcast<u32>(queries[x + f]);
    let yBits = bitcast<u32>(points[y + f]);
    let xm = magnitude(xBits);
    let ym = magnitude(yBits);
    if (xm > INFINITE || ym > INFINITE) { return NEVER; }
    if (xm == INFINITE || ym == INFINITE) {
      if (xm == 0u || ym == 0u) { return NEVER; }
      let isNegative = ((xBits ^ yBits) >> 31u) == 1u;
      infinities = infinities | vec2<bool>(!isNegative, isNegative);
    } else if (xm != 0u && ym != 0u) {
      largest = max(largest, exponentOf(xm) + exponentOf(ym));
    }
  }
  if (all(infinities)) { return NEVER; }
  if (any(infinities)) { return keyOfBits(select(INFINITE, INFINITE | 0x80000000u, infinities.x)); }
  var sum = vec2<f32>();
  for (var f = 0u; f < params.features; f = f + 1u) {
    let xBits = bitcast<u32>(queries[x + f]);
    let yBits = bitcast<u32>(points[y + f]);
    if (magnitude(xBits) != 0u && magnitude(yBits) != 0u) {
      let e = exponentOf(magnitude(xBits)) + exponentOf(magnitude(yBits)) - largest;
      if (e > -100) {
        let scale = bitcast<f32>(u32(127 + e) << 23u);
        sum = dfAdd(sum, dfTwoProd(significand(xBits), significand(yBits)) * scale);
      }
    }
  }
  return keyOfBits(rounded(-sum, largest));`;

const SIGNIFICANDS = `
fn exponentOf(magnitude : u32) -> i32 {
  return select(i32(magnitude >> 23u) - 127, -118 - i32(countLeadingZeros(magnitude)), magnitude < 0x800000u);
}

// Sign and digits of a number, in [1, 2).
fn significand(bits : u32) -> f32 {
  var digits = bits & 0x7fffffu;
  if ((bits & 0x7f800000u) == 0u) { digits = (digits << (countLeadingZeros(digits) - 8u)) & 0x7fffffu; }
  return bitcast<f32>((bits & 0x80000000u) | 0x3f800000u | digits);
}
`;

function productPair({ family, root }: ProductForm): string {
  const body =
    family === 'cosine'
      ? COSINE
      : family === 'innerProduct'
        ? INNER_PRODUCT
        : `${SQUARES}
  return keyOfBits(${root ? 'rounded(dfSqrt(sum), 60 * step)' : 'rounded(sum, 120 * step)'});`;
  return `${family === 'innerProduct' ? SIGNIFICANDS : ''}
fn pairKey(row : u32, j : u32) -> u32 {
${PAIR_START}
${body}
}
`;
}

function expressionPair(form: ExpressionForm): string {
  const terms = range(form.terms.length);
  const fold = (t: number): string =>
    form.reduce === 'max'
      ? `    { let v = preciseTerm${t}(xv, yv); if (v.x > s${t}.x || (v.x == s${t}.x && v.y > s${t}.y)) { s${t} = v; } }`
      : `    s${t} = dfAdd(s${t}, preciseTerm${t}(xv, yv));`;
  return `
fn pairKey(row : u32, j : u32) -> u32 {
${PAIR_START}
${lines(terms.map((t) => `  var s${t} = vec2<f32>();`))}
  for (var f = 0u; f < params.features; f = f + 1u) {
    let xv = queries[x + f];
    let yv = points[y + f];
${lines(terms.map(fold))}
  }
${pairAux(form)}
  let rank = preciseRank(s0, ${terms.length === 2 ? 's1' : 'vec2<f32>()'}, a, b, f32(params.features));
  return keyOf(preciseFinish(rank).x);
}
`;
}
