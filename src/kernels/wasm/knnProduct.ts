import type { Masks } from '../shared/masks.js';
import { largestFinite, powerOfTwoFor } from './distances.js';
import type { Scratch } from './module.js';
import { runProductJob } from './productJobs.js';
import type { GivenArguments } from './productJobs.js';
import { centreOf, joinSizes, panelRowsOf, PointPacker, slabBytes } from './productPoints.js';
import type { PackedPoints, PackedSizes, PackedSlab, Placement, Points } from './productPoints.js';
import { threadInfo } from './threads.js';

/** Bytes of queries and lists of one slab of queries. */
const QUERY_SLAB_BYTES = 96 * 2 ** 20;
const MAX_QUERY_BLOCK = 64;
/** Multiplications from which the work is given to all threads: about 0.1 ms on one. */
const PARALLEL_TERMS = 1e6;
/** TILE bytes and alignment of a thread's scratch; STRIP in assembly/knnProduct.ts. */
const TILE_BYTES = 256;
const STRIP = 64;

/** One matrix of a batch: queries x [n, d] against points y [m, d]. */
export interface ProductSearch extends Points {
  readonly x: Float32Array;
  readonly n: number;
  /** Length of the lists. */
  readonly keep: number;
  readonly masks: Masks;
  /** Number of the matrix in its batch, for the masks. */
  readonly batch: number;
  /** The points as packed before, where they are kept. */
  readonly packed: PackedPoints | undefined;
}

/**
 * Lists of the `keep` smallest values v of every query of a slab. squares: v + size of the query is the
 * squared distance, in units of scale^-2; similarities: v = -product (cosine: of unit rows).
 */
export interface Candidates extends PackedSizes {
  readonly firstRow: number;
  readonly rows: number;
  /** Parts of the points, each with lists of its own: [segments, rows, keep]. */
  readonly segments: number;
  readonly values: Float32Array;
  /** Points; -1 where a list is not full (value Infinity). */
  readonly indices: Int32Array;
  /** Squared size of every query as searched (moved, scaled); Infinity when it is not finite. */
  readonly querySizes: Float32Array;
  readonly scale: number;
}

interface Plan {
  readonly queryRows: number;
  readonly queryBlock: number;
  readonly segments: number;
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
  return {
    queryRows: Math.min(n, rows),
    queryBlock,
    segments,
  };
}

/** Everything that the jobs of one search share, as addresses. */
interface Room {
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

function placementOf(search: ProductSearch): Placement {
  const { form, x, y } = search;
  if (form.family !== 'squares') return { scale: 1, centre: centreOf(search, 1) };
  const scale = powerOfTwoFor(Math.max(largestFinite(x), largestFinite(y)));
  return { scale, centre: centreOf(search, scale) };
}

/** The points as kept, unless the queries are so large that another scale is needed. */
function usablePacked({ form, x, packed }: ProductSearch): PackedPoints | undefined {
  if (packed === undefined || form.family !== 'squares') return packed;
  const scale = powerOfTwoFor(Math.max(largestFinite(x), packed.largest));
  return scale === packed.scale ? packed : undefined;
}

/** The slabs of points, one after the other: kept ones, or packed when they are asked for. */
class PointSlabs {
  readonly rows: number;
  private readonly packer: PointPacker | undefined;
  private readonly shared: PackedSlab;

  constructor(
    scratch: Scratch,
    search: ProductSearch,
    private readonly packed: PackedPoints | undefined,
    scale: number,
    centre: number,
  ) {
    this.rows = panelRowsOf(search);
    if (packed !== undefined) {
      this.shared = { panels: 0, norms: 0 };
      return;
    }
    const [panels, norms] = slabBytes(this.rows, search.d);
    this.shared = { panels: scratch.allocate(panels), norms: scratch.allocate(norms) };
    this.packer = new PointPacker(scratch, search, scale, centre);
  }

  /** The slab from `first` on, and the sizes of its points. */
  at(first: number, count: number): PackedSlab & PackedSizes {
    if (this.packer !== undefined) {
      return { ...this.shared, ...this.packer.pack(first, count, this.shared) };
    }
    const { packed, rows, shared } = this;
    const slab = packed?.slabs[first / rows] ?? shared;
    const { largestSize, hasNonFinite } = packed ?? NO_SIZES;
    return { ...slab, largestSize, hasNonFinite };
  }
}

const NO_SIZES: PackedSizes = { largestSize: 0, hasNonFinite: false };

/**
 * Find candidates for all queries, slab by slab.
 * @param consume Takes the lists of one slab; its arrays are views that the next slab overwrites.
 */
export function productCandidates(
  scratch: Scratch,
  search: ProductSearch,
  consume: (candidates: Candidates) => void,
): void {
  const { form, n, m, d, keep, masks } = search;
  const mark = scratch.mark();
  const packed = usablePacked(search);
  const { scale, centre } = packed ?? placementOf(search);
  const plan = planOf(search);
  const room = reserve(scratch, search, plan);
  const points = new PointSlabs(scratch, search, packed, scale, room.centre);
  scratch.float32(room.centre, d).set(centre);
  const parallel = n * m * Math.max(1, d) >= PARALLEL_TERMS;
  for (let row = 0; row < n; row += plan.queryRows) {
    const rows = Math.min(plan.queryRows, n - row);
    stageQueries(scratch, search, room, row, rows);
    const { selfOffset } = masks;
    const { queryBlock, segments } = plan;
    const args: GivenArguments = {
      ...room,
      d,
      family: form.family,
      scale,
      keep,
      queryCount: rows,
      queryBlock,
      segments,
      // No index is reached from there: the module adds at most the rows of a slab.
      firstSelf: selfOffset === undefined ? -rows - 1 : row + selfOffset,
      allowedStride: masks.allowedQueries === 1 ? 0 : masks.words * 4,
    };
    const lists = rows * keep * segments;
    scratch.float32(room.values, lists).fill(Infinity);
    scratch.int32(room.indices, lists).fill(-1);
    runProductJob('productQueries', args, Math.ceil(rows / 64), parallel);
    let sizes = NO_SIZES;
    for (let point = 0; point < m; point += points.rows) {
      const count = Math.min(points.rows, m - point);
      const slab = points.at(point, count);
      sizes = joinSizes(sizes, slab);
      const { panels, norms } = slab;
      const place = { panels, norms, panelCount: Math.ceil(count / 8) };
      const range = { firstPoint: point, pointCount: count };
      const chunks = Math.ceil(rows / queryBlock) * segments;
      runProductJob('productBlock', { ...args, ...place, ...range }, chunks, parallel);
    }
    consume({
      firstRow: row,
      rows,
      segments,
      values: scratch.float32(room.values, lists),
      indices: scratch.int32(room.indices, lists),
      querySizes: scratch.float32(room.querySizes, rows),
      ...sizes,
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
