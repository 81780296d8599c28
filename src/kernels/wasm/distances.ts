import { expressions as e, variable } from '../../specs/expression.js';
import { expressionForm, isSimilarity } from '../../specs/metricForm.js';
import type { ExpressionForm, MetricForm } from '../../specs/metricForm.js';
import { wordCount } from '../../util/bits.js';
import { SLAB_BYTES } from './heap.js';
import { compiledForm } from './jit/forms.js';
import type { PlacedForm } from './jit/forms.js';
import { latentModule } from './module.js';
import type { Scratch } from './module.js';
import { float32Bits, runJob, threadInfo } from './threads.js';

/** Metrics of assembly/distanceTile.ts. */
const CODE = { squares: 0, form: 1, cosine: 2 } as const;
/** TILE_BYTES in assembly/distanceTile.ts. */
const TILE_BYTES = 640;
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

/**
 * Largest finite magnitude, 0 where there is none. Magnitudes are compared as the integers that their bits
 * are, four at a time: this reads every value of a search and has to keep up with copying them.
 */
export function largestFinite(values: Float32Array): number {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const infinite = 0x7f800000;
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 4 <= bits.length; i += 4) {
    const a = bits[i] & 0x7fffffff;
    const b = bits[i + 1] & 0x7fffffff;
    const c = bits[i + 2] & 0x7fffffff;
    const d = bits[i + 3] & 0x7fffffff;
    if (a > first && a < infinite) first = a;
    if (b > second && b < infinite) second = b;
    if (c > third && c < infinite) third = c;
    if (d > fourth && d < infinite) fourth = d;
  }
  for (; i < bits.length; i++) {
    const a = bits[i] & 0x7fffffff;
    if (a > first && a < infinite) first = a;
  }
  return new Float32Array(Int32Array.of(Math.max(first, second, third, fourth)).buffer)[0];
}

/** Power of two by which both inputs are multiplied before squares are taken. */
function scaleFor(form: MetricForm, x: Float32Array, y: Float32Array): number {
  if (form.family !== 'squares') return 1;
  return powerOfTwoFor(Math.max(largestFinite(x), largestFinite(y)));
}

/** Power of two that brings this largest magnitude near 1 where it lies outside the bounds. */
export function powerOfTwoFor(largest: number): number {
  if (largest === 0 || (largest >= SMALL && largest <= LARGE)) return 1;
  // Both the scale and its inverse have to be float32 numbers.
  return 2 ** Math.min(126, Math.max(-126, -Math.floor(Math.log2(largest))));
}

/** The inner product as an expression: ranked by its negative, so that larger is nearer. */
const innerProductForm = expressionForm({
  reduce: 'sum',
  terms: [e.mul(variable('x'), variable('y'))],
  rank: e.neg(variable('s0')),
  finish: e.neg(variable('r')),
  aux: 0,
});

/** Which pairs of a neighbour search exist; all when absent. */
export interface DistanceMasks {
  /** Bits of the points that may be returned: [B or 1, n or 1, words]. */
  readonly allowed?:
    { readonly words: Int32Array; readonly batches: number; readonly rows: number } | undefined;
  /** Groups of queries [B, n] and points [B, m]: pairs of different groups do not exist. */
  readonly groups?: { readonly x: Int32Array; readonly y: Int32Array } | undefined;
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
  /** Scalars per row, [B, n, aux] and [B, m, aux], for forms that have them. */
  readonly xAux?: Float32Array | undefined;
  readonly yAux?: Float32Array | undefined;
  readonly masks?: DistanceMasks | undefined;
}

/** Runs one block of queries; where its results go. */
export interface DistanceOutput {
  readonly entry: 'pairwiseBlock' | 'knnBlock';
  /** Bytes of results per query. */
  readonly rowBytes: number;
  readonly k: number;
  /** Point that query 0 of a matrix must not return, undefined for none. */
  readonly selfOffset: number | undefined;
  /**
   * False leaves ranks where knn would give distances, and +Infinity in empty slots: negative products
   * for innerProduct, squares without root of rows that may have been scaled by a power of two.
   */
  readonly finish?: boolean;
  /** Take over the results of `rows` queries from `row` on; addresses as given by `place`. */
  readonly take: (scratch: Scratch, row: number, rows: number) => void;
  /** Reserve the results of `rows` queries: addresses of distances and, for knn, indices. */
  readonly place: (scratch: Scratch, rows: number) => readonly [number, number];
}

