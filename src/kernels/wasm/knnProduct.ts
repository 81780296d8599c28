import type { ProductForm } from '../../specs/metricForm.js';
import type { Masks } from '../shared/masks.js';
import { powerOfTwoFor } from './distances.js';
import type { Scratch } from './module.js';
import { float32Bits, runJob, threadInfo } from './threads.js';

/** Bytes of packed points that are searched at once. */
const PANEL_BYTES = 32 * 2 ** 20;
/** Bytes of point rows that are copied and packed at once. */
const STAGE_BYTES = 4 * 2 ** 20;
/** Bytes of queries and lists of one slab of queries. */
const QUERY_SLAB_BYTES = 96 * 2 ** 20;
const MAX_QUERY_BLOCK = 64;
/** Multiplications from which the work is given to all threads: about 0.1 ms on one. */
const PARALLEL_TERMS = 1e6;
/** Rows from which the centre is estimated: any shift is valid, one near the mean is accurate. */
const CENTRE_ROWS = 4096;
/** TILE bytes and alignment of a thread's scratch; STRIP in assembly/knnProduct.ts. */
const TILE_BYTES = 256;
const STRIP = 64;

/** One matrix of a batch: queries x [n, d] against points y [m, d]. */
export interface ProductSearch {
  readonly form: ProductForm;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly n: number;
  readonly m: number;
  readonly d: number;
  /** Length of the lists. */
  readonly keep: number;
  readonly masks: Masks;
  /** Number of the matrix in its batch, for the masks. */
  readonly batch: number;
}

/**
 * Lists of the `keep` smallest values v of every query of a slab. squares: v + size of the query is the
 * squared distance, in units of scale^-2; similarities: v = -product (cosine: of unit rows).
 */
export interface Candidates {
  readonly firstRow: number;
  readonly rows: number;
  /** Parts of the points, each with lists of its own: [segments, rows, keep]. */
  readonly segments: number;
  readonly values: Float32Array;
  /** Points; -1 where a list is not full (value Infinity). */
  readonly indices: Int32Array;
  /** Squared size of every query as searched (moved, scaled); Infinity when it is not finite. */
  readonly querySizes: Float32Array;
  /** Of all points: largest finite squared size, and whether some are not finite. */
  readonly largestSize: number;
  readonly hasNonFinite: boolean;
  readonly scale: number;
}

const FAMILY_CODE: Readonly<Record<ProductForm['family'], number>> = {
  squares: 0,
  cosine: 1,
  innerProduct: 2,
};

interface Plan {
  readonly queryRows: number;
  readonly queryBlock: number;
  readonly segments: number;
  readonly panelRows: number;
  readonly stageRows: number;
}

function planOf({ n, m, d, keep }: ProductSearch): Plan {
  const threads = threadInfo().threads;
  const balanced = Math.ceil(n / (4 * threads) / 4) * 4;
  const queryBlock = Math.max(4, Math.min(MAX_QUERY_BLOCK, balanced));
  const blocks = Math.ceil(n / queryBlock);
  const wanted = Math.ceil((4 * threads) / blocks);
  // A segment should be long enough that filling its lists is the smaller part of its work.
  const segments = blocks >= 2 * threads ? 1 : Math.min(wanted, Math.ceil(m / (16 * keep + 512)));
  const perQuery = 4 * d + 8 * keep * segments;
  const rows = Math.max(1, Math.floor(QUERY_SLAB_BYTES / perQuery / queryBlock)) * queryBlock;
  const panelRows = Math.max(64, Math.floor(PANEL_BYTES / (4 * d + 1) / 64) * 64);
  const stageRows = Math.max(64, Math.floor(STAGE_BYTES / (4 * d + 1) / 64) * 64);
  return {
    queryRows: Math.min(n, rows),
    queryBlock,
    segments,
    panelRows: Math.min(panelRows, Math.ceil(m / 64) * 64),
    stageRows: Math.min(panelRows, stageRows),
  };
}

