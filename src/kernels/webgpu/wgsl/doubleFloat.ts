/**
 * Double-float arithmetic in WGSL: a number is vec2(high, low), the unevaluated sum of two f32 with
 * |low| <= half an ulp of high, about 48 bits. Self-contained; all names start with `df`.
 *
 * dfTwoSum, dfTwoProd, dfFromDifference: exact sum, product, difference of two f32.
 * dfAdd, dfSub, dfMul, dfDiv, dfSqrt, dfSquare: relative error at most 2^-44.
 * dfLess, dfAtMost, dfEqual, dfIsZero: comparisons, false for NaN. dfMin, dfMax, dfAbs, dfSign.
 *
 * A high part that is not finite stands alone (low = 0), so infinity plus a finite number stays
 * infinite. Below 2^-78 (products and quotients: of the result) the low part falls under the smallest
 * normal f32, which devices may flush to 0: then only the high part counts.
 *
 * WGSL allows a compiler to reassociate sums and to fuse products into them, which would turn error
 * terms into 0. `dfFixed` hides a value from such rewriting: the compiler has to keep a test of its bits
 * between the two operations, and for all values but one bit pattern of NaN it changes nothing.
 */
export const DOUBLE_FLOAT = `
  var<private> dfNanBits : u32 = 0x7fc00000u;

  fn dfFixed(v : f32) -> f32 {
    let bits = bitcast<u32>(v);
    return bitcast<f32>(select(bits, 0x7fa00001u, bits == 0x7fa00000u));
  }

  fn dfIsFinite(v : f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) < 0x7f800000u;
  }

  fn dfIsNan(v : f32) -> bool {
    return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
  }

  // Sum of two numbers of which the first is not smaller in magnitude, or is 0.
  fn dfFastTwoSum(a : f32, b : f32) -> vec2<f32> {
    let s = dfFixed(a + b);
    let low = b - dfFixed(s - a);
    return vec2<f32>(s, select(0.0, low, dfIsFinite(s)));
  }

  fn dfTwoSum(a : f32, b : f32) -> vec2<f32> {
    let s = dfFixed(a + b);
    let bb = dfFixed(s - a);
    let aa = dfFixed(s - bb);
    let low = dfFixed(a - aa) + dfFixed(b - bb);
    return vec2<f32>(s, select(0.0, low, dfIsFinite(s)));
  }

  fn dfFromDifference(a : f32, b : f32) -> vec2<f32> {
    return dfTwoSum(a, -b);
  }

  // The upper 12 bits of the significand; the rest has 12 bits too, so all partial products are exact.
  fn dfUpper(v : f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(v) & 0xfffff000u);
  }

  fn dfTwoProd(a : f32, b : f32) -> vec2<f32> {
    let p = dfFixed(a * b);
    let aHigh = dfUpper(a);
    let bHigh = dfUpper(b);
    let aLow = a - aHigh;
    let bLow = b - bHigh;
    let first = dfFixed(aHigh * bHigh - p);
    let second = dfFixed(first + aLow * bHigh);
    let third = dfFixed(second + aHigh * bLow);
    let low = third + aLow * bLow;
    return vec2<f32>(p, select(0.0, low, dfIsFinite(p)));
  }

  fn dfAdd(a : vec2<f32>, b : vec2<f32>) -> vec2<f32> {
    let high = dfTwoSum(a.x, b.x);
    if (!dfIsFinite(high.x)) { return high; }
    let low = dfTwoSum(a.y, b.y);
    let first = dfFastTwoSum(high.x, dfFixed(high.y + low.x));
    return dfFastTwoSum(first.x, dfFixed(first.y + low.y));
  }

  fn dfSub(a : vec2<f32>, b : vec2<f32>) -> vec2<f32> {
    return dfAdd(a, -b);
  }

  fn dfMul(a : vec2<f32>, b : vec2<f32>) -> vec2<f32> {
    let p = dfTwoProd(a.x, b.x);
    if (!dfIsFinite(p.x)) { return p; }
    return dfFastTwoSum(p.x, dfFixed(p.y + dfFixed(a.x * b.y + a.y * b.x)));
  }

  fn dfSquare(a : vec2<f32>) -> vec2<f32> {
    return dfMul(a, a);
  }

  // A power of two, for -126 <= e <= 127.
  fn dfPowerOfTwo(e : i32) -> f32 {
    return bitcast<f32>(u32(e + 127) << 23u);
  }

  // v * 2^e for |e| <= 378, exact unless it leaves the range of normal numbers.
  fn dfScaled(v : vec2<f32>, e : i32) -> vec2<f32> {
    let third = e / 3;
    let step = dfPowerOfTwo(third);
    let scaled = dfFixedPair(dfFixedPair(v * step) * step) * dfPowerOfTwo(e - 2 * third);
    return vec2<f32>(scaled.x, select(0.0, scaled.y, dfIsFinite(scaled.x)));
  }

  fn dfFixedPair(v : vec2<f32>) -> vec2<f32> {
    return vec2<f32>(dfFixed(v.x), dfFixed(v.y));
  }

  fn dfExponent(v : f32) -> i32 {
    return clamp(i32((bitcast<u32>(v) >> 23u) & 0xffu) - 127, -126, 126);
  }

  fn dfDiv(a : vec2<f32>, b : vec2<f32>) -> vec2<f32> {
    let plain = dfFixed(a.x / b.x);
    // 0, infinity or NaN on either side: what the hardware gives.
    if (!dfIsFinite(a.x) || !dfIsFinite(b.x) || dfIsZero(b) || dfIsZero(a)) {
      return vec2<f32>(plain, 0.0);
    }
    // Both brought near 1: nothing on the way overflows or vanishes.
    let aExponent = dfExponent(a.x);
    let bExponent = dfExponent(b.x);
    let n = a * dfPowerOfTwo(-aExponent);
    let m = b * dfPowerOfTwo(-bExponent);
    // Each step adds about 21 bits, whatever the division of the device is worth.
    let q1 = dfFixed(n.x / m.x);
    let r1 = dfSub(n, dfMul(m, vec2<f32>(q1, 0.0)));
    let q2 = dfFixed(r1.x / m.x);
    let r2 = dfSub(r1, dfMul(m, vec2<f32>(q2, 0.0)));
    let q3 = dfFixed(r2.x / m.x);
    let q = dfAdd(dfFastTwoSum(q1, q2), vec2<f32>(q3, 0.0));
    return dfScaled(q, aExponent - bExponent);
  }

  fn dfSqrt(a : vec2<f32>) -> vec2<f32> {
    if (dfIsZero(a) || dfIsNan(a.x)) { return vec2<f32>(a.x, 0.0); }
    if (bitcast<i32>(a.x) < 0) { return vec2<f32>(bitcast<f32>(dfNanBits), 0.0); }
    if (!dfIsFinite(a.x)) { return vec2<f32>(a.x, 0.0); }
    let half = dfExponent(a.x) >> 1u;
    let scale = dfPowerOfTwo(-half);
    let m = a * scale * scale;
    let s1 = dfFixed(sqrt(m.x));
    let r1 = dfSub(m, dfTwoProd(s1, s1));
    let s2 = dfFixed(0.5 * r1.x / s1);
    let s = dfFastTwoSum(s1, s2);
    let r2 = dfSub(m, dfMul(s, s));
    let root = dfAdd(s, vec2<f32>(dfFixed(0.5 * r2.x / s1), 0.0));
    return root * dfPowerOfTwo(half);
  }

  // Order of floats as integers: WGSL lets a compiler assume that no operand is NaN or infinite.
  fn dfKey(v : f32) -> i32 {
    let bits = bitcast<i32>(v);
    return select(bits, bitcast<i32>(0x80000000u) - bits, bits < 0);
  }

  fn dfIsZero(a : vec2<f32>) -> bool {
    return (bitcast<u32>(a.x) << 1u) == 0u;
  }

  fn dfLess(a : vec2<f32>, b : vec2<f32>) -> bool {
    if (dfIsNan(a.x) || dfIsNan(b.x)) { return false; }
    let aKey = dfKey(a.x);
    let bKey = dfKey(b.x);
    return aKey < bKey || (aKey == bKey && dfKey(a.y) < dfKey(b.y));
  }

  fn dfEqual(a : vec2<f32>, b : vec2<f32>) -> bool {
    return !dfIsNan(a.x) && dfKey(a.x) == dfKey(b.x) && dfKey(a.y) == dfKey(b.y);
  }

  fn dfAtMost(a : vec2<f32>, b : vec2<f32>) -> bool {
    return dfLess(a, b) || dfEqual(a, b);
  }

  // NaN on either side gives NaN.
  fn dfMin(a : vec2<f32>, b : vec2<f32>) -> vec2<f32> {
    return select(b, a, dfLess(a, b) || dfIsNan(a.x));
  }

  fn dfMax(a : vec2<f32>, b : vec2<f32>) -> vec2<f32> {
    return select(b, a, dfLess(b, a) || dfIsNan(a.x));
  }

  fn dfAbs(a : vec2<f32>) -> vec2<f32> {
    return select(a, -a, bitcast<i32>(a.x) < 0);
  }

  fn dfSign(a : vec2<f32>) -> vec2<f32> {
    if (dfIsNan(a.x) || dfIsZero(a)) { return a; }
    return vec2<f32>(select(1.0, -1.0, bitcast<i32>(a.x) < 0), 0.0);
  }
`;
