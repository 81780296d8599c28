import {
  cosineTile,
  COSINE,
  differenceTile,
  MANHATTAN,
  SQUARES,
  TILE_BYTES,
  valueBytes,
} from './distanceTile';
import { offerRow, sortHeaps, HEAP_ABOVE } from './select';
import { packAlong } from './pack';

/**
 * pairwiseDistance and knn: points are packed once into panels of 8, each job then handles one block
 * of queries against all points.
 */

/** Index of each argument, in bytes; the same table is in distanceArgs of distances.ts. */
const METRIC: usize = 0;
const ROOT: usize = 4;
const FACTOR: usize = 8;
const D: usize = 12;
const STAGED: usize = 16;
const STAGED_COUNT: usize = 20;
const FIRST_PANEL: usize = 24;
const PANELS: usize = 28;
const NORMS: usize = 32;
const POINTS: usize = 36;
const QUERIES: usize = 40;
const QUERY_COUNT: usize = 44;
const QUERY_BLOCK: usize = 48;
const SCRATCH: usize = 52;
const SCRATCH_STRIDE: usize = 56;
const OUT: usize = 60;
const OUT_INDICES: usize = 64;
const K: usize = 68;
/** Point that the slab's first query must not return, -1 - queries so that none matches. */
const FIRST_SELF: usize = 72;

