import type { Scratch } from './module.js';
import { float32Bits, runJob, threadInfo } from './threads.js';

/** Activations that the module applies itself. */
export const ACTIVATION = { linear: 0, relu: 1, relu6: 2, leakyrelu: 3 } as const;

export const isOwnActivation = (activation: string): activation is keyof typeof ACTIVATION =>
  Object.hasOwn(ACTIVATION, activation);

/** Reduction block, KC in assembly/matMul.ts. */
const REDUCTION_BLOCK = 256;
/** Multiplications from which a product is given to all threads: about 0.1 ms on one. */
const PARALLEL_MACS = 2e6;

/**
 * c[i] = op(a[i]) op(b[i]) for i < batch, all addresses in the scratch. op(a) is m x k, op(b) is k x n.
 * A batch stride of 0 bytes uses one matrix for the whole batch.
 */
export interface Product {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly batch: number;
  readonly strideA: number;
  readonly strideB: number;
  /** Add to c, whose content counts then, instead of replacing it. */
  readonly accumulate: boolean;
  /** Address of n values that are added to every row, 0 for none. */
  readonly bias: number;
  readonly activation: number;
  /** Slope of leakyrelu. */
  readonly alpha: number;
}

/** Defaults of a plain product of single matrices. */
export const PLAIN = {
  batch: 1,
  strideA: 0,
  strideB: 0,
  accumulate: false,
  bias: 0,
  activation: ACTIVATION.linear,
  alpha: 0,
} as const;

/** op(b) in panels, and room for the threads' own panels of op(a). */
export interface PackedProduct {
  readonly packed: number;
  readonly threadScratch: number;
  readonly threadStride: number;
}

const MAX_ROW_BLOCK = 64;

/** Reserve memory for a product; do this before making views of the scratch. */
export function reserveProduct(
  scratch: Scratch,
  { n, k, batch, strideB }: Pick<Product, 'n' | 'k' | 'batch' | 'strideB'>,
): PackedProduct {
  const matrices = strideB === 0 ? 1 : batch;
  const packed = scratch.allocate(matrices * k * Math.ceil(n / 8) * 32);
  const threadStride = MAX_ROW_BLOCK * REDUCTION_BLOCK * 4 + 128;
  const threadScratch = scratch.allocate(threadStride * threadInfo().threads);
  return { packed, threadScratch, threadStride };
}

function jobArguments(p: Product, room: PackedProduct, blocks: Blocks): number[] {
  return [
    p.a,
    p.b,
    p.c,
    room.packed,
    room.threadScratch,
    room.threadStride,
    p.m,
    p.n,
    p.k,
    Number(p.transposeA),
    Number(p.transposeB),
    p.strideA,
    p.strideB,
    blocks.rows,
    blocks.columns,
    Number(p.accumulate),
    p.bias,
    p.activation,
    float32Bits(p.alpha),
  ];
}

interface Blocks {
  readonly rows: number;
  readonly columns: number;
  readonly count: number;
}

/** Blocks of C, one per chunk: as large as the caches like, but enough of them for all threads. */
function chooseBlocks({ m, n, batch }: Product, parallel: boolean): Blocks {
  let rows = MAX_ROW_BLOCK;
  let columns = 512;
  const count = (): number => batch * Math.ceil(m / rows) * Math.ceil(n / columns);
  const wanted = parallel ? 4 * threadInfo().threads : 1;
  while (count() < wanted && columns > 64) columns /= 2;
  while (count() < wanted && rows > 16) rows /= 2;
  return { rows, columns, count: count() };
}

/** Whether a product is worth waking other threads. */
function isLarge({ m, n, k, batch }: Product): boolean {
  return m * n * k * batch >= PARALLEL_MACS;
}

/** Bring op(b) into panels. */
export function packRight(product: Product, room: PackedProduct): void {
  const matrices = product.strideB === 0 ? 1 : product.batch;
  const chunks = matrices * Math.ceil(product.n / 64);
  const blocks = { rows: MAX_ROW_BLOCK, columns: 512, count: 0 };
  runJob('matMulPack', jobArguments(product, room, blocks), chunks, isLarge(product));
}

/** Compute c; {@link packRight} has been called for the same b. */
export function multiplyPacked(product: Product, room: PackedProduct): void {
  const parallel = isLarge(product);
  const blocks = chooseBlocks(product, parallel);
  runJob('matMulBlock', jobArguments(product, room, blocks), blocks.count, parallel);
}
