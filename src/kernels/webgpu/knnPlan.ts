import { spareCandidates } from '../shared/candidates.js';
import type { MetricForm, Mode } from '../../specs/metricForm.js';
import { FLOAT32_ROUNDOFF } from '../../numerics.js';
import { rankRoundings } from './formError.js';
import { blockLanes } from './subgroups.js';
import type { Subgroups } from './subgroups.js';
import type { Tile, TileSum } from './wgsl/scanTile.js';

/**
 * How a neighbour search runs on a device: pure arithmetic on sizes and limits.
 *
 * Queries are taken in blocks of rows, points in slices that fit a binding, the points of a slice in
 * slabs that grow. Of every row the best `kept` pairs are known, sorted. A slab is scanned once: a
 * pair that may still be among the best is appended to the row's list, and a sort of the list brings
 * the next slab's limit down. Points are visited in an order that spreads neighbours in memory, so
 * that a slab `growth` times as long as all before it brings about growth x kept candidates whatever
 * the order of the data; a row with more than its list holds is visited again for itself.
 *
 * Work and traffic expected on an H100 (67 TFLOP/s in float32, 3.35 TB/s):
 * - n = 1,000,000, d = 128, q = 10,000, k = 10: the products are 2 q n d = 2.6 TFLOP, 38 ms at peak. A
 *   tile of 64 x 128 reads (64 + 128) x 4 bytes per feature for 2 x 8,192 FLOP, 21 FLOP a byte from
 *   L2: 120 GB, 22 ms at 5.5 TB/s and beside the arithmetic. A thread does 64 fused multiply-adds on
 *   4 vector reads of workgroup memory. Tiles run with the queries innermost, so that the points of a
 *   column of tiles come from DRAM once: 0.5 GB. Five slabs of 256, 2,048, ... points; about
 *   5 x 144 candidates a row, 58 MB in all. 65,000 queries/s is 25 % of the peak.
 * - n = 2,000,000, d = 128, q = 1,000, k = 32: 0.51 TFLOP, 8 ms at peak; 40 ms is 20 % of it.
 * - q <= 8: a tile of 8 x 128, 16 FLOP of differences per value of 4 bytes, so DRAM bounds: 0.51 GB,
 *   0.15 ms at peak bandwidth for n = 1,000,000. Three slabs, because the list of so few rows may be
 *   long; 7 KiB in flight a workgroup of 64 threads, 20 of which fit a multiprocessor.
 * - Precise distances of the candidates: q (k + 8) d pairs of features of about 60 FLOP, 1.4 GFLOP.
 *
 * Errors of fast values, with u = 2^-24. Squares: rows are moved by a centre c, which rounds each
 * value by u and so the squared distance by at most 2 u (|x'| + |y'|)^2 <= 4 u (|x'|^2 + |y'|^2), with
 * x' = x - c; a product of d terms errs by (d + 1) u |x'| |y'|, twice that enters, and 2 |x'| |y'| <=
 * |x'|^2 + |y'|^2; the squared lengths, summed by eight threads, err by (d / 8 + 10) u each; the last
 * additions by 4 u of |x'|^2 + |y'|^2 + 2 |x'| |y'|. Together gamma (|x'|^2 + |y'|^2) with gamma =
 * (d + d / 8 + 32) u, plus a hundredth for terms of second order. The fast value takes (1 - gamma) of
 * the squared lengths, so it is a lower bound of the distance: a far outlier loosens only its own
 * bound. A point that is left out has a bound of at least that of the last candidate kept; where the
 * k-th neighbour's precise distance is below that, no point left out can be a neighbour.
 * Inner products take sqrt(gamma) |x| sqrt(gamma) |y| off in the same way; cosines, between rows of
 * length 1, err by gamma absolutely; differences by (66 + d / 64) u of their own sum.
 */

export interface DeviceFacts {
  readonly maxBinding: number;
  readonly maxWorkgroups: number;
  /** A driver that runs on the CPU. */
  readonly software: boolean;
  /** Undefined without the feature. */
  readonly subgroups: Subgroups | undefined;
}

export interface Problem {
  readonly batch: number;
  readonly q: number;
  readonly n: number;
  readonly d: number;
  readonly k: number;
  readonly form: MetricForm;
  readonly mode: Mode;
  /** Words of a row of the mask of allowed points; 0 without one for each query. */
  readonly allowedWords: number;
}

