/**
 * Packing into panels: W neighbouring rows or columns of a matrix become [k][W], so that the inner
 * loops read memory strictly forward. Lanes past the edge of the matrix are zero.
 */

/** The panel's lanes are contiguous in the source, `stride` bytes apart from one k to the next. */
export function packAcross(
  source: usize,
  stride: usize,
  count: u32,
  valid: u32,
  target: usize,
  width: u32,
): void {
  if (valid == width) {
    if (width == 8) {
      for (let k: u32 = 0; k < count; k++) {
        v128.store(target, v128.load(source));
        v128.store(target, v128.load(source, 16), 16);
        source += stride;
        target += 32;
      }
    } else {
      for (let k: u32 = 0; k < count; k++) {
        v128.store(target, v128.load(source));
        source += stride;
        target += 16;
      }
    }
    return;
  }
  for (let k: u32 = 0; k < count; k++) {
    for (let lane: u32 = 0; lane < width; lane++) {
      const value: f32 = lane < valid ? load<f32>(source + (lane << 2)) : 0;
      store<f32>(target + (lane << 2), value);
    }
    source += stride;
    target += width << 2;
  }
}

/** Four source rows, contiguous along k, into four lanes of a panel whose k steps are `step` bytes apart. */
export function transposeFour(
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  count: u32,
  target: usize,
  step: usize,
): void {
  let k: u32 = 0;
  for (; k + 4 <= count; k += 4) {
    const at = (<usize>k) << 2;
    const a = v128.load(r0 + at);
    const b = v128.load(r1 + at);
    const c = v128.load(r2 + at);
    const d = v128.load(r3 + at);
    const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
    const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
    const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
    v128.store(target, v128.shuffle<i64>(ab0, cd0, 0, 2));
    target += step;
    v128.store(target, v128.shuffle<i64>(ab0, cd0, 1, 3));
    target += step;
    v128.store(target, v128.shuffle<i64>(ab1, cd1, 0, 2));
    target += step;
    v128.store(target, v128.shuffle<i64>(ab1, cd1, 1, 3));
    target += step;
  }
  for (; k < count; k++) {
    const at = (<usize>k) << 2;
    store<f32>(target, load<f32>(r0 + at));
    store<f32>(target, load<f32>(r1 + at), 4);
    store<f32>(target, load<f32>(r2 + at), 8);
    store<f32>(target, load<f32>(r3 + at), 12);
    target += step;
  }
}

/** The source is contiguous along k; the panel's lanes are `stride` bytes apart. */
export function packAlong(
  source: usize,
  stride: usize,
  count: u32,
  valid: u32,
  target: usize,
  width: u32,
): void {
  const step = (<usize>width) << 2;
  let lane: u32 = 0;
  for (; lane + 4 <= valid; lane += 4) {
    const row = source + <usize>lane * stride;
    transposeFour(
      row,
      row + stride,
      row + 2 * stride,
      row + 3 * stride,
      count,
      target + (lane << 2),
      step,
    );
  }
  for (; lane < width; lane++) {
    let from = source + <usize>lane * stride;
    let to = target + (lane << 2);
    if (lane < valid) {
      for (let k: u32 = 0; k < count; k++) {
        store<f32>(to, load<f32>(from));
        from += 4;
        to += step;
      }
    } else {
      for (let k: u32 = 0; k < count; k++) {
        store<f32>(to, 0);
        to += step;
      }
    }
  }
}
