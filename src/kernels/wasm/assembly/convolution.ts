import { finish, tile } from './matMul';
import { packAcross, packAlong, transposeFour } from './pack';

/**
 * Convolutions of NHWC images as products whose left factor is never stored. Its rows are what output
 * positions see: for each tap of the filter a pixel, a run of `channels` values. They are packed from the
 * images when a block of rows is multiplied.
 *
 * A phase is a set of output positions that see pixels through the same taps. A convolution has one; its
 * transpose with stride s has up to s x s, since the taps that reach a pixel depend on its row and column
 * modulo s. Sums run over taps, then channels, in blocks of KC that are added in order: results depend
 * on the shapes only, never on the split into jobs.
 */

/** Reduction block, and rows and columns of C that a thread holds: 64, 32 and 128 KiB at most. */
const KC: u32 = 256;
const ROWS: u32 = 64;
const COLUMNS: u32 = 128;
/** Results with at most so many columns are computed one by one. */
const THIN: u32 = 4;

/** Index of each argument, in bytes; the same order is in convolutionJobs.ts. */
const SOURCE: usize = 0;
const FACTOR: usize = 4;
const OUT: usize = 8;
const SCRATCH: usize = 12;
const SCRATCH_STRIDE: usize = 16;
const PHASES: usize = 20;
const PHASE_COUNT: usize = 24;
const IMAGES: usize = 28;
const HEIGHT: usize = 32;
const WIDTH: usize = 36;
const CHANNELS: usize = 40;
const N: usize = 44;
const STRIDE_Y: usize = 48;
const STRIDE_X: usize = 52;
const OUT_HEIGHT: usize = 56;
const OUT_WIDTH: usize = 60;
const OUT_STRIDE_Y: usize = 64;
const OUT_STRIDE_X: usize = 68;
/** Whether the filter's last axis is the one that is summed over. */
const TRANSPOSED: usize = 72;
/** As many zeros as a pixel has channels: what taps beyond the edge see. */
const ZEROS: usize = 76;
const BIAS: usize = 80;
const ACTIVATION: usize = 84;
const ALPHA: usize = 88;
/** Of filter gradients: rows of a segment, rows of C in a chunk. */
const SEGMENT: usize = 92;
const ROW_BLOCK: usize = 96;

/** Fields of a phase. */
const PHASE_BYTES: usize = 32;
const FIRST_CHUNK: usize = 0;
const GRID_HEIGHT: usize = 4;
const GRID_WIDTH: usize = 8;
const FIRST_Y: usize = 12;
const FIRST_X: usize = 16;
const TAPS: usize = 20;
const TAP_COUNT: usize = 24;
const PANELS: usize = 28;

/** Fields of a tap: rows and columns from a position's pixel, and the place in the filter. */
const TAP_BYTES: usize = 12;
const TAP_Y: usize = 0;
const TAP_X: usize = 4;
const TAP_FILTER: usize = 8;

/** What is kept of a row: the pixel of its position, its image and where its result goes. */
const ROW_BYTES: usize = 16;
const ROW_Y: usize = 0;
const ROW_X: usize = 4;
const ROW_IMAGE: usize = 8;
const ROW_OUT: usize = 12;

/** Space between packed groups of four rows, so that they do not share the sets of a cache. */
const GROUP_PAD: usize = 64;

/**
 * A thread's scratch: rows of the left factor, panels of the right one, a block of C, the rows' table, and
 * where each tap of each row reads.
 */
const LEFT_BYTES: usize = <usize>ROWS * KC * 4 + (<usize>ROWS / 4) * GROUP_PAD;
const RIGHT_BYTES: usize = <usize>COLUMNS * KC * 4;
const BLOCK_BYTES: usize = <usize>ROWS * COLUMNS * 4;
const TABLE_BYTES: usize = <usize>KC * ROW_BYTES;

function blocks(size: u32, block: u32): u32 {
  return (size + block - 1) / block;
}

