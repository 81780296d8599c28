import { packAlong } from './pack';

/**
 * Candidates of a neighbour search by products: v = norm(point) + query . point, where the query has been
 * multiplied by -2 (squares) or -1 (similarities), is smaller for nearer points. The best `keep` of every
 * query stay in a list that lives through all slabs of points.
 */

/** Features per block: sums of more are added block by block, which also bounds their error. */
const BLOCK: u32 = 256;
/** Points whose partial sums are kept when there are several blocks. */
const STRIP: u32 = 64;
/** Lists up to this length stand sorted, longer ones in a heap with the worst pair at its root. */
const SORTED: u32 = 64;

/** Index of each argument, in bytes; the same table is in knnProduct.ts. */
const D: usize = 0;
const STAGED: usize = 4;
const STAGED_COUNT: usize = 8;
const FIRST_PANEL: usize = 12;
const PANELS: usize = 16;
const PANEL_COUNT: usize = 20;
const NORMS: usize = 24;
const QUERIES: usize = 28;
const QUERY_COUNT: usize = 32;
const QUERY_BLOCK: usize = 36;
const SCRATCH: usize = 40;
const SCRATCH_STRIDE: usize = 44;
const VALUES: usize = 48;
const INDICES: usize = 52;
const KEEP: usize = 56;
const FIRST_POINT: usize = 60;
const POINT_COUNT: usize = 64;
const SEGMENTS: usize = 68;
const FIRST_SELF: usize = 72;
const ALLOWED: usize = 76;
const ALLOWED_STRIDE: usize = 80;
const QUERY_GROUPS: usize = 84;
const POINT_GROUPS: usize = 88;
const FAMILY: usize = 92;
const SCALE: usize = 96;
const CENTRE: usize = 100;
const SIZES: usize = 104;
const QUERY_SIZES: usize = 108;

const SQUARES: u32 = 0;
const COSINE: u32 = 1;