function align(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Rows of the source into one panel of `width` lanes, float64 for cosine, with squared norms. */
function packPanel(
  metric: u32,
  source: usize,
  d: u32,
  valid: u32,
  to: usize,
  width: u32,
  norms: usize,
): void {
  const stride = (<usize>d) << 2;
  if (metric != COSINE) {
    packAlong(source, stride, d, valid, to, width);
    return;
  }
  const step = (<usize>width) << 3;
  for (let lane: u32 = 0; lane < width; lane++) {
    let from = source + <usize>lane * stride;
    let target = to + (lane << 3);
    let norm: f64 = 0;
    for (let f: u32 = 0; f < d; f++) {
      const value: f64 = lane < valid ? <f64>load<f32>(from) : 0;
      norm += value * value;
      store<f64>(target, value);
      from += 4;
      target += step;
    }
    store<f64>(norms + (lane << 3), norm);
  }
}

/** Pack 8 panels (64 points) of the staged rows. */
export function distancePack(args: usize, chunk: u32, thread: u32): void {
  const metric = load<u32>(args, METRIC);
  const d = load<u32>(args, D);
  const count = load<u32>(args, STAGED_COUNT);
  const staged = <usize>load<u32>(args, STAGED);
  const panelBytes = <usize>(d * 8 * valueBytes(metric));
  const first = <usize>load<u32>(args, FIRST_PANEL);
  const end = min(count, (chunk + 1) * 64);
  for (let row = chunk * 64; row < end; row += 8) {
    const panel = first + (row >> 3);
    packPanel(
      metric,
      staged + <usize>row * d * 4,
      d,
      min<u32>(8, end - row),
      <usize>load<u32>(args, PANELS) + panel * panelBytes,
      8,
      <usize>load<u32>(args, NORMS) + panel * 64,
    );
  }
}

/** Pack the queries of a block into panels of 4 at `packed`. */
function packQueries(args: usize, row0: u32, rows: u32, packed: usize, norms: usize): void {
  const metric = load<u32>(args, METRIC);
  const d = load<u32>(args, D);
  const panelBytes = <usize>(d * 4 * valueBytes(metric));
  const source = <usize>load<u32>(args, QUERIES) + <usize>row0 * d * 4;
  for (let row: u32 = 0; row < rows; row += 4) {
    packPanel(
      metric,
      source + <usize>row * d * 4,
      d,
      min<u32>(4, rows - row),
      packed + <usize>(row >> 2) * panelBytes,
      4,
      norms + <usize>row * 8,
    );
  }
}

function tile(
  metric: u32,
  q: usize,
  p: usize,
  d: u32,
  qNorms: usize,
  pNorms: usize,
  out: usize,
): void {
  if (metric == COSINE) cosineTile(q, p, d, qNorms, pNorms, out);
  else if (metric == MANHATTAN) differenceTile(MANHATTAN, q, p, d, out);
  else differenceTile(SQUARES, q, p, d, out);
}

/** All distances of one block of queries. */
export function pairwiseBlock(args: usize, chunk: u32, thread: u32): void {
  const metric = load<u32>(args, METRIC);
  const d = load<u32>(args, D);
  const m = load<u32>(args, POINTS);
  const block = load<u32>(args, QUERY_BLOCK);
  const row0 = chunk * block;
  const rows = min(block, load<u32>(args, QUERY_COUNT) - row0);
  const scratch = <usize>load<u32>(args, SCRATCH) + <usize>thread * load<u32>(args, SCRATCH_STRIDE);
  const qNorms = scratch + TILE_BYTES;
  const packed = align(qNorms + <usize>block * 8);
  packQueries(args, row0, rows, packed, qNorms);
  const qBytes = <usize>(d * 4 * valueBytes(metric));
  const pBytes = qBytes + qBytes;
  const root = load<u32>(args, ROOT) != 0;
  const factor = load<f32>(args, FACTOR);
  const outStride = <usize>m * 4;
  const out = <usize>load<u32>(args, OUT) + <usize>row0 * outStride;
  let p = <usize>load<u32>(args, PANELS);
  let pNorms = <usize>load<u32>(args, NORMS);
  for (let col: u32 = 0; col < m; col += 8) {
    const cols = min<u32>(8, m - col);
    let q = packed;
    for (let row: u32 = 0; row < rows; row += 4) {
      tile(metric, q, p, d, qNorms + <usize>row * 8, pNorms, scratch);
      const valid = min<u32>(4, rows - row);
      for (let r: u32 = 0; r < valid; r++) {
        const to = out + <usize>(row + r) * outStride + (col << 2);
        writeRow(scratch + (r << 5), to, cols, root, factor);
      }
      q += qBytes;
    }
    p += pBytes;
    pNorms += 64;
  }
}

/** The root of a row of a tile, scaled back; sums need the factor twice. */
function writeRow(from: usize, to: usize, cols: u32, root: bool, factor: f32): void {
  if (cols == 8) {
    const factors = f32x4.splat(factor);
    let a = v128.load(from);
    let b = v128.load(from, 16);
    if (root) {
      a = f32x4.sqrt(a);
      b = f32x4.sqrt(b);
    } else {
      a = f32x4.mul(a, factors);
      b = f32x4.mul(b, factors);
    }
    v128.store(to, f32x4.mul(a, factors));
    v128.store(to, f32x4.mul(b, factors), 16);
    return;
  }
  for (let c: u32 = 0; c < cols; c++) {
    store<f32>(to + (c << 2), finished(load<f32>(from + (c << 2)), root, factor));
  }
}

function finished(value: f32, root: bool, factor: f32): f32 {
  return root ? sqrt<f32>(value) * factor : value * factor * factor;
}

/** The k nearest points of one block of queries. */
export function knnBlock(args: usize, chunk: u32, thread: u32): void {
  const metric = load<u32>(args, METRIC);
  const d = load<u32>(args, D);
  const n = load<u32>(args, POINTS);
  const k = load<u32>(args, K);
  const block = load<u32>(args, QUERY_BLOCK);
  const row0 = chunk * block;
  const rows = min(block, load<u32>(args, QUERY_COUNT) - row0);
  const scratch = <usize>load<u32>(args, SCRATCH) + <usize>thread * load<u32>(args, SCRATCH_STRIDE);
  const qNorms = scratch + TILE_BYTES;
  const filled = qNorms + <usize>block * 8;
  const taus = filled + <usize>block * 4;
  const packed = align(taus + <usize>block * 4);
  packQueries(args, row0, rows, packed, qNorms);
  const distances = <usize>load<u32>(args, OUT) + <usize>row0 * k * 4;
  const indices = <usize>load<u32>(args, OUT_INDICES) + <usize>row0 * k * 4;
  for (let slot: u32 = 0; slot < rows * k; slot++) {
    store<f32>(distances + ((<usize>slot) << 2), Infinity);
    store<i32>(indices + ((<usize>slot) << 2), -1);
  }
  memory.fill(filled, 0, <usize>block * 4);
  for (let row: u32 = 0; row < rows; row++) store<f32>(taus + ((<usize>row) << 2), Infinity);
  scan(args, rows, scratch, distances, indices, <i32>row0);
  if (k > HEAP_ABOVE) sortHeaps(distances, indices, filled, rows, k);
  const root = load<u32>(args, ROOT) != 0;
  const factor = load<f32>(args, FACTOR);
  for (let slot: u32 = 0; slot < rows * k; slot++) {
    const at = distances + ((<usize>slot) << 2);
    store<f32>(at, finished(load<f32>(at), root, factor));
  }
}

/** Every tile of the block: rows whose tile holds nothing below their worst neighbour are passed over. */
function scan(
  args: usize,
  rows: u32,
  scratch: usize,
  distances: usize,
  indices: usize,
  row0: i32,
): void {
  const metric = load<u32>(args, METRIC);
  const d = load<u32>(args, D);
  const n = load<u32>(args, POINTS);
  const k = load<u32>(args, K);
  const block = load<u32>(args, QUERY_BLOCK);
  const qNorms = scratch + TILE_BYTES;
  const filled = qNorms + <usize>block * 8;
  const taus = filled + <usize>block * 4;
  const packed = align(taus + <usize>block * 4);
  const qBytes = <usize>(d * 4 * valueBytes(metric));
  const firstSelf = load<i32>(args, FIRST_SELF) + row0;
  let p = <usize>load<u32>(args, PANELS);
  let pNorms = <usize>load<u32>(args, NORMS);
  // Rows with less than k neighbours so far: these take infinite distances too.
  let open = rows;
  for (let col: u32 = 0; col < n; col += 8) {
    const cols = min<u32>(8, n - col);
    let q = packed;
    for (let row: u32 = 0; row < rows; row += 4) {
      tile(metric, q, p, d, qNorms + <usize>row * 8, pNorms, scratch);
      const tau = taus + ((<usize>row) << 2);
      const isOpen =
        open > 0 && countOpen(filled + ((<usize>row) << 2), min<u32>(4, rows - row), k) > 0;
      if (isOpen || anyBelow(scratch, tau)) {
        const end = min<u32>(4, rows - row);
        for (let r: u32 = 0; r < end; r++) {
          const best = <usize>(row + r) * k * 4;
          offerRow(
            scratch + (r << 5),
            col,
            cols,
            firstSelf + <i32>(row + r),
            distances + best,
            indices + best,
            k,
            filled + ((<usize>(row + r)) << 2),
            tau + (r << 2),
          );
        }
        if (isOpen) open = countOpen(filled, rows, k);
      }
      q += qBytes;
    }
    p += qBytes + qBytes;
    pNorms += 64;
  }
}

/** Whether any distance of a tile is below the limit of its row. */
function anyBelow(tile: usize, tau: usize): bool {
  const a = rowBelow(tile, v128.load_splat<f32>(tau));
  const b = rowBelow(tile + 32, v128.load_splat<f32>(tau, 4));
  const c = rowBelow(tile + 64, v128.load_splat<f32>(tau, 8));
  const d = rowBelow(tile + 96, v128.load_splat<f32>(tau, 12));
  return v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)));
}

function rowBelow(row: usize, limit: v128): v128 {
  return v128.or(f32x4.lt(v128.load(row), limit), f32x4.lt(v128.load(row, 16), limit));
}

/** Rows that have less than k neighbours. */
function countOpen(filled: usize, rows: u32, k: u32): u32 {
  let open: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    if (load<u32>(filled + ((<usize>row) << 2)) < k) open++;
  }
  return open;
}
