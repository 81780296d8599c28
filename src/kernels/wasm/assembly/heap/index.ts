/**
 * Functions that run in tfjs's own memory, where the tensors are: work bound by memory, for which copies
 * into ours would cost more than a second thread gains. The module has no data of its own there.
 */

/** out = x where x >= 0, alpha x elsewhere; NaN stays. */
export function leakyRelu(x: usize, out: usize, size: u32, alpha: f32): void {
  const slope = f32x4.splat(alpha);
  const zero = f32x4.splat(0);
  const end = x + ((<usize>size) << 2);
  for (; x + 16 <= end; x += 16) {
    const v = v128.load(x);
    v128.store(out, v128.bitselect(f32x4.mul(v, slope), v, f32x4.lt(v, zero)));
    out += 16;
  }
  for (; x < end; x += 4) {
    const v = load<f32>(x);
    store<f32>(out, v < 0 ? v * alpha : v);
    out += 4;
  }
}

/** out = dy (x > 0 ? 1 : alpha). */
export function leakyReluGradient(x: usize, dy: usize, out: usize, size: u32, alpha: f32): void {
  const slope = f32x4.splat(alpha);
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const end = x + ((<usize>size) << 2);
  for (; x + 16 <= end; x += 16) {
    const factor = v128.bitselect(one, slope, f32x4.gt(v128.load(x), zero));
    v128.store(out, f32x4.mul(v128.load(dy), factor));
    dy += 16;
    out += 16;
  }
  for (; x < end; x += 4) {
    store<f32>(out, load<f32>(dy) * (load<f32>(x) > 0 ? <f32>1 : alpha));
    dy += 4;
    out += 4;
  }
}

/** out[row] = x[row] + vector for rows of `width` values. */
export function addToRows(x: usize, vector: usize, out: usize, rows: u32, width: u32): void {
  const bytes = (<usize>width) << 2;
  const whole = bytes & ~15;
  for (let row: u32 = 0; row < rows; row++) {
    let at: usize = 0;
    for (; at < whole; at += 16) {
      v128.store(out + at, f32x4.add(v128.load(x + at), v128.load(vector + at)));
    }
    for (; at < bytes; at += 4) {
      store<f32>(out + at, load<f32>(x + at) + load<f32>(vector + at));
    }
    x += bytes;
    out += bytes;
  }
}

/** Terms of a lane that are added in float32, before float64. */
const BLOCK: u32 = 256;

function lanes(v: v128): f64 {
  const low = f64x2.promote_low_f32x4(v);
  const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** Sum of `size` values in a row. */
function sumRun(x: usize, size: u32): f64 {
  let total: f64 = 0;
  while (size >= 16) {
    const vectors = min(size >> 4, BLOCK);
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    let c = f32x4.splat(0);
    let d = f32x4.splat(0);
    for (let i: u32 = 0; i < vectors; i++) {
      a = f32x4.add(a, v128.load(x));
      b = f32x4.add(b, v128.load(x, 16));
      c = f32x4.add(c, v128.load(x, 32));
      d = f32x4.add(d, v128.load(x, 48));
      x += 64;
    }
    total += lanes(a) + lanes(b) + (lanes(c) + lanes(d));
    size -= vectors << 4;
  }
  for (; size > 0; size--) {
    total += <f64>load<f32>(x);
    x += 4;
  }
  return total;
}

/** Four columns: sums of `rows` values that are `stride` bytes apart. */
function sumFour(x: usize, rows: u32, stride: usize, out: usize): void {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  while (rows > 0) {
    const count = min(rows, BLOCK);
    let sum = f32x4.splat(0);
    for (let i: u32 = 0; i < count; i++) {
      sum = f32x4.add(sum, v128.load(x));
      x += stride;
    }
    low = f64x2.add(low, f64x2.promote_low_f32x4(sum));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(sum, sum, 1, 1)));
    rows -= count;
  }
  storeFour(out, low, high);
}

/** Sixteen columns at once, so that whole cache lines are read. */
function sumSixteen(x: usize, rows: u32, stride: usize, out: usize): void {
  let t0 = f64x2.splat(0);
  let t1 = t0;
  let t2 = t0;
  let t3 = t0;
  let t4 = t0;
  let t5 = t0;
  let t6 = t0;
  let t7 = t0;
  while (rows > 0) {
    const count = min(rows, BLOCK);
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let i: u32 = 0; i < count; i++) {
      a = f32x4.add(a, v128.load(x));
      b = f32x4.add(b, v128.load(x, 16));
      c = f32x4.add(c, v128.load(x, 32));
      d = f32x4.add(d, v128.load(x, 48));
      x += stride;
    }
    t0 = f64x2.add(t0, f64x2.promote_low_f32x4(a));
    t1 = f64x2.add(t1, f64x2.promote_low_f32x4(v128.shuffle<i64>(a, a, 1, 1)));
    t2 = f64x2.add(t2, f64x2.promote_low_f32x4(b));
    t3 = f64x2.add(t3, f64x2.promote_low_f32x4(v128.shuffle<i64>(b, b, 1, 1)));
    t4 = f64x2.add(t4, f64x2.promote_low_f32x4(c));
    t5 = f64x2.add(t5, f64x2.promote_low_f32x4(v128.shuffle<i64>(c, c, 1, 1)));
    t6 = f64x2.add(t6, f64x2.promote_low_f32x4(d));
    t7 = f64x2.add(t7, f64x2.promote_low_f32x4(v128.shuffle<i64>(d, d, 1, 1)));
    rows -= count;
  }
  storeFour(out, t0, t1);
  storeFour(out + 16, t2, t3);
  storeFour(out + 32, t4, t5);
  storeFour(out + 48, t6, t7);
}

function storeFour(out: usize, low: v128, high: v128): void {
  const l = f32x4.demote_f64x2_zero(low);
  const h = f32x4.demote_f64x2_zero(high);
  v128.store(out, v128.shuffle<i64>(l, h, 0, 2));
}

/** out[i, j] = sum over r < rows of x[i, r, j], for i < outer and j < width. */
export function sumRows(x: usize, out: usize, outer: u32, rows: u32, width: u32): void {
  const stride = (<usize>width) << 2;
  for (let i: u32 = 0; i < outer; i++) {
    if (width == 1) {
      store<f32>(out, <f32>sumRun(x, rows));
    } else {
      let at: usize = 0;
      for (; at + 64 <= stride; at += 64) sumSixteen(x + at, rows, stride, out + at);
      for (; at + 16 <= stride; at += 16) sumFour(x + at, rows, stride, out + at);
      for (; at < stride; at += 4) {
        let sum: f64 = 0;
        for (let r: u32 = 0; r < rows; r++) sum += <f64>load<f32>(x + at + <usize>r * stride);
        store<f32>(out + at, <f32>sum);
      }
    }
    x += stride * rows;
    out += stride;
  }
}