function align(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Scale and move a row in place; returns its squared size. */
function prepareRow(at: usize, bytes: usize, scale: f32, centre: usize): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const scales = f32x4.splat(scale);
  let f: usize = 0;
  for (; f + 16 <= bytes; f += 16) {
    const value = f32x4.sub(f32x4.mul(v128.load(at + f), scales), v128.load(centre + f));
    v128.store(at + f, value);
    const first = f64x2.promote_low_f32x4(value);
    const second = f64x2.promote_low_f32x4(v128.shuffle<u32>(value, value, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(first, first));
    high = f64x2.add(high, f64x2.mul(second, second));
  }
  const sums = f64x2.add(low, high);
  let size = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  for (; f < bytes; f += 4) {
    const value = load<f32>(at + f) * scale - load<f32>(centre + f);
    store<f32>(at + f, value);
    size += <f64>value * <f64>value;
  }
  return size;
}

/**
 * Prepare rows in place and store their squared sizes: squares are scaled and moved by `centre`, cosine
 * rows are divided by their length. A row that is not finite becomes zero and its size Infinity.
 */
function prepareRows(args: usize, rows: usize, count: u32, sizes: usize, factor: f32): void {
  const d = load<u32>(args, D);
  const family = load<u32>(args, FAMILY);
  const scale = load<f32>(args, SCALE);
  const centre = <usize>load<u32>(args, CENTRE);
  const bytes = (<usize>d) << 2;
  for (let row: u32 = 0; row < count; row++) {
    const at = rows + <usize>row * bytes;
    let size = prepareRow(at, bytes, family == SQUARES ? scale : 1, centre);
    if (!(size < Infinity)) {
      memory.fill(at, 0, bytes);
      store<f32>(sizes + ((<usize>row) << 2), Infinity);
      continue;
    }
    if (family == COSINE && size > 0) {
      const inverse = 1 / sqrt<f64>(size);
      for (let f: usize = 0; f < bytes; f += 4) {
        store<f32>(at + f, <f32>(<f64>load<f32>(at + f) * inverse));
      }
    }
    store<f32>(sizes + ((<usize>row) << 2), <f32>size);
    if (factor != 1) {
      for (let f: usize = 0; f < bytes; f += 4) store<f32>(at + f, load<f32>(at + f) * factor);
    }
  }
}

/** Prepare 64 queries of the slab: products with them are then to be made small. */
export function productQueries(args: usize, chunk: u32, thread: u32): void {
  const row0 = chunk * 64;
  const rows = min<u32>(64, load<u32>(args, QUERY_COUNT) - row0);
  const at = <usize>load<u32>(args, QUERIES) + <usize>row0 * load<u32>(args, D) * 4;
  const sizes = <usize>load<u32>(args, QUERY_SIZES) + ((<usize>row0) << 2);
  prepareRows(args, at, rows, sizes, load<u32>(args, FAMILY) == SQUARES ? -2 : -1);
}

/** Prepare and pack 8 panels (64 points) of the staged rows, block of features by block. */
export function productPack(args: usize, chunk: u32, thread: u32): void {
  const d = load<u32>(args, D);
  const count = load<u32>(args, STAGED_COUNT);
  const staged = <usize>load<u32>(args, STAGED);
  const panels = load<u32>(args, PANEL_COUNT);
  const first = load<u32>(args, FIRST_PANEL);
  const target = <usize>load<u32>(args, PANELS);
  const end = min(count, (chunk + 1) * 64);
  const stride = (<usize>d) << 2;
  const row0 = chunk * 64;
  const column0 = (<usize>first * 8 + row0) << 2;
  const sizes = <usize>load<u32>(args, SIZES) + column0;
  const norms = <usize>load<u32>(args, NORMS) + column0;
  prepareRows(args, staged + <usize>row0 * stride, end - row0, sizes, 1);
  const isSquares = load<u32>(args, FAMILY) == SQUARES;
  for (let row: usize = 0; row < <usize>(end - row0); row++) {
    const size = load<f32>(sizes + (row << 2));
    store<f32>(norms + (row << 2), isSquares || size == Infinity ? size : 0);
  }
  for (let f: u32 = 0; f < d; f += BLOCK) {
    const width = min(BLOCK, d - f);
    for (let row = row0; row < end; row += 8) {
      const panel = first + (row >> 3);
      const to = target + (<usize>f * panels + <usize>panel * width) * 32;
      packAlong(
        staged + <usize>row * stride + (f << 2),
        stride,
        width,
        min<u32>(8, end - row),
        to,
        8,
      );
    }
  }
}

/** One block of queries against one segment of the slab's points. */
export function productBlock(args: usize, chunk: u32, thread: u32): void {
  const d = load<u32>(args, D);
  const block = load<u32>(args, QUERY_BLOCK);
  const queries = load<u32>(args, QUERY_COUNT);
  const queryBlocks = (queries + block - 1) / block;
  const segment = chunk / queryBlocks;
  const row0 = (chunk % queryBlocks) * block;
  const rows = min(block, queries - row0);
  const panels = load<u32>(args, PANEL_COUNT);
  const used = (load<u32>(args, POINT_COUNT) + 7) / 8;
  const perSegment = (used + load<u32>(args, SEGMENTS) - 1) / load<u32>(args, SEGMENTS);
  const from = segment * perSegment;
  const to = min(from + perSegment, used);
  if (from >= to) return;
  const scratch = <usize>load<u32>(args, SCRATCH) + <usize>thread * load<u32>(args, SCRATCH_STRIDE);
  const sums = align(scratch + 128);
  const packed = align(sums + <usize>block * STRIP * 4);
  const source = <usize>load<u32>(args, QUERIES) + <usize>row0 * d * 4;
  const quads = (rows + 3) / 4;
  for (let f: u32 = 0; f < d; f += BLOCK) {
    const width = min(BLOCK, d - f);
    for (let row: u32 = 0; row < rows; row += 4) {
      const target = packed + (<usize>f * quads + <usize>(row >> 2) * width) * 16;
      packAlong(
        source + (<usize>row * d + f) * 4,
        (<usize>d) << 2,
        width,
        min<u32>(4, rows - row),
        target,
        4,
      );
    }
  }
  const list = segment * queries + row0;
  if (d <= BLOCK) scanFused(args, packed, scratch, rows, row0, list, from, to, panels);
  else scanStrips(args, packed, sums, rows, row0, list, from, to, panels);
}

function tauOf(args: usize, list: u32): usize {
  const keep = load<u32>(args, KEEP);
  const row = <usize>load<u32>(args, VALUES) + <usize>list * keep * 4;
  return keep > SORTED ? row : row + ((<usize>keep - 1) << 2);
}

/** Rows of at most one block of features: products are compared while they stand in registers. */
function scanFused(
  args: usize,
  packed: usize,
  scratch: usize,
  rows: u32,
  row0: u32,
  list: u32,
  from: u32,
  to: u32,
  panels: u32,
): void {
  const d = load<u32>(args, D);
  const norms = <usize>load<u32>(args, NORMS);
  const panelBase = <usize>load<u32>(args, PANELS);
  const step = (<usize>load<u32>(args, KEEP)) << 2;
  const quadBytes = (<usize>d) << 4;
  const panelBytes = (<usize>d) << 5;
  const points = load<u32>(args, POINT_COUNT);
  const tau0 = tauOf(args, list);
  for (let panel = from; panel < to; panel++) {
    const p = panelBase + <usize>panel * panelBytes;
    const norm = norms + ((<usize>panel) << 5);
    const col = panel << 3;
    const cols = min<u32>(8, points - col);
    let q = packed;
    let tau = tau0;
    for (let row: u32 = 0; row < rows; row += 4) {
      const valid = min<u32>(4, rows - row);
      // Rows past the end repeat the first: their values are not offered.
      const t1 = valid > 1 ? tau + step : tau;
      const t2 = valid > 2 ? tau + 2 * step : tau;
      const t3 = valid > 3 ? tau + 3 * step : tau;
      if (fusedTile(q, p, d, norm, tau, t1, t2, t3, scratch)) {
        for (let r: u32 = 0; r < valid; r++) {
          offer(args, scratch + (r << 5), col, cols, row0 + row + r, list + row + r);
        }
      }
      q += quadBytes;
      tau += 4 * step;
    }
  }
}

/** Longer rows: partial sums of a strip of points are kept until the last block of features. */
function scanStrips(
  args: usize,
  packed: usize,
  sums: usize,
  rows: u32,
  row0: u32,
  list: u32,
  from: u32,
  to: u32,
  panels: u32,
): void {
  const d = load<u32>(args, D);
  const norms = <usize>load<u32>(args, NORMS);
  const panelBase = <usize>load<u32>(args, PANELS);
  const points = load<u32>(args, POINT_COUNT);
  const quads = (rows + 3) / 4;
  for (let strip = from; strip < to; strip += STRIP / 8) {
    const end = min(strip + STRIP / 8, to);
    for (let f: u32 = 0; f < d; f += BLOCK) {
      const width = min(BLOCK, d - f);
      const qBlock = packed + <usize>f * quads * 16;
      const pBlock = panelBase + <usize>f * panels * 32;
      for (let panel = strip; panel < end; panel++) {
        const p = pBlock + ((<usize>panel * width) << 5);
        const column = sums + ((<usize>(panel - strip) * quads) << 7);
        for (let quad: u32 = 0; quad < quads; quad++) {
          addTile(
            qBlock + ((<usize>quad * width) << 4),
            p,
            width,
            column + ((<usize>quad) << 7),
            f > 0,
          );
        }
      }
    }
    for (let panel = strip; panel < end; panel++) {
      const norm = norms + ((<usize>panel) << 5);
      const n0 = v128.load(norm);
      const n1 = v128.load(norm, 16);
      const col = panel << 3;
      const cols = min<u32>(8, points - col);
      const column = sums + ((<usize>(panel - strip) * quads) << 7);
      for (let row: u32 = 0; row < rows; row++) {
        const at = column + ((<usize>(row >> 2)) << 7) + ((row & 3) << 5);
        const a = f32x4.add(v128.load(at), n0);
        const b = f32x4.add(v128.load(at, 16), n1);
        const limit = v128.load_splat<f32>(tauOf(args, list + row));
        if (v128.any_true(v128.or(f32x4.lt(a, limit), f32x4.lt(b, limit)))) {
          v128.store(at, a);
          v128.store(at, b, 16);
          offer(args, at, col, cols, row0 + row, list + row);
        }
      }
    }
  }
}

function multiplyAdd(a: v128, b: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(sum, f32x4.mul(a, b));
}

/** 4 queries times 8 points plus the points' norms; stored when any is below its row's limit. */
function fusedTile(
  q: usize,
  p: usize,
  count: u32,
  norm: usize,
  t0: usize,
  t1: usize,
  t2: usize,
  t3: usize,
  out: usize,
): bool {
  let c00 = v128.load(norm);
  let c01 = v128.load(norm, 16);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const n0 = c00;
  const n1 = c01;
  c00 = c10;
  c01 = c10;
  const end = q + ((<usize>count) << 4);
  while (q < end) {
    const p0 = v128.load(p);
    const p1 = v128.load(p, 16);
    let s = v128.load_splat<f32>(q);
    c00 = multiplyAdd(s, p0, c00);
    c01 = multiplyAdd(s, p1, c01);
    s = v128.load_splat<f32>(q, 4);
    c10 = multiplyAdd(s, p0, c10);
    c11 = multiplyAdd(s, p1, c11);
    s = v128.load_splat<f32>(q, 8);
    c20 = multiplyAdd(s, p0, c20);
    c21 = multiplyAdd(s, p1, c21);
    s = v128.load_splat<f32>(q, 12);
    c30 = multiplyAdd(s, p0, c30);
    c31 = multiplyAdd(s, p1, c31);
    q += 16;
    p += 32;
  }
  c00 = f32x4.add(c00, n0);
  c01 = f32x4.add(c01, n1);
  c10 = f32x4.add(c10, n0);
  c11 = f32x4.add(c11, n1);
  c20 = f32x4.add(c20, n0);
  c21 = f32x4.add(c21, n1);
  c30 = f32x4.add(c30, n0);
  c31 = f32x4.add(c31, n1);
  let limit = v128.load_splat<f32>(t0);
  let below = v128.or(f32x4.lt(c00, limit), f32x4.lt(c01, limit));
  limit = v128.load_splat<f32>(t1);
  below = v128.or(below, v128.or(f32x4.lt(c10, limit), f32x4.lt(c11, limit)));
  limit = v128.load_splat<f32>(t2);
  below = v128.or(below, v128.or(f32x4.lt(c20, limit), f32x4.lt(c21, limit)));
  limit = v128.load_splat<f32>(t3);
  below = v128.or(below, v128.or(f32x4.lt(c30, limit), f32x4.lt(c31, limit)));
  if (!v128.any_true(below)) return false;
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out, c10, 32);
  v128.store(out, c11, 48);
  v128.store(out, c20, 64);
  v128.store(out, c21, 80);
  v128.store(out, c30, 96);
  v128.store(out, c31, 112);
  return true;
}

