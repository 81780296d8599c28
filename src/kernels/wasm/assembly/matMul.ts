import { packAcross, packAlong } from './pack';

/**
 * C = op(A) op(B), float32, in tiles of 4 x 8 over packed panels. The reduction runs in blocks of KC
 * that are added to C in order, so a result depends on the shapes only, never on the split into jobs.
 */

/** Reduction block: one panel of B is 8 KiB, one of A 4 KiB; both stay in L1. */
const KC: u32 = 256;

/** Index of each argument, in 4-byte words; the same table is in matMulPlan.ts. */
const A: usize = 0;
const B: usize = 4;
const C: usize = 8;
const PACKED: usize = 12;
const SCRATCH: usize = 16;
const SCRATCH_STRIDE: usize = 20;
const M: usize = 24;
const N: usize = 28;
const K: usize = 32;
const TRANSPOSE_A: usize = 36;
const TRANSPOSE_B: usize = 40;
const BATCH_A: usize = 44;
const BATCH_B: usize = 48;
const ROW_BLOCK: usize = 52;
const COL_BLOCK: usize = 56;
const ACCUMULATE: usize = 60;
const BIAS: usize = 64;
const ACTIVATION: usize = 68;
const ALPHA: usize = 72;

const RELU: u32 = 1;
const RELU6: u32 = 2;
const LEAKY_RELU: u32 = 3;

function blocks(size: u32, block: u32): u32 {
  return (size + block - 1) / block;
}

/** Pack 8 panels (64 columns) of one matrix of the batch of op(B), over all k. */
export function matMulPack(args: usize, chunk: u32, thread: u32): void {
  const n = load<u32>(args, N);
  const k = load<u32>(args, K);
  const perMatrix = blocks(n, 64);
  const batch = chunk / perMatrix;
  const firstPanel = (chunk % perMatrix) * 8;
  const panels = blocks(n, 8);
  const lastPanel = min(firstPanel + 8, panels);
  const source = <usize>load<u32>(args, B) + batch * load<u32>(args, BATCH_B);
  const target = <usize>load<u32>(args, PACKED) + batch * k * panels * 32;
  const transposed = load<u32>(args, TRANSPOSE_B) != 0;
  for (let k0: u32 = 0; k0 < k; k0 += KC) {
    const count = min(KC, k - k0);
    for (let panel = firstPanel; panel < lastPanel; panel++) {
      const column = panel * 8;
      const valid = min<u32>(8, n - column);
      const to = target + (k0 * panels + panel * count) * 32;
      if (transposed) packAlong(source + (column * k + k0) * 4, k * 4, count, valid, to, 8);
      else packAcross(source + (k0 * n + column) * 4, n * 4, count, valid, to, 8);
    }
  }
}

/** One block of rows and columns of C of one matrix of the batch. */
export function matMulBlock(args: usize, chunk: u32, thread: u32): void {
  const m = load<u32>(args, M);
  const n = load<u32>(args, N);
  const k = load<u32>(args, K);
  const rowBlock = load<u32>(args, ROW_BLOCK);
  const colBlock = load<u32>(args, COL_BLOCK);
  const rowBlocks = blocks(m, rowBlock);
  const colBlocks = blocks(n, colBlock);
  const perMatrix = rowBlocks * colBlocks;
  const batch = chunk / perMatrix;
  const inMatrix = chunk % perMatrix;
  const row0 = (inMatrix / colBlocks) * rowBlock;
  const rows = min(rowBlock, m - row0);
  const col0 = (inMatrix % colBlocks) * colBlock;
  const cols = min(colBlock, n - col0);
  const panels = blocks(n, 8);
  const source = <usize>load<u32>(args, A) + batch * load<u32>(args, BATCH_A);
  const packedBatch: u32 = load<u32>(args, BATCH_B) == 0 ? 0 : batch;
  const packedB = <usize>load<u32>(args, PACKED) + packedBatch * k * panels * 32;
  const packedA = <usize>load<u32>(args, SCRATCH) + thread * load<u32>(args, SCRATCH_STRIDE);
  const edge = packedA + ((rowBlock + 3) & ~3) * KC * 4;
  const stride = <usize>n * 4;
  const c = <usize>load<u32>(args, C) + <usize>(batch * m + row0) * stride + col0 * 4;
  const transposed = load<u32>(args, TRANSPOSE_A) != 0;
  const accumulate = load<u32>(args, ACCUMULATE) != 0;
  for (let k0: u32 = 0; k0 < k; k0 += KC) {
    const count = min(KC, k - k0);
    for (let row: u32 = 0; row < rows; row += 4) {
      const valid = min<u32>(4, rows - row);
      const to = packedA + row * count * 4;
      if (transposed) packAcross(source + (k0 * m + row0 + row) * 4, m * 4, count, valid, to, 4);
      else packAlong(source + ((row0 + row) * k + k0) * 4, k * 4, count, valid, to, 4);
    }
    const add = accumulate || k0 > 0;
    for (let col: u32 = 0; col < cols; col += 8) {
      const b = packedB + (k0 * panels + ((col0 + col) >> 3) * count) * 32;
      const validCols = min<u32>(8, cols - col);
      for (let row: u32 = 0; row < rows; row += 4) {
        const a = packedA + row * count * 4;
        const to = c + <usize>row * stride + col * 4;
        const validRows = min<u32>(4, rows - row);
        if (validRows == 4 && validCols == 8) {
          tile(a, b, count, to, stride, add);
        } else {
          tile(a, b, count, edge, 32, false);
          copyEdge(edge, to, stride, validRows, validCols, add);
        }
      }
    }
  }
  const bias = <usize>load<u32>(args, BIAS);
  finish(bias, load<u32>(args, ACTIVATION), load<f32>(args, ALPHA), c, stride, rows, col0, cols);
}