/** Mean of up to CENTRE_ROWS evenly spaced rows, their finite values only; zero for similarities. */
function centreOf({ form, y, m, d }: ProductSearch, scale: number): Float32Array {
  const sums = new Float64Array(d);
  if (form.family !== 'squares') return new Float32Array(d);
  const step = Math.max(1, Math.floor(m / CENTRE_ROWS));
  let count = 0;
  for (let row = 0; row < m; row += step, count++) {
    for (let f = 0; f < d; f++) {
      const value = y[row * d + f];
      if (value - value === 0) sums[f] += value;
    }
  }
  return Float32Array.from(sums, (sum) => (sum * scale) / Math.max(1, count));
}

/** Everything that the jobs of one search share. */
interface Room {
  readonly panels: number;
  readonly norms: number;
  readonly sizes: number;
  readonly stage: number;
  readonly queries: number;
  readonly querySizes: number;
  readonly values: number;
  readonly indices: number;
  readonly centre: number;
  readonly threadScratch: number;
  readonly threadStride: number;
  readonly allowed: number;
  readonly queryGroups: number;
  readonly pointGroups: number;
}

function reserve(scratch: Scratch, search: ProductSearch, plan: Plan): Room {
  const { d, m, keep, masks } = search;
  const lists = plan.queryRows * keep * plan.segments * 4;
  const block = plan.queryBlock;
  const threadStride = Math.ceil((TILE_BYTES + block * (4 * d + 4 * STRIP) + 256) / 64) * 64;
  const maskRows = masks.allowedQueries === 1 ? 1 : plan.queryRows;
  return {
    panels: scratch.allocate(plan.panelRows * d * 4),
    norms: scratch.allocate(plan.panelRows * 4),
    sizes: scratch.allocate(plan.panelRows * 4),
    stage: scratch.allocate(plan.stageRows * d * 4),
    queries: scratch.allocate(plan.queryRows * d * 4),
    querySizes: scratch.allocate(plan.queryRows * 4),
    values: scratch.allocate(lists),
    indices: scratch.allocate(lists),
    centre: scratch.allocate(d * 4),
    threadScratch: scratch.allocate(threadStride * threadInfo().threads),
    threadStride,
    allowed: masks.allowed === undefined ? 0 : scratch.allocate(maskRows * masks.words * 4),
    queryGroups: masks.queryGroups === undefined ? 0 : scratch.allocate(plan.queryRows * 4),
    pointGroups: masks.pointGroups === undefined ? 0 : scratch.allocate(m * 4),
  };
}

/** Words that change from job to job. */
interface JobState {
  readonly stagedCount: number;
  readonly firstPanel: number;
  readonly queryCount: number;
  readonly firstPoint: number;
  readonly pointCount: number;
  readonly firstSelf: number;
}

function jobArguments(
  search: ProductSearch,
  plan: Plan,
  room: Room,
  scale: number,
  state: JobState,
): number[] {
  const { masks } = search;
  return [
    search.d,
    room.stage,
    state.stagedCount,
    state.firstPanel,
    room.panels,
    Math.ceil(state.pointCount / 8),
    room.norms,
    room.queries,
    state.queryCount,
    plan.queryBlock,
    room.threadScratch,
    room.threadStride,
    room.values,
    room.indices,
    search.keep,
    state.firstPoint,
    state.pointCount,
    plan.segments,
    state.firstSelf,
    room.allowed,
    masks.allowedQueries === 1 ? 0 : masks.words * 4,
    room.queryGroups,
    room.pointGroups,
    FAMILY_CODE[search.form.family],
    float32Bits(scale),
    room.centre,
    room.sizes,
    room.querySizes,
  ];
}

/**
 * Find candidates for all queries, slab by slab.
 * @param consume Takes the lists of one slab; its arrays are views that the next slab overwrites.
 */