/** Describe `count` rows of a phase from row `first` on. */
function describeRows(args: usize, phase: usize, first: u32, count: u32, table: usize): void {
  const gridWidth = load<u32>(phase, GRID_WIDTH);
  const perImage = load<u32>(phase, GRID_HEIGHT) * gridWidth;
  const imageBytes =
    (load<u32>(args, HEIGHT) * load<u32>(args, WIDTH) * load<u32>(args, CHANNELS)) << 2;
  const outHeight = load<u32>(args, OUT_HEIGHT);
  const outWidth = load<u32>(args, OUT_WIDTH);
  const rowBytes = load<u32>(args, N) << 2;
  let image = first / perImage;
  const within = first % perImage;
  let gy = within / gridWidth;
  let gx = within % gridWidth;
  for (let i: u32 = 0; i < count; i++) {
    const y = load<u32>(phase, FIRST_Y) + gy * load<u32>(args, OUT_STRIDE_Y);
    const x = load<u32>(phase, FIRST_X) + gx * load<u32>(args, OUT_STRIDE_X);
    store<u32>(table, gy * load<u32>(args, STRIDE_Y), ROW_Y);
    store<u32>(table, gx * load<u32>(args, STRIDE_X), ROW_X);
    store<u32>(table, load<u32>(args, SOURCE) + image * imageBytes, ROW_IMAGE);
    const position = (image * outHeight + y) * outWidth + x;
    store<u32>(table, load<u32>(args, OUT) + position * rowBytes, ROW_OUT);
    table += ROW_BYTES;
    if (++gx < gridWidth) continue;
    gx = 0;
    if (++gy < load<u32>(phase, GRID_HEIGHT)) continue;
    gy = 0;
    image++;
  }
}

/** Where taps `first` to `first + taps` of `rows` described rows read: [taps][rows] addresses. */
function findPixels(
  args: usize,
  phase: usize,
  table: usize,
  rows: u32,
  first: u32,
  taps: u32,
  to: usize,
): void {
  const height = load<u32>(args, HEIGHT);
  const width = load<u32>(args, WIDTH);
  const pixel = load<u32>(args, CHANNELS) << 2;
  const zeros = load<u32>(args, ZEROS);
  let tap = <usize>load<u32>(phase, TAPS) + <usize>first * TAP_BYTES;
  for (let t: u32 = 0; t < taps; t++) {
    const tapY = load<i32>(tap, TAP_Y);
    const tapX = load<i32>(tap, TAP_X);
    let row = table;
    for (let i: u32 = 0; i < rows; i++) {
      const y = <u32>(load<i32>(row, ROW_Y) + tapY);
      const x = <u32>(load<i32>(row, ROW_X) + tapX);
      const inside = y < height && x < width;
      store<u32>(to, inside ? load<u32>(row, ROW_IMAGE) + (y * width + x) * pixel : zeros);
      to += 4;
      row += ROW_BYTES;
    }
    tap += TAP_BYTES;
  }
}

/** Pack one panel (8 columns) of the filter of one phase: [taps x channels][8]. */
export function convolutionPack(args: usize, chunk: u32, thread: u32): void {
  const n = load<u32>(args, N);
  const channels = load<u32>(args, CHANNELS);
  const panels = blocks(n, 8);
  const phase = <usize>load<u32>(args, PHASES) + <usize>(chunk / panels) * PHASE_BYTES;
  const panel = chunk % panels;
  const column = panel * 8;
  const valid = min<u32>(8, n - column);
  const taps = load<u32>(phase, TAP_COUNT);
  const transposed = load<u32>(args, TRANSPOSED) != 0;
  const step = <usize>channels * 32;
  let to = <usize>load<u32>(phase, PANELS) + <usize>(panel * taps) * step;
  let tap = <usize>load<u32>(phase, TAPS);
  for (let t: u32 = 0; t < taps; t++) {
    const matrix =
      <usize>load<u32>(args, FACTOR) + <usize>(load<u32>(tap, TAP_FILTER) * channels * n) * 4;
    if (transposed)
      packAlong(matrix + <usize>(column * channels) * 4, channels * 4, channels, valid, to, 8);
    else packAcross(matrix + <usize>column * 4, n * 4, channels, valid, to, 8);
    to += step;
    tap += TAP_BYTES;
  }
}