export interface KnnPlan {
  readonly tile: Tile;
  readonly sum: TileSum;
  /** Whether all pairs are compared in double-float at once. */
  readonly precise: boolean;
  /** Whether candidates get precise distances. */
  readonly rerank: boolean;
  /** Whether rows are certified, and compared in double-float where that fails. */
  readonly certify: boolean;
  /** Whether lengths of rows are needed for fast values. */
  readonly usesNorms: boolean;
  readonly gamma: number;
  readonly relativeSlack: number;
  readonly absoluteSlack: number;
  /** Candidates kept per row, and the length of a row's list, a power of two. */
  readonly kept: number;
  readonly room: number;
  readonly growth: number;
  readonly firstSlab: number;
  /** A block is either some rows of one batch, or all rows of several. */
  readonly rowsPerBlock: number;
  readonly batchesPerBlock: number;
  readonly pointsPerSlice: number;
  /** Work of a dispatch, in operations, so that no watchdog ends it: 0.1 s at 0.5 TFLOP/s. */
  readonly operationsPerDispatch: number;
  /** Threads of a workgroup that sorts a list. */
  readonly sortThreads: number;
  /** Of these, how many side by side are in one subgroup for certain; 0 without subgroups. */
  readonly sortLanes: number;
  readonly maxWorkgroups: number;
}

const LARGE: Tile = { rows: 64, columns: 128, rowsPerThread: 8, columnsPerThread: 8, depth: 16 };
const MEDIUM: Tile = { rows: 32, columns: 64, rowsPerThread: 4, columnsPerThread: 4, depth: 16 };
const FEW: Tile = { rows: 8, columns: 128, rowsPerThread: 4, columnsPerThread: 4, depth: 16 };
/** Software drivers run a workgroup on one core, eight threads at a time, and pay for barriers. */
const SOFTWARE: Tile = { rows: 64, columns: 64, rowsPerThread: 8, columnsPerThread: 8, depth: 16 };
const SOFTWARE_TERMS: Tile = {
  rows: 32,
  columns: 32,
  rowsPerThread: 4,
  columnsPerThread: 4,
  depth: 16,
};

const FEW_ROWS = 8;
/** Rows of a block are workgroups of a dispatch. */
const MOST_ROWS = 32768;
const STATE_BYTES = 2 ** 27;
const OPERATIONS = 5e10;
const SOFTWARE_OPERATIONS = 2e9;
/** Of one feature of one pair in double-float. */
export const PRECISE_OPERATIONS = 64;

const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, least)));
const clamp = (value: number, low: number, high: number): number =>
  Math.max(low, Math.min(high, value));

/** Bound of the relative error of a product of d terms between rows of length 1, see above. */
export function productGamma(d: number): number {
  return (d + d / 8 + 32) * FLOAT32_ROUNDOFF * 1.01;
}

function accuracy({
  form,
  mode,
  d,
  q,
  batch,
}: Problem): Pick<
  KnnPlan,
  | 'sum'
  | 'precise'
  | 'rerank'
  | 'certify'
  | 'usesNorms'
  | 'gamma'
  | 'relativeSlack'
  | 'absoluteSlack'
> {
  const exact = mode === 'exact';
  const tiny = 2 ** -99;
  if (form.family === 'expression') {
    const roundings = rankRoundings(form, d);
    return {
      sum: 'expression',
      precise: exact && form.algebraic && roundings === undefined,
      rerank: exact && form.algebraic && roundings !== undefined,
      certify: exact && roundings !== undefined,
      usesNorms: false,
      gamma: 0,
      relativeSlack: (roundings ?? 0) * FLOAT32_ROUNDOFF * 1.01,
      absoluteSlack: tiny,
    };
  }
  const few = q <= FEW_ROWS && batch * q <= FEW_ROWS * 8;
  const differences = form.family === 'squares' && (mode === 'direct' || few || d <= 4);
  const gamma = productGamma(d);
  return {
    sum: differences ? 'difference' : form.family === 'squares' ? 'centredProduct' : 'product',
    precise: d === 0,
    rerank: d > 0,
    certify: exact && d > 0,
    usesNorms: !differences,
    gamma,
    // Rows that are visited again are compared by differences in any case.
    relativeSlack: form.family === 'squares' ? (66 + d / 64 + 4) * FLOAT32_ROUNDOFF * 1.01 : 0,
    // Products of numbers below 2^-126 may vanish, where the other row is below 2^60.
    absoluteSlack: { squares: tiny, cosine: gamma, innerProduct: 2 ** -45 }[form.family],
  };
}

function tileFor(sum: TileSum, rows: number, software: boolean): Tile {
  if (rows <= FEW_ROWS) return FEW;
  // Sums of blocks and terms of forms take registers that products leave free.
  const isLight = sum === 'product' || sum === 'centredProduct';
  if (software) return isLight ? SOFTWARE : SOFTWARE_TERMS;
  return isLight && rows > 32 ? LARGE : MEDIUM;
}