export function productCandidates(
  scratch: Scratch,
  search: ProductSearch,
  consume: (candidates: Candidates) => void,
): void {
  const { form, x, y, n, m, d } = search;
  const scale = form.family === 'squares' ? powerOfTwoFor(x, y) : 1;
  const plan = planOf(search);
  const mark = scratch.mark();
  const room = reserve(scratch, search, plan);
  scratch.float32(room.centre, d).set(centreOf(search, scale));
  const parallel = n * m * Math.max(1, d) >= PARALLEL_TERMS;
  for (let row = 0; row < n; row += plan.queryRows) {
    const rows = Math.min(plan.queryRows, n - row);
    stageQueries(scratch, search, room, row, rows);
    const selfOffset = search.masks.selfOffset;
    const state = {
      stagedCount: 0,
      firstPanel: 0,
      queryCount: rows,
      firstPoint: 0,
      pointCount: 0,
      // No index is reached from there: the module adds at most the rows of a slab.
      firstSelf: selfOffset === undefined ? -rows - 1 : row + selfOffset,
    };
    const job = (change: Partial<JobState>): number[] =>
      jobArguments(search, plan, room, scale, { ...state, ...change });
    const lists = rows * search.keep * plan.segments;
    scratch.float32(room.values, lists).fill(Infinity);
    scratch.int32(room.indices, lists).fill(-1);
    runJob('productQueries', job({}), Math.ceil(rows / 64), parallel);
    let largestSize = 0;
    let hasNonFinite = false;
    for (let point = 0; point < m; point += plan.panelRows) {
      const points = Math.min(plan.panelRows, m - point);
      const slab = { firstPoint: point, pointCount: points };
      scratch.float32(room.norms, Math.ceil(points / 8) * 8).fill(Infinity);
      for (let staged = 0; staged < points; staged += plan.stageRows) {
        const count = Math.min(plan.stageRows, points - staged);
        const from = (point + staged) * d;
        scratch.float32(room.stage, count * d).set(y.subarray(from, from + count * d));
        const pack = { ...slab, stagedCount: count, firstPanel: staged / 8 };
        runJob('productPack', job(pack), Math.ceil(count / 64), parallel);
      }
      for (const size of scratch.float32(room.sizes, points)) {
        if (size === Infinity) hasNonFinite = true;
        else if (size > largestSize) largestSize = size;
      }
      const chunks = Math.ceil(rows / plan.queryBlock) * plan.segments;
      runJob('productBlock', job(slab), chunks, parallel);
    }
    consume({
      firstRow: row,
      rows,
      segments: plan.segments,
      values: scratch.float32(room.values, lists),
      indices: scratch.int32(room.indices, lists),
      querySizes: scratch.float32(room.querySizes, rows),
      largestSize,
      hasNonFinite,
      scale,
    });
  }
  scratch.release(mark);
}

function stageQueries(
  scratch: Scratch,
  { x, d, m, n, masks, batch }: ProductSearch,
  room: Room,
  row: number,
  rows: number,
): void {
  scratch.float32(room.queries, rows * d).set(x.subarray(row * d, (row + rows) * d));
  if (masks.allowed !== undefined) {
    const matrix = masks.allowedBatch === 1 ? 0 : batch;
    const first = masks.allowedQueries === 1 ? 0 : row;
    const count = masks.allowedQueries === 1 ? 1 : rows;
    const from = (matrix * masks.allowedQueries + first) * masks.words;
    const words = masks.allowed.subarray(from, from + count * masks.words);
    scratch.int32(room.allowed, count * masks.words).set(words);
  }
  if (masks.queryGroups !== undefined && masks.pointGroups !== undefined) {
    const from = batch * n + row;
    scratch.int32(room.queryGroups, rows).set(masks.queryGroups.subarray(from, from + rows));
    scratch.int32(room.pointGroups, m).set(masks.pointGroups.subarray(batch * m, (batch + 1) * m));
  }
}