/** Values `k0` to `k0 + count` of four rows of patches, as [count][4]; `step` bytes from tap to tap. */
function packRows(pixels: usize, step: usize, channels: u32, k0: u32, count: u32, to: usize): void {
  let tap = pixels + <usize>(k0 / channels) * step;
  let channel = k0 % channels;
  while (count > 0) {
    const run = min(channels - channel, count);
    const offset = (<usize>channel) << 2;
    const p0 = <usize>load<u32>(tap) + offset;
    const p1 = <usize>load<u32>(tap, 4) + offset;
    const p2 = <usize>load<u32>(tap, 8) + offset;
    const p3 = <usize>load<u32>(tap, 12) + offset;
    if (run == 1) {
      store<f32>(to, load<f32>(p0));
      store<f32>(to, load<f32>(p1), 4);
      store<f32>(to, load<f32>(p2), 8);
      store<f32>(to, load<f32>(p3), 12);
    } else {
      transposeFour(p0, p1, p2, p3, run, to, 16);
    }
    to += (<usize>run) << 4;
    count -= run;
    channel = 0;
    tap += step;
  }
}

/** One block of rows of one phase, all columns. */
export function convolutionBlock(args: usize, chunk: u32, thread: u32): void {
  let phase = <usize>load<u32>(args, PHASES);
  const last = phase + <usize>(load<u32>(args, PHASE_COUNT) - 1) * PHASE_BYTES;
  while (phase < last && chunk >= load<u32>(phase + PHASE_BYTES, FIRST_CHUNK)) phase += PHASE_BYTES;
  const all =
    load<u32>(args, IMAGES) * load<u32>(phase, GRID_HEIGHT) * load<u32>(phase, GRID_WIDTH);
  const first = (chunk - load<u32>(phase, FIRST_CHUNK)) * ROWS;
  const rows = min(ROWS, all - first);
  const left = <usize>load<u32>(args, SCRATCH) + <usize>thread * load<u32>(args, SCRATCH_STRIDE);
  const c = left + LEFT_BYTES + RIGHT_BYTES;
  const table = c + BLOCK_BYTES;
  describeRows(args, phase, first, rows, table);
  // The last group of four repeats a row; its result is dropped.
  for (let row = rows; (row & 3) != 0; row++) {
    memory.copy(table + <usize>row * ROW_BYTES, table + <usize>(rows - 1) * ROW_BYTES, ROW_BYTES);
  }
  const n = load<u32>(args, N);
  const channels = load<u32>(args, CHANNELS);
  const taps = load<u32>(phase, TAP_COUNT);
  const padded = (rows + 3) & ~3;
  const pixels = table + TABLE_BYTES;
  findPixels(args, phase, table, padded, 0, taps, pixels);
  const k = taps * channels;
  // Their weights stand in the place of the packed rows.
  if (n <= THIN && channels >= 4 && k <= ROWS * KC) {
    thinRows(args, phase, table, rows, pixels, (<usize>padded) << 2, left);
    return;
  }
  const panels = <usize>load<u32>(phase, PANELS);
  const bias = <usize>load<u32>(args, BIAS);
  for (let column: u32 = 0; column < n; column += COLUMNS) {
    const columns = min(COLUMNS, n - column);
    const stride = (<usize>((columns + 7) & ~7)) << 2;
    if (k == 0) memory.fill(c, 0, <usize>rows * stride);
    for (let k0: u32 = 0; k0 < k; k0 += KC) {
      const count = min(KC, k - k0);
      const group = ((<usize>count) << 4) + GROUP_PAD;
      let to = left;
      for (let row: u32 = 0; row < rows; row += 4) {
        packRows(pixels + ((<usize>row) << 2), (<usize>padded) << 2, channels, k0, count, to);
        to += group;
      }
      multiplyBlock(
        left,
        group,
        panels + <usize>((column >> 3) * k + k0) * 32,
        <usize>k * 32,
        count,
        c,
        rows,
        columns,
        stride,
        k0 > 0,
      );
    }
    finish(
      bias,
      load<u32>(args, ACTIVATION),
      load<f32>(args, ALPHA),
      c,
      stride,
      rows,
      column,
      columns,
    );
    for (let row: u32 = 0; row < rows; row++) {
      const to = <usize>load<u32>(table + <usize>row * ROW_BYTES, ROW_OUT) + ((<usize>column) << 2);
      copyValues(to, c + <usize>row * stride, columns);
    }
  }
}