/** 4 queries times 8 points over one block of features, stored or added at `out`. */
function addTile(q: usize, p: usize, count: u32, out: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = q + ((<usize>count) << 4);
  while (q < end) {
    const p0 = v128.load(p);
    const p1 = v128.load(p, 16);
    let s = v128.load_splat<f32>(q);
    c00 = multiplyAdd(s, p0, c00);
    c01 = multiplyAdd(s, p1, c01);
    s = v128.load_splat<f32>(q, 4);
    c10 = multiplyAdd(s, p0, c10);
    c11 = multiplyAdd(s, p1, c11);
    s = v128.load_splat<f32>(q, 8);
    c20 = multiplyAdd(s, p0, c20);
    c21 = multiplyAdd(s, p1, c21);
    s = v128.load_splat<f32>(q, 12);
    c30 = multiplyAdd(s, p0, c30);
    c31 = multiplyAdd(s, p1, c31);
    q += 16;
    p += 32;
  }
  if (add) {
    c00 = f32x4.add(v128.load(out), c00);
    c01 = f32x4.add(v128.load(out, 16), c01);
    c10 = f32x4.add(v128.load(out, 32), c10);
    c11 = f32x4.add(v128.load(out, 48), c11);
    c20 = f32x4.add(v128.load(out, 64), c20);
    c21 = f32x4.add(v128.load(out, 80), c21);
    c30 = f32x4.add(v128.load(out, 96), c30);
    c31 = f32x4.add(v128.load(out, 112), c31);
  }
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out, c10, 32);
  v128.store(out, c11, 48);
  v128.store(out, c20, 64);
  v128.store(out, c21, 80);
  v128.store(out, c30, 96);
  v128.store(out, c31, 112);
}