function copyEdge(edge: usize, to: usize, stride: usize, rows: u32, cols: u32, add: bool): void {
  for (let row: u32 = 0; row < rows; row++) {
    for (let col: u32 = 0; col < cols; col++) {
      const at = to + <usize>row * stride + (col << 2);
      const value = load<f32>(edge + (row << 5) + (col << 2));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
  }
}

/** 4 rows of A times 8 columns of B over `count` steps, stored or added at `to`. */
export function tile(a: usize, b: usize, count: u32, to: usize, stride: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = a + ((<usize>count) << 4);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let s = v128.load_splat<f32>(a);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 4);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 8);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load_splat<f32>(a, 12);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    a += 16;
    b += 32;
  }
  const to1 = to + stride;
  const to2 = to1 + stride;
  const to3 = to2 + stride;
  if (add) {
    c00 = f32x4.add(v128.load(to), c00);
    c01 = f32x4.add(v128.load(to, 16), c01);
    c10 = f32x4.add(v128.load(to1), c10);
    c11 = f32x4.add(v128.load(to1, 16), c11);
    c20 = f32x4.add(v128.load(to2), c20);
    c21 = f32x4.add(v128.load(to2, 16), c21);
    c30 = f32x4.add(v128.load(to3), c30);
    c31 = f32x4.add(v128.load(to3, 16), c31);
  }
  v128.store(to, c00);
  v128.store(to, c01, 16);
  v128.store(to1, c10);
  v128.store(to1, c11, 16);
  v128.store(to2, c20);
  v128.store(to2, c21, 16);
  v128.store(to3, c30);
  v128.store(to3, c31, 16);
}

/** Bias (0 for none) and activation over a finished block of C, of columns `col0` on. */
export function finish(
  bias: usize,
  activation: u32,
  alpha: f32,
  c: usize,
  stride: usize,
  rows: u32,
  col0: u32,
  cols: u32,
): void {
  if (bias == 0 && activation == 0) return;
  const alphas = f32x4.splat(alpha);
  const zeros = f32x4.splat(0);
  const sixes = f32x4.splat(6);
  const biasRow = bias + col0 * 4;
  for (let row: u32 = 0; row < rows; row++) {
    const at = c + <usize>row * stride;
    let col: u32 = 0;
    for (; col + 4 <= cols; col += 4) {
      let v = v128.load(at + (col << 2));
      if (bias != 0) v = f32x4.add(v, v128.load(biasRow + (col << 2)));
      if (activation == RELU) v = f32x4.max(v, zeros);
      else if (activation == RELU6) v = f32x4.min(f32x4.max(v, zeros), sixes);
      else if (activation == LEAKY_RELU) {
        v = v128.bitselect(f32x4.mul(v, alphas), v, f32x4.lt(v, zeros));
      }
      v128.store(at + (col << 2), v);
    }
    for (; col < cols; col++) {
      let v = load<f32>(at + (col << 2));
      if (bias != 0) v += load<f32>(biasRow + (col << 2));
      if (activation == RELU) v = max<f32>(v, 0);
      else if (activation == RELU6) v = min<f32>(max<f32>(v, 0), 6);
      else if (activation == LEAKY_RELU) v = v < 0 ? v * alpha : v;
      store<f32>(at + (col << 2), v);
    }
  }
}