/** Plan of a search with at least one query and one point. */
export function planKnn(problem: Problem, device: DeviceFacts): KnnPlan {
  const { batch, q, n, d, k, form } = problem;
  const aims = accuracy(problem);
  const spare = aims.rerank ? spareCandidates(k) : 0;
  const kept = Math.min(n, k + spare);
  const few = batch * q <= 64;
  const room = Math.max(few ? 4096 : device.software ? 512 : 1024, powerOfTwo(2 * kept));
  const free = room - kept;
  const elements = Math.floor(device.maxBinding / 4) - 256;

  const aux = form.family === 'expression' ? form.aux : 1;
  const mostRows = Math.max(
    1,
    Math.min(
      MOST_ROWS,
      device.maxWorkgroups,
      Math.floor(Math.min(STATE_BYTES, device.maxBinding) / (room * 8)),
      Math.floor(elements / Math.max(1, d, k, aux * 2, problem.allowedWords)),
    ),
  );
  const centre = d + 16;
  const batchesPerBlock =
    q > mostRows
      ? 1
      : clamp(
          Math.min(
            Math.floor(mostRows / q),
            Math.floor(elements / (Math.max(d, 1) * n)),
            Math.floor(elements / (aux * (n + q) + centre)),
          ),
          1,
          batch,
        );
  const rowsPerBlock = batchesPerBlock > 1 ? q : Math.min(q, mostRows);
  const rows = batchesPerBlock * rowsPerBlock;
  const pointsPerSlice = Math.min(
    n,
    Math.floor(elements / Math.max(1, d)),
    Math.floor((elements - aux * rows - centre) / Math.max(1, aux)),
  );
  const sortThreads = device.software ? 16 : 128;
  return {
    ...aims,
    tile: tileFor(aims.sum, rowsPerBlock, device.software),
    kept,
    room,
    growth: clamp(free / (3 * kept), 0.25, few ? 32 : 8),
    // A sort of a power of two of pairs, all of which fit the list.
    firstSlab: few ? free : Math.min(free, Math.max(128, powerOfTwo(4 * kept)) - kept),
    rowsPerBlock,
    batchesPerBlock,
    pointsPerSlice: Math.max(1, pointsPerSlice),
    operationsPerDispatch: device.software ? SOFTWARE_OPERATIONS : OPERATIONS,
    sortThreads,
    sortLanes: blockLanes(device.subgroups, sortThreads),
    maxWorkgroups: device.maxWorkgroups,
  };
}

/**
 * The order in which the points of a slice are visited. Points come in groups, groups in runs; first the
 * first group of every run is visited, then the second, ..., runs in steps of a golden share of their
 * number. So any first part of the order is spread evenly, and finding a point takes no division.
 */
export interface VisitingOrder {
  readonly groupShift: number;
  readonly runShift: number;
  readonly runFactor: number;
  readonly runLength: number;
  /** Positions, of which a few may hold no point: less than one group a run. */
  readonly total: number;
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;
const SHORTEST_RUN = 32;

export function visitingOrder(points: number, d: number): VisitingOrder {
  // A group is at least 256 bytes, so that reading one wastes little of a memory transaction.
  const groupShift = Math.max(0, Math.floor(Math.log2(64 / Math.max(1, d))));
  const groups = Math.ceil(points / 2 ** groupShift);
  const runShift = Math.max(0, Math.floor(Math.log2(groups / SHORTEST_RUN)));
  const runLength = Math.ceil(groups / 2 ** runShift);
  return {
    groupShift,
    runShift,
    // Odd, so that multiples run through all remainders of a power of two.
    runFactor: Math.round(2 ** runShift * GOLDEN) | 1,
    runLength,
    total: runLength * 2 ** (runShift + groupShift),
  };
}

/** Ranges of positions between which lists are sorted; the first fits a list for certain. */
export function slabsOf(total: number, plan: KnnPlan): readonly (readonly [number, number])[] {
  const slabs: [number, number][] = [];
  for (let start = 0, width = plan.firstSlab; start < total;) {
    const end = Math.min(total, start + width);
    slabs.push([start, end]);
    start = end;
    // No list overflows where it has room for the whole slab.
    width = Math.max(plan.room - plan.kept, Math.floor(end * plan.growth));
  }
  return slabs;
}

/** Cut a range so that rows x width x operations stays within a dispatch; at least `step` wide. */
export function piecesOf(
  [from, to]: readonly [number, number],
  rows: number,
  operations: number,
  step: number,
  plan: KnnPlan,
): readonly (readonly [number, number])[] {
  const most = Math.min(
    Math.floor(plan.operationsPerDispatch / (rows * operations) / step),
    plan.maxWorkgroups,
  );
  const width = Math.max(1, most) * step;
  const pieces: [number, number][] = [];
  for (let start = from; start < to; start += width)
    pieces.push([start, Math.min(to, start + width)]);
  return pieces;
}