/** Whether query `row` of the slab may return point `index` of the matrix. */
function isAllowed(args: usize, row: u32, index: u32): bool {
  if (<i32>index == load<i32>(args, FIRST_SELF) + <i32>row) return false;
  const allowed = <usize>load<u32>(args, ALLOWED);
  if (allowed != 0) {
    const words = allowed + <usize>row * load<u32>(args, ALLOWED_STRIDE);
    if (((load<u32>(words + (((<usize>index) >> 4) << 2)) >> (index & 15)) & 1) == 0) return false;
  }
  const groups = <usize>load<u32>(args, QUERY_GROUPS);
  if (groups == 0) return true;
  const own = load<i32>(groups + ((<usize>row) << 2));
  return own == load<i32>(<usize>load<u32>(args, POINT_GROUPS) + ((<usize>index) << 2));
}

/** Offer the first `cols` of 8 values to the list of one query; NaN is never below. */
function offer(args: usize, from: usize, col: u32, cols: u32, row: u32, list: u32): void {
  const keep = load<u32>(args, KEEP);
  const values = <usize>load<u32>(args, VALUES) + <usize>list * keep * 4;
  const indices = <usize>load<u32>(args, INDICES) + <usize>list * keep * 4;
  const tau = keep > SORTED ? values : values + ((<usize>keep - 1) << 2);
  const first = load<u32>(args, FIRST_POINT) + col;
  for (let c: u32 = 0; c < cols; c++) {
    const value = load<f32>(from + (c << 2));
    if (!(value < load<f32>(tau)) || !isAllowed(args, row, first + c)) continue;
    if (keep > SORTED) replaceRoot(values, indices, keep, value, first + c);
    else insert(values, indices, keep - 1, value, first + c);
  }
}

