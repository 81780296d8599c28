import { cosineTile, COSINE, FORM, squaresTile, TILE_BYTES, valueBytes } from './distanceTile';
import { lanesBelow, lanesOrdered, offer, sortHeaps, HEAP_ABOVE } from './select';
import { packAlong } from './pack';

/**
 * pairwiseDistance and knn: points are packed once into panels of 8, each job then handles one block
 * of queries against all points.
 */

/** Index of each argument, in bytes; the same table is in jobArguments of distances.ts. */
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
/** Whether knn turns ranks into distances. */
const FINISH: usize = 76;
/** What an empty slot holds. */
const EMPTY: usize = 80;
/** Table positions of a form's functions; no finish is 0. */
const FORM_TILE: usize = 84;
const FORM_FINISH: usize = 88;
/** Scalars per row: their number, staged rows, panels of points, rows of queries. */
const AUX: usize = 92;
const STAGED_AUX: usize = 96;
const AUX_PANELS: usize = 100;
const QUERY_AUX: usize = 104;
/** Bits of the points that the slab's queries may return, 0 for all; bytes from query to query. */
const ALLOWED: usize = 108;
const ALLOWED_STRIDE: usize = 112;
/** Groups of the slab's queries and of all points, 0 for none. */
const QUERY_GROUPS: usize = 116;
const POINT_GROUPS: usize = 120;