/** Whole rows of a result with few columns: panels would be mostly empty, so these are scalar products. */
function thinRows(
  args: usize,
  phase: usize,
  table: usize,
  rows: u32,
  pixels: usize,
  step: usize,
  weights: usize,
): void {
  const n = load<u32>(args, N);
  const channels = load<u32>(args, CHANNELS);
  const taps = load<u32>(phase, TAP_COUNT);
  const k = taps * channels;
  const panel = <usize>load<u32>(phase, PANELS);
  const rowBytes = (<usize>channels) << 2;
  const vectors = rowBytes & ~15;
  const bias = <usize>load<u32>(args, BIAS);
  const activation = load<u32>(args, ACTIVATION);
  const alpha = load<f32>(args, ALPHA);
  for (let column: u32 = 0; column < n; column++) {
    for (let i: u32 = 0; i < k; i++) {
      store<f32>(
        weights + ((<usize>i) << 2),
        load<f32>(panel + ((<usize>i) << 5) + ((<usize>column) << 2)),
      );
    }
    for (let row: u32 = 0; row < rows; row++) {
      let sum = f32x4.splat(0);
      let rest: f32 = 0;
      let tap = pixels + ((<usize>row) << 2);
      let w = weights;
      for (let t: u32 = 0; t < taps; t++) {
        const x = <usize>load<u32>(tap);
        let at: usize = 0;
        for (; at < vectors; at += 16) {
          sum = f32x4.add(sum, f32x4.mul(v128.load(x + at), v128.load(w + at)));
        }
        for (; at < rowBytes; at += 4) rest += load<f32>(x + at) * load<f32>(w + at);
        w += rowBytes;
        tap += step;
      }
      const low = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
      const high = f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
      const to = <usize>load<u32>(table + <usize>row * ROW_BYTES, ROW_OUT) + ((<usize>column) << 2);
      store<f32>(to, low + high + rest);
      finish(bias, activation, alpha, to, 0, 1, column, 1);
    }
  }
}

/** Packed rows times panels into a block of C whose rows have room for whole panels. */
function multiplyBlock(
  left: usize,
  group: usize,
  right: usize,
  panel: usize,
  count: u32,
  c: usize,
  rows: u32,
  columns: u32,
  stride: usize,
  add: bool,
): void {
  for (let column: u32 = 0; column < columns; column += 8) {
    let a = left;
    let to = c + ((<usize>column) << 2);
    for (let row: u32 = 0; row < rows; row += 4) {
      tile(a, right, count, to, stride, add);
      a += group;
      to += 4 * stride;
    }
    right += panel;
  }
}

function copyValues(to: usize, from: usize, count: u32): void {
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  }
  for (; i < count; i++) {
    store<f32>(to, load<f32>(from));
    to += 4;
    from += 4;
  }
}

/**
 * Values `m0` to `m0 + rows` of the patches of `count` positions, as groups [count][4] of them. `pixels`
 * begins with the tap of the first one.
 */