/** Sorted insertion behind all equals; the last pair is dropped. */
function insert(values: usize, indices: usize, last: u32, value: f32, index: u32): void {
  let slot = (<usize>last) << 2;
  while (slot > 0) {
    const before = load<f32>(values + slot - 4);
    if (before <= value) break;
    store<f32>(values + slot, before);
    store<u32>(indices + slot, load<u32>(indices + slot - 4));
    slot -= 4;
  }
  store<f32>(values + slot, value);
  store<u32>(indices + slot, index);
}

/** Whether pair a is worse than pair b: larger, or equal with the higher index. */
function isWorse(a: f32, aIndex: u32, b: f32, bIndex: u32): bool {
  return a > b || (a == b && aIndex > bIndex);
}

function replaceRoot(values: usize, indices: usize, size: u32, value: f32, index: u32): void {
  let slot: u32 = 0;
  while (true) {
    let child: u32 = 2 * slot + 1;
    if (child >= size) break;
    let best = load<f32>(values + ((<usize>child) << 2));
    let bestIndex = load<u32>(indices + ((<usize>child) << 2));
    if (child + 1 < size) {
      const other = load<f32>(values + ((<usize>child + 1) << 2));
      const otherIndex = load<u32>(indices + ((<usize>child + 1) << 2));
      if (isWorse(other, otherIndex, best, bestIndex)) {
        child++;
        best = other;
        bestIndex = otherIndex;
      }
    }
    if (!isWorse(best, bestIndex, value, index)) break;
    store<f32>(values + ((<usize>slot) << 2), best);
    store<u32>(indices + ((<usize>slot) << 2), bestIndex);
    slot = child;
  }
  store<f32>(values + ((<usize>slot) << 2), value);
  store<u32>(indices + ((<usize>slot) << 2), index);
}