function align(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Parts of a thread's scratch, in order; reserve() of distances.ts gives their sum. */
function normsOf(scratch: usize): usize {
  return scratch + TILE_BYTES;
}

function filledOf(scratch: usize, block: u32): usize {
  return normsOf(scratch) + <usize>block * 8;
}

function tausOf(scratch: usize, block: u32): usize {
  return filledOf(scratch, block) + <usize>block * 4;
}

function auxOf(scratch: usize, block: u32): usize {
  return align(tausOf(scratch, block) + <usize>block * 4);
}

function packedOf(scratch: usize, block: u32, aux: u32): usize {
  return align(auxOf(scratch, block) + <usize>block * aux * 4);
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
  const aux = load<u32>(args, AUX);
  const count = load<u32>(args, STAGED_COUNT);
  const staged = <usize>load<u32>(args, STAGED);
  const stagedAux = <usize>load<u32>(args, STAGED_AUX);
  const auxPanels = <usize>load<u32>(args, AUX_PANELS);
  const panelBytes = <usize>(d * 8 * valueBytes(metric));
  const first = <usize>load<u32>(args, FIRST_PANEL);
  const end = min(count, (chunk + 1) * 64);
  for (let row = chunk * 64; row < end; row += 8) {
    const panel = first + (row >> 3);
    const valid = min<u32>(8, end - row);
    packPanel(
      metric,
      staged + <usize>row * d * 4,
      d,
      valid,
      <usize>load<u32>(args, PANELS) + panel * panelBytes,
      8,
      <usize>load<u32>(args, NORMS) + panel * 64,
    );
    if (aux == 0) continue;
    const source = stagedAux + <usize>row * aux * 4;
    packAlong(source, <usize>aux * 4, aux, valid, auxPanels + panel * aux * 32, 8);
  }
}

/** Pack the queries of a block, and their scalars, into panels of 4. */
function packQueries(args: usize, row0: u32, rows: u32, scratch: usize): void {
  const metric = load<u32>(args, METRIC);
  const d = load<u32>(args, D);
  const aux = load<u32>(args, AUX);
  const block = load<u32>(args, QUERY_BLOCK);
  const packed = packedOf(scratch, block, aux);
  const panelBytes = <usize>(d * 4 * valueBytes(metric));
  const source = <usize>load<u32>(args, QUERIES) + <usize>row0 * d * 4;
  const auxSource = <usize>load<u32>(args, QUERY_AUX) + <usize>row0 * aux * 4;
  for (let row: u32 = 0; row < rows; row += 4) {
    const valid = min<u32>(4, rows - row);
    packPanel(
      metric,
      source + <usize>row * d * 4,
      d,
      valid,
      packed + <usize>(row >> 2) * panelBytes,
      4,
      normsOf(scratch) + <usize>row * 8,
    );
    if (aux == 0) continue;
    const offset = <usize>row * aux * 4;
    packAlong(auxSource + offset, <usize>aux * 4, aux, valid, auxOf(scratch, block) + offset, 4);
  }
}

/** `qScalars` and `pScalars`: norms for cosine, scalars per row for a form. */
function tile(
  metric: u32,
  form: u32,
  q: usize,
  p: usize,
  d: u32,
  qScalars: usize,
  pScalars: usize,
  out: usize,
): void {
  if (metric == FORM) call_indirect<void>(form, q, p, d, qScalars, pScalars, out);
  else if (metric == COSINE) cosineTile(q, p, d, qScalars, pScalars, out);
  else squaresTile(q, p, d, out);
}

/** All distances of one block of queries. */
export function pairwiseBlock(args: usize, chunk: u32, thread: u32): void {
  const metric = load<u32>(args, METRIC);
  const form = load<u32>(args, FORM_TILE);
  const formFinish = load<u32>(args, FORM_FINISH);
  const d = load<u32>(args, D);
  const aux = load<u32>(args, AUX);
  const m = load<u32>(args, POINTS);
  const block = load<u32>(args, QUERY_BLOCK);
  const row0 = chunk * block;
  const rows = min(block, load<u32>(args, QUERY_COUNT) - row0);
  const scratch = <usize>load<u32>(args, SCRATCH) + <usize>thread * load<u32>(args, SCRATCH_STRIDE);
  packQueries(args, row0, rows, scratch);
  const isForm = metric == FORM;
  const qBytes = <usize>(d * 4 * valueBytes(metric));
  const pBytes = qBytes + qBytes;
  const qScalarBytes: usize = isForm ? <usize>aux * 16 : 32;
  const pScalarBytes: usize = isForm ? <usize>aux * 32 : 64;
  const root = load<u32>(args, ROOT) != 0;
  const factor = load<f32>(args, FACTOR);
  const outStride = <usize>m * 4;
  const out = <usize>load<u32>(args, OUT) + <usize>row0 * outStride;
  let p = <usize>load<u32>(args, PANELS);
  let pScalars = <usize>(isForm ? load<u32>(args, AUX_PANELS) : load<u32>(args, NORMS));
  for (let col: u32 = 0; col < m; col += 8) {
    const cols = min<u32>(8, m - col);
    let q = packedOf(scratch, block, aux);
    let qScalars = isForm ? auxOf(scratch, block) : normsOf(scratch);
    for (let row: u32 = 0; row < rows; row += 4) {
      tile(metric, form, q, p, d, qScalars, pScalars, scratch);
      if (formFinish != 0) call_indirect<void>(formFinish, scratch, 32);
      const valid = min<u32>(4, rows - row);
      for (let r: u32 = 0; r < valid; r++) {
        const to = out + <usize>(row + r) * outStride + (col << 2);
        writeRow(scratch + (r << 5), to, cols, root, factor);
      }
      q += qBytes;
      qScalars += qScalarBytes;
    }
    p += pBytes;
    pScalars += pScalarBytes;
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
  const k = load<u32>(args, K);
  const block = load<u32>(args, QUERY_BLOCK);
  const row0 = chunk * block;
  const rows = min(block, load<u32>(args, QUERY_COUNT) - row0);
  const scratch = <usize>load<u32>(args, SCRATCH) + <usize>thread * load<u32>(args, SCRATCH_STRIDE);
  packQueries(args, row0, rows, scratch);
  const filled = filledOf(scratch, block);
  const taus = tausOf(scratch, block);
  const distances = <usize>load<u32>(args, OUT) + <usize>row0 * k * 4;
  const indices = <usize>load<u32>(args, OUT_INDICES) + <usize>row0 * k * 4;
  for (let slot: u32 = 0; slot < rows * k; slot++) {
    store<f32>(distances + ((<usize>slot) << 2), Infinity);
    store<i32>(indices + ((<usize>slot) << 2), -1);
  }
  memory.fill(filled, 0, <usize>block * 4);
  for (let row: u32 = 0; row < rows; row++) store<f32>(taus + ((<usize>row) << 2), Infinity);
  scan(args, row0, rows, scratch, distances, indices);
  if (k > HEAP_ABOVE) sortHeaps(distances, indices, filled, rows, k);
  if (load<u32>(args, FINISH) != 0) finishNeighbours(args, distances, indices, rows * k);
}

/** Ranks into distances; finish says nothing about the slots that stayed empty. */
function finishNeighbours(args: usize, distances: usize, indices: usize, slots: u32): void {
  const formFinish = load<u32>(args, FORM_FINISH);
  if (formFinish != 0) call_indirect<void>(formFinish, distances, slots);
  const root = load<u32>(args, ROOT) != 0;
  const factor = load<f32>(args, FACTOR);
  const empty = load<f32>(args, EMPTY);
  for (let slot: u32 = 0; slot < slots; slot++) {
    const at = distances + ((<usize>slot) << 2);
    const isEmpty = load<i32>(indices + ((<usize>slot) << 2)) < 0;
    store<f32>(at, isEmpty ? empty : finished(load<f32>(at), root, factor));
  }
}

/** Every tile of the block: rows whose tile holds nothing below their worst neighbour are passed over. */
function scan(
  args: usize,
  row0: u32,
  rows: u32,
  scratch: usize,
  distances: usize,
  indices: usize,
): void {
  const metric = load<u32>(args, METRIC);
  const form = load<u32>(args, FORM_TILE);
  const d = load<u32>(args, D);
  const aux = load<u32>(args, AUX);
  const n = load<u32>(args, POINTS);
  const k = load<u32>(args, K);
  const block = load<u32>(args, QUERY_BLOCK);
  const filled = filledOf(scratch, block);
  const taus = tausOf(scratch, block);
  const isForm = metric == FORM;
  const qBytes = <usize>(d * 4 * valueBytes(metric));
  const qScalarBytes: usize = isForm ? <usize>aux * 16 : 32;
  const pScalarBytes: usize = isForm ? <usize>aux * 32 : 64;
  let p = <usize>load<u32>(args, PANELS);
  let pScalars = <usize>(isForm ? load<u32>(args, AUX_PANELS) : load<u32>(args, NORMS));
  // Rows with less than k neighbours so far: these take infinite distances too.
  let open = rows;
  for (let col: u32 = 0; col < n; col += 8) {
    const cols: u32 = 0xff >> (8 - min<u32>(8, n - col));
    let q = packedOf(scratch, block, aux);
    let qScalars = isForm ? auxOf(scratch, block) : normsOf(scratch);
    for (let row: u32 = 0; row < rows; row += 4) {
      const end = min<u32>(4, rows - row);
      const pairs = eligible(args, row0 + row, end, col, cols);
      if (pairs != 0) {
        tile(metric, form, q, p, d, qScalars, pScalars, scratch);
        const fill = filled + ((<usize>row) << 2);
        const before = open > 0 ? countOpen(fill, end, k) : 0;
        if (before > 0 || anyBelow(scratch, taus + ((<usize>row) << 2))) {
          const first = <usize>row * k * 4;
          offerTile(scratch, pairs, end, col, k, distances + first, indices + first, fill, block);
          if (before > 0) open += countOpen(fill, end, k) - before;
        }
      }
      q += qBytes;
      qScalars += qScalarBytes;
    }
    p += qBytes + qBytes;
    pScalars += pScalarBytes;
  }
}

/** One bit for each pair of a tile that exists, a byte a query; the query is counted in its slab. */
function eligible(args: usize, query: u32, end: u32, col: u32, cols: u32): u32 {
  let pairs: u32 = 0;
  for (let r: u32 = 0; r < end; r++) pairs |= cols << (8 * r);
  const allowed = <usize>load<u32>(args, ALLOWED);
  const groups = <usize>load<u32>(args, POINT_GROUPS);
  const self = load<i32>(args, FIRST_SELF) + <i32>query;
  if (self + 3 >= <i32>col && self < <i32>col + 8) {
    for (let r: u32 = 0; r < end; r++) {
      const lane = self + <i32>r - <i32>col;
      if (lane >= 0 && lane < 8) pairs &= ~(1 << (8 * r + lane));
    }
  }
  if (allowed != 0) {
    const stride = load<u32>(args, ALLOWED_STRIDE);
    let bits: u32 = 0;
    for (let r: u32 = 0; r < end; r++) {
      bits |=
        (<u32>(
          load<u8>(allowed + <usize>(query + r) * stride + ((col >> 4) << 2) + ((col >> 3) & 1))
        )) <<
        (8 * r);
    }
    pairs &= bits;
  }
  if (groups != 0 && pairs != 0) {
    const own = <usize>load<u32>(args, QUERY_GROUPS) + <usize>query * 4;
    const low = v128.load(groups + <usize>col * 4);
    const high = v128.load(groups + <usize>col * 4, 16);
    let bits: u32 = 0;
    for (let r: u32 = 0; r < end; r++) {
      const group = i32x4.splat(load<i32>(own + (r << 2)));
      const same =
        i32x4.bitmask(i32x4.eq(low, group)) | (i32x4.bitmask(i32x4.eq(high, group)) << 4);
      bits |= (<u32>same) << (8 * r);
    }
    pairs &= bits;
  }
  return pairs;
}

/** Offer the pairs of a tile to the lists of its rows; `fill` and `block` tell where these stand. */
function offerTile(
  tile: usize,
  pairs: u32,
  end: u32,
  col: u32,
  k: u32,
  distances: usize,
  indices: usize,
  fill: usize,
  block: u32,
): void {
  const list = <usize>k * 4;
  for (let r: u32 = 0; r < end; r++) {
    const tau = fill + <usize>block * 4;
    const isOpen = load<u32>(fill) < k;
    const near = isOpen ? lanesOrdered(tile) : lanesBelow(tile, load<f32>(tau));
    const bits = near & (pairs >> (8 * r)) & 0xff;
    if (bits != 0) offer(tile, bits, col, distances, indices, k, fill, tau);
    tile += 32;
    distances += list;
    indices += list;
    fill += 4;
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
