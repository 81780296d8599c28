import { UnsupportedError } from '../../errors.js';
import type { MetricForm } from '../../specs/metricForm.js';
import { cityblockForm } from '../../specs/metricForms.js';
import { SLAB_BYTES } from './heap.js';
import type { Scratch } from './module.js';
import { float32Bits, runJob, threadInfo } from './threads.js';

/** Numbers of the metrics in assembly/distanceTile.ts; the root of euclidean is taken at the end. */
/** Whether a tile of the module computes the form. */
export function hasTile(form: MetricForm): boolean {
  return form.family === 'squares' || form.family === 'cosine' || form.key === cityblockForm.key;
}

function metricCode(form: MetricForm): number {
  if (form.family === 'squares') return 0;
  if (form.family === 'cosine') return 2;
  if (form.key === cityblockForm.key) return 1;
  throw new UnsupportedError({
    op: 'pairwiseDistance',
    arg: 'metric',
    expected: 'have a wasm kernel',
    got: form.key,
  });
}

/** TILE_BYTES in assembly/distanceTile.ts. */
const TILE_BYTES = 384;
/** Rows that are copied and packed at once, so that points need no second whole copy. */
const STAGE_BYTES = 4 * 2 ** 20;
/** Queries of a chunk: all of them use a panel of points while it is in the first cache. */
const MAX_QUERY_BLOCK = 64;
/** Packed queries of a chunk stay within the second cache. */
const QUERY_BLOCK_BYTES = 256 * 1024;
/** Differences from which the work is given to all threads: about 0.1 ms on one. */
const PARALLEL_TERMS = 1e6;

/**
 * Squares of float32 values overflow above 2^64 and lose digits below 2^-64. Inputs whose largest
 * magnitude lies outside these bounds are brought near 1 by a power of two, which is exact.
 */
const LARGE = 2 ** 50;
const SMALL = 2 ** -40;

function largestFinite(values: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]);
    if (magnitude > largest && magnitude < Infinity) largest = magnitude;
  }
  return largest;
}

/** Power of two by which both inputs are multiplied before squares are taken. */
function scaleFor(form: MetricForm, x: Float32Array, y: Float32Array): number {
  return form.family === 'squares' ? powerOfTwoFor(x, y) : 1;
}

/** Power of two that brings the largest finite magnitude near 1 where it lies outside the bounds. */
export function powerOfTwoFor(x: Float32Array, y: Float32Array): number {
  const largest = Math.max(largestFinite(x), largestFinite(y));
  if (largest === 0 || (largest >= SMALL && largest <= LARGE)) return 1;
  // Both the scale and its inverse have to be float32 numbers.
  return 2 ** Math.min(126, Math.max(-126, -Math.floor(Math.log2(largest))));
}

/** What a call of pairwiseDistance or knn is made of; x are the queries. */
export interface DistanceCall {
  readonly form: MetricForm;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly batch: number;
  readonly n: number;
  readonly m: number;
  readonly d: number;
}

/** Runs one block of queries; where its results go. */
export interface DistanceOutput {
  readonly entry: 'pairwiseBlock' | 'knnBlock';
  /** Bytes of results per query. */
  readonly rowBytes: number;
  readonly k: number;
  /** Point that query 0 of a matrix must not return, undefined for none. */
  readonly selfOffset: number | undefined;
  /** Take over the results of `rows` queries from `row` on; addresses as given by `place`. */
  readonly take: (scratch: Scratch, row: number, rows: number) => void;
  /** Reserve the results of `rows` queries: addresses of distances and, for knn, indices. */
  readonly place: (scratch: Scratch, rows: number) => readonly [number, number];
}