function packColumns(
  pixels: usize,
  channels: u32,
  m0: u32,
  rows: u32,
  count: u32,
  group: usize,
  to: usize,
): void {
  const firstTap = m0 / channels;
  const step = (<usize>count) << 2;
  for (let m = m0; m < m0 + rows; m += 4) {
    const target = to + <usize>((m - m0) >> 2) * group;
    if ((channels & 3) == 0) {
      let pixel = pixels + <usize>(m / channels - firstTap) * step;
      const offset = (<usize>(m % channels)) << 2;
      const end = target + ((<usize>count) << 4);
      for (let place = target; place < end; place += 16) {
        v128.store(place, v128.load(<usize>load<u32>(pixel) + offset));
        pixel += 4;
      }
      continue;
    }
    for (let lane: u32 = 0; lane < 4; lane++) {
      // Lanes past the edge repeat the last value; their results are dropped.
      const at = min(m + lane, m0 + rows - 1);
      let pixel = pixels + <usize>(at / channels - firstTap) * step;
      const offset = (<usize>(at % channels)) << 2;
      let place = target + ((<usize>lane) << 2);
      for (let i: u32 = 0; i < count; i++) {
        store<f32>(place, load<f32>(<usize>load<u32>(pixel) + offset));
        pixel += 4;
        place += 16;
      }
    }
  }
}

/**
 * Part of a filter's gradient: a block of its rows (tap, channel), summed over the positions of one
 * segment. Segments are laid out in `OUT` one after the other; sumSegments adds them.
 */
export function convolutionFilterBlock(args: usize, chunk: u32, thread: u32): void {
  const phase = <usize>load<u32>(args, PHASES);
  const channels = load<u32>(args, CHANNELS);
  const n = load<u32>(args, N);
  const m = load<u32>(phase, TAP_COUNT) * channels;
  const rowBlock = load<u32>(args, ROW_BLOCK);
  const rowBlocks = blocks(m, rowBlock);
  const columnBlocks = blocks(n, COLUMNS);
  const segment = chunk / (rowBlocks * columnBlocks);
  const within = chunk % (rowBlocks * columnBlocks);
  const m0 = (within / columnBlocks) * rowBlock;
  const rows = min(rowBlock, m - m0);
  const column = (within % columnBlocks) * COLUMNS;
  const columns = min(COLUMNS, n - column);
  const left = <usize>load<u32>(args, SCRATCH) + <usize>thread * load<u32>(args, SCRATCH_STRIDE);
  const right = left + LEFT_BYTES;
  const c = right + RIGHT_BYTES;
  const table = c + BLOCK_BYTES;
  const stride = (<usize>((columns + 7) & ~7)) << 2;
  const positions =
    load<u32>(args, IMAGES) * load<u32>(phase, GRID_HEIGHT) * load<u32>(phase, GRID_WIDTH);
  const start = segment * load<u32>(args, SEGMENT);
  const end = min(positions, start + load<u32>(args, SEGMENT));
  for (let k0 = start; k0 < end; k0 += KC) {
    const count = min(KC, end - k0);
    const group = ((<usize>count) << 4) + GROUP_PAD;
    describeRows(args, phase, k0, count, table);
    const firstTap = m0 / channels;
    const taps = (m0 + rows - 1) / channels + 1 - firstTap;
    findPixels(args, phase, table, count, firstTap, taps, table + TABLE_BYTES);
    packColumns(table + TABLE_BYTES, channels, m0, rows, count, group, left);
    const panel = <usize>count * 32;
    for (let col: u32 = 0; col < columns; col += 8) {
      const from = <usize>load<u32>(args, FACTOR) + ((<usize>(k0 * n + column + col)) << 2);
      packAcross(
        from,
        n * 4,
        count,
        min<u32>(8, columns - col),
        right + <usize>(col >> 3) * panel,
        8,
      );
    }
    multiplyBlock(left, group, right, panel, count, c, rows, columns, stride, k0 > start);
  }
  let to = <usize>load<u32>(args, OUT) + ((<usize>((segment * m + m0) * n + column)) << 2);
  for (let row: u32 = 0; row < rows; row++) {
    copyValues(to, c + <usize>row * stride, columns);
    to += (<usize>n) << 2;
  }
}