interface MaskLayout {
  readonly allowed: number;
  /** Words of a row of allowed bits. */
  readonly words: number;
  readonly queryGroups: number;
  readonly pointGroups: number;
}

interface Layout extends MaskLayout {
  readonly metric: number;
  readonly form: PlacedForm | undefined;
  /** Whether the form's finish changes anything. */
  readonly formFinishes: boolean;
  readonly aux: number;
  readonly scale: number;
  readonly panels: number;
  readonly norms: number;
  readonly auxPanels: number;
  readonly stage: number;
  readonly stageAux: number;
  readonly stageRows: number;
  readonly queries: number;
  readonly queryAux: number;
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

/** The form whose code is generated, if any. */
function generatedForm(form: MetricForm): ExpressionForm | undefined {
  if (form.family === 'expression') return form;
  return form.family === 'innerProduct' ? innerProductForm : undefined;
}

function placeForm(scratch: Scratch, form: ExpressionForm | undefined): PlacedForm | undefined {
  if (form === undefined) return undefined;
  const compiled = compiledForm(form, latentModule().shared);
  return { ...compiled, address: scratch.allocate(compiled.bytes.length) };
}

function reserveMasks(scratch: Scratch, { masks, m }: DistanceCall, slabRows: number): MaskLayout {
  const words = wordCount(m);
  const { allowed, groups } = masks ?? {};
  return {
    words,
    allowed:
      allowed === undefined ? 0 : scratch.allocate(4 * words * Math.min(allowed.rows, slabRows)),
    queryGroups: groups === undefined ? 0 : scratch.allocate(4 * slabRows),
    // The module reads the groups of whole panels.
    pointGroups: groups === undefined ? 0 : scratch.allocate(4 * roundUp(m, 8)),
  };
}

function reserve(scratch: Scratch, call: DistanceCall, output: DistanceOutput): Layout {
  const { form, n, m, d } = call;
  const generated = generatedForm(form);
  const aux = generated?.aux ?? 0;
  const valueBytes = form.family === 'cosine' ? 8 : 4;
  const panelCount = Math.ceil(m / 8);
  const rowValues = d + aux;
  const stageRows = Math.min(
    m,
    Math.max(64, Math.floor(STAGE_BYTES / (4 * rowValues + 1) / 64) * 64),
  );
  const queryBlock = chooseQueryBlock(call, valueBytes);
  const slab = roundUp(SLAB_BYTES / (4 * rowValues + output.rowBytes), queryBlock);
  const slabRows = Math.min(n, slab);
  // The parts named in assembly/distance.ts, three of which start on a cache line.
  const perQuery = 16 + 4 * aux + d * valueBytes;
  const threadStride = roundUp(TILE_BYTES + queryBlock * perQuery + 3 * 64, 64);
  return {
    metric:
      generated === undefined ? CODE[form.family === 'cosine' ? 'cosine' : 'squares'] : CODE.form,
    form: placeForm(scratch, generated),
    formFinishes: generated !== undefined && generated.finish.kind !== 'variable',
    aux,
    scale: scaleFor(form, call.x, call.y),
    panels: scratch.allocate(panelCount * d * 8 * valueBytes),
    norms: scratch.allocate(form.family === 'cosine' ? panelCount * 64 : 0),
    auxPanels: scratch.allocate(panelCount * aux * 32),
    stage: scratch.allocate(stageRows * d * 4),
    stageAux: scratch.allocate(stageRows * aux * 4),
    stageRows,
    queries: scratch.allocate(slabRows * d * 4),
    queryAux: scratch.allocate(slabRows * aux * 4),
    slabRows,
    queryBlock,
    threadScratch: scratch.allocate(threadStride * threadInfo().threads),
    threadStride,
    ...reserveMasks(scratch, call, slabRows),
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
  const { form } = call;
  const slot = layout.form?.slot ?? 0;
  return [
    layout.metric,
    Number(form.family === 'squares' && form.root),
    float32Bits(1 / layout.scale),
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
    Number(output.finish ?? true),
    float32Bits(isSimilarity(form) ? -Infinity : Infinity),
    slot,
    layout.formFinishes ? slot + 1 : 0,
    layout.aux,
    layout.stageAux,
    layout.auxPanels,
    layout.queryAux,
    layout.allowed,
    call.masks?.allowed?.rows === 1 ? 0 : 4 * layout.words,
    layout.queryGroups,
    layout.pointGroups,
  ];
}

/** Copy between the heaps, scaled where squares would leave the range of float32. */
function copyScaled(target: Float32Array, source: Float32Array, scale: number): void {
  target.set(source);
  if (scale === 1) return;
  for (let i = 0; i < target.length; i++) target[i] *= scale;
}

/** Copy the scalars of `rows` rows from `row` on. */
function copyAux(
  scratch: Scratch,
  address: number,
  source: Float32Array | undefined,
  row: number,
  rows: number,
  aux: number,
): void {
  if (aux === 0) return;
  if (source === undefined) throw new TypeError('the form needs scalars per row');
  scratch.float32(address, rows * aux).set(source.subarray(row * aux, (row + rows) * aux));
}

/** Masks of the queries from `row` on of matrix b. */
function copyMasks(
  scratch: Scratch,
  { masks, n }: DistanceCall,
  layout: Layout,
  b: number,
  row: number,
  rows: number,
): void {
  const { allowed, groups } = masks ?? {};
  if (allowed !== undefined) {
    const matrix = allowed.batches === 1 ? 0 : b;
    const start = (matrix * allowed.rows + (allowed.rows === 1 ? 0 : row)) * layout.words;
    const length = (allowed.rows === 1 ? 1 : rows) * layout.words;
    scratch.int32(layout.allowed, length).set(allowed.words.subarray(start, start + length));
  }
  if (groups !== undefined) {
    const start = b * n + row;
    scratch.int32(layout.queryGroups, rows).set(groups.x.subarray(start, start + rows));
  }
}

const IDLE: JobState = { stagedCount: 0, firstPanel: 0, queryCount: 0, firstSelf: -1 };

/** Bring the points of matrix b into panels. */
function packPoints(
  scratch: Scratch,
  call: DistanceCall,
  output: DistanceOutput,
  layout: Layout,
  b: number,
  parallel: boolean,
): void {
  const { y, m, d, masks } = call;
  for (let row = 0; row < m; row += layout.stageRows) {
    const rows = Math.min(layout.stageRows, m - row);
    const first = b * m + row;
    const staged = scratch.float32(layout.stage, rows * d);
    copyScaled(staged, y.subarray(first * d, (first + rows) * d), layout.scale);
    copyAux(scratch, layout.stageAux, call.yAux, first, rows, layout.aux);
    const state = { ...IDLE, stagedCount: rows, firstPanel: row / 8 };
    const args = jobArguments(call, output, layout, state);
    runJob('distancePack', args, Math.ceil(rows / 64), parallel);
  }
  if (masks?.groups !== undefined) {
    scratch.int32(layout.pointGroups, m).set(masks.groups.y.subarray(b * m, (b + 1) * m));
  }
}

/** Run a distance kernel: pack all points, then slabs of queries, matrix by matrix of the batch. */
export function runDistances(scratch: Scratch, call: DistanceCall, output: DistanceOutput): void {
  const { x, batch, n, m, d } = call;
  const layout = reserve(scratch, call, output);
  if (layout.form !== undefined) {
    const { address, bytes } = layout.form;
    scratch.bytes(address, bytes.length).set(bytes);
  }
  const parallel = n * m * Math.max(1, d) >= PARALLEL_TERMS;
  for (let b = 0; b < batch; b++) {
    packPoints(scratch, call, output, layout, b, parallel);
    for (let row = 0; row < n; row += layout.slabRows) {
      const rows = Math.min(layout.slabRows, n - row);
      const first = b * n + row;
      const queries = scratch.float32(layout.queries, rows * d);
      copyScaled(queries, x.subarray(first * d, (first + rows) * d), layout.scale);
      copyAux(scratch, layout.queryAux, call.xAux, first, rows, layout.aux);
      copyMasks(scratch, call, layout, b, row, rows);
      const { selfOffset } = output;
      // No index is reached from there: the module adds at most n.
      const firstSelf = selfOffset === undefined ? -n - 4 : row + selfOffset;
      const state = { ...IDLE, queryCount: rows, firstSelf };
      const args = jobArguments(call, output, layout, state);
      const chunks = Math.ceil(rows / layout.queryBlock);
      runJob(output.entry, args, chunks, parallel, layout.form);
      output.take(scratch, first, rows);
    }
  }
}