interface Layout {
  readonly valueBytes: number;
  readonly scale: number;
  readonly panels: number;
  readonly norms: number;
  readonly stage: number;
  readonly stageRows: number;
  readonly queries: number;
  readonly slabRows: number;
  readonly queryBlock: number;
  readonly threadScratch: number;
  readonly threadStride: number;
  readonly out: readonly [number, number];
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

function chooseQueryBlock({ n, d }: DistanceCall, valueBytes: number): number {
  const cached = Math.floor(QUERY_BLOCK_BYTES / Math.max(1, d * valueBytes) / 4) * 4;
  const balanced = roundUp(n / (4 * threadInfo().threads), 4);
  return Math.max(4, Math.min(MAX_QUERY_BLOCK, Math.max(8, cached), balanced));
}

function reserve(scratch: Scratch, call: DistanceCall, output: DistanceOutput): Layout {
  const { form, n, m, d } = call;
  const valueBytes = form.family === 'cosine' ? 8 : 4;
  const panelCount = Math.ceil(m / 8);
  const stageRows = Math.min(m, Math.max(64, Math.floor(STAGE_BYTES / (4 * d + 1) / 64) * 64));
  const queryBlock = chooseQueryBlock(call, valueBytes);
  const slab = roundUp(SLAB_BYTES / (4 * d + output.rowBytes), queryBlock);
  const slabRows = Math.min(n, slab);
  const threadStride = roundUp(TILE_BYTES + queryBlock * (16 + d * valueBytes) + 64, 64);
  return {
    valueBytes,
    scale: scaleFor(form, call.x, call.y),
    panels: scratch.allocate(panelCount * d * 8 * valueBytes),
    norms: scratch.allocate(panelCount * 64),
    stage: scratch.allocate(stageRows * d * 4),
    stageRows,
    queries: scratch.allocate(slabRows * d * 4),
    slabRows,
    queryBlock,
    threadScratch: scratch.allocate(threadStride * threadInfo().threads),
    threadStride,
    out: output.place(scratch, slabRows),
  };
}

/** Words that change from job to job. */
interface JobState {
  readonly stagedCount: number;
  readonly firstPanel: number;
  readonly queryCount: number;
  readonly firstSelf: number;
}

function jobArguments(
  call: DistanceCall,
  output: DistanceOutput,
  layout: Layout,
  state: JobState,
): number[] {
  return [
    metricCode(call.form),
    Number(call.form.family === 'squares' && call.form.root),
    float32Bits(call.form.family === 'squares' ? 1 / layout.scale : 1),
    call.d,
    layout.stage,
    state.stagedCount,
    state.firstPanel,
    layout.panels,
    layout.norms,
    call.m,
    layout.queries,
    state.queryCount,
    layout.queryBlock,
    layout.threadScratch,
    layout.threadStride,
    layout.out[0],
    layout.out[1],
    output.k,
    state.firstSelf,
  ];
}

/** Copy between the heaps, scaled where squares would leave the range of float32. */
function copyScaled(target: Float32Array, source: Float32Array, scale: number): void {
  target.set(source);
  if (scale === 1) return;
  for (let i = 0; i < target.length; i++) target[i] *= scale;
}

/** Run a distance kernel: pack all points, then slabs of queries, matrix by matrix of the batch. */
export function runDistances(scratch: Scratch, call: DistanceCall, output: DistanceOutput): void {
  const { x, y, batch, n, m, d } = call;
  const layout = reserve(scratch, call, output);
  const parallel = n * m * Math.max(1, d) >= PARALLEL_TERMS;
  const idle: JobState = { stagedCount: 0, firstPanel: 0, queryCount: 0, firstSelf: -1 };
  for (let b = 0; b < batch; b++) {
    for (let row = 0; row < m; row += layout.stageRows) {
      const rows = Math.min(layout.stageRows, m - row);
      const start = (b * m + row) * d;
      const staged = scratch.float32(layout.stage, rows * d);
      copyScaled(staged, y.subarray(start, start + rows * d), layout.scale);
      const state = { ...idle, stagedCount: rows, firstPanel: row / 8 };
      const args = jobArguments(call, output, layout, state);
      runJob('distancePack', args, Math.ceil(rows / 64), parallel);
    }
    for (let row = 0; row < n; row += layout.slabRows) {
      const rows = Math.min(layout.slabRows, n - row);
      const start = (b * n + row) * d;
      const queries = scratch.float32(layout.queries, rows * d);
      copyScaled(queries, x.subarray(start, start + rows * d), layout.scale);
      const { selfOffset } = output;
      // No index is reached from there: the module adds at most n.
      const firstSelf = selfOffset === undefined ? -n - 1 : row + selfOffset;
      const state = { ...idle, queryCount: rows, firstSelf };
      const args = jobArguments(call, output, layout, state);
      runJob(output.entry, args, Math.ceil(rows / layout.queryBlock), parallel);
      output.take(scratch, b * n + row, rows);
    }
  }
}
