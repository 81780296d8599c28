import type { ConvolutionPlan, Phase } from './convolutionPlan.js';
import { SLAB_BYTES } from './heap.js';
import type { Scratch } from './module.js';
import { ACTIVATION } from './product.js';
import { float32Bits, runJob, threadInfo } from './threads.js';

/** Sizes of assembly/convolution.ts: reduction block, rows of a chunk, columns that it holds. */
const [REDUCTION, ROWS, COLUMNS] = [256, 64, 128];
/** A thread's packed rows (with the space between groups), panels, block of the result and rows' table. */
const THREAD_BYTES =
  ROWS * REDUCTION * 4 +
  (ROWS / 4) * 64 +
  COLUMNS * REDUCTION * 4 +
  ROWS * COLUMNS * 4 +
  16 * REDUCTION;
/** Multiplications from which all threads are woken: about 0.1 ms on one. */
const PARALLEL_MACS = 2e6;
/**
 * Chunks that a filter's gradient is cut into at least, by cutting the positions into segments whose sums
 * are added in order. The same for every number of threads, so that results are.
 */
const FILTER_CHUNKS = 32;

/** What follows a convolution inside the module. */
export interface Finish {
  /** Added to every position; outChannels values. */
  readonly bias: Float32Array | undefined;
  readonly activation: number;
  /** Slope of leakyrelu. */
  readonly alpha: number;
}

export const NO_FINISH: Finish = { bias: undefined, activation: ACTIVATION.linear, alpha: 0 };

/** Multiplications of a call, those with the padding included. */
export function macsOf({ images, channels, outChannels, phases }: ConvolutionPlan): number {
  const seen = phases.reduce((sum, p) => sum + p.gridHeight * p.gridWidth * p.taps.length, 0);
  return images * seen * channels * outChannels;
}

const positionsOf = ({ gridHeight, gridWidth }: Phase): number => gridHeight * gridWidth;

/** Images of `bytes` each that go through together. */
function slabImages({ images }: ConvolutionPlan, bytes: number): number {
  return Math.min(images, Math.max(1, Math.floor(SLAB_BYTES / bytes)));
}

/** Values that a chunk of the job sumSegments adds. */
const SUM_CHUNK = 1024;

/** Add `count` segments of `size` values, which stand one after the other, to the first one. */
export function sumSegments(address: number, size: number, count: number): void {
  if (count === 1) return;
  runJob('sumSegments', [address, size, count], Math.ceil(size / SUM_CHUNK), size * count > 1e6);
}

/** Addresses that all jobs of a call share. */
interface Room {
  readonly source: number;
  readonly factor: number;
  readonly out: number;
  readonly scratch: number;
  readonly scratchStride: number;
  readonly phases: number;
  readonly panels: readonly number[];
  readonly zeros: number;
  readonly bias: number;
}

interface Sizes {
  readonly source: number;
  readonly factor: number;
  readonly out: number;
  readonly bias: number;
  /** Addresses per thread of where taps read. */
  readonly pixels: number;
  readonly panels: boolean;
}

/** Reserve memory in floats; views come afterwards. */
function reserve(scratch: Scratch, plan: ConvolutionPlan, sizes: Sizes): Room {
  const { phases, channels, outChannels } = plan;
  const panelColumns = 8 * Math.ceil(outChannels / 8);
  const scratchStride = 64 * Math.ceil((THREAD_BYTES + 4 * sizes.pixels) / 64);
  return {
    // Panels read whole vectors past the last value.
    source: scratch.allocate(4 * sizes.source + 64),
    factor: scratch.allocate(4 * sizes.factor + 64),
    out: scratch.allocate(4 * sizes.out),
    scratch: scratch.allocate(scratchStride * threadInfo().threads),
    scratchStride,
    phases: scratch.allocate(32 * phases.length),
    panels: phases.map(({ taps }) =>
      sizes.panels ? scratch.allocate(4 * taps.length * channels * panelColumns) : 0,
    ),
    zeros: scratch.allocate(4 * channels + 64),
    bias: sizes.bias === 0 ? 0 : scratch.allocate(4 * sizes.bias),
  };
}

/** Write the phases and their taps; returns the addresses of the taps' tables. */
function writePhases(scratch: Scratch, plan: ConvolutionPlan, room: Room): void {
  const tables = plan.phases.map(({ taps }) => scratch.allocate(12 * taps.length));
  plan.phases.forEach(({ taps }, i) => {
    scratch
      .int32(tables[i], 3 * taps.length)
      .set(taps.flatMap(({ y, x, filter }) => [y, x, filter]));
  });
  scratch.float32(room.zeros, plan.channels + 16).fill(0);
  const records = plan.phases.flatMap((phase, i) => {
    const { gridHeight, gridWidth, firstY, firstX, taps } = phase;
    return [0, gridHeight, gridWidth, firstY, firstX, tables[i], taps.length, room.panels[i]];
  });
  scratch.int32(room.phases, records.length).set(records);
}

/** Number the chunks of the phases for a number of images; returns how many there are. */
function numberChunks(scratch: Scratch, plan: ConvolutionPlan, room: Room, images: number): number {
  const records = scratch.int32(room.phases, 8 * plan.phases.length);
  let chunks = 0;
  plan.phases.forEach((phase, i) => {
    records[8 * i] = chunks;
    chunks += Math.ceil((images * positionsOf(phase)) / ROWS);
  });
  return chunks;
}

interface Segments {
  readonly length: number;
  readonly count: number;
  readonly rowBlock: number;
}

function jobArguments(
  plan: ConvolutionPlan,
  room: Room,
  images: number,
  { activation, alpha }: Finish,
  segments: Segments = { length: 0, count: 0, rowBlock: 0 },
): number[] {
  return [
    room.source,
    room.factor,
    room.out,
    room.scratch,
    room.scratchStride,
    room.phases,
    plan.phases.length,
    images,
    plan.height,
    plan.width,
    plan.channels,
    plan.outChannels,
    plan.strideY,
    plan.strideX,
    plan.outHeight,
    plan.outWidth,
    plan.outStrideY,
    plan.outStrideX,
    Number(plan.transposed),
    room.zeros,
    room.bias,
    activation,
    float32Bits(alpha),
    segments.length,
    segments.rowBlock,
  ];
}

/** A convolution or its transpose: patches times filter, images in slabs. */
export function convolve(
  scratch: Scratch,
  plan: ConvolutionPlan,
  x: Float32Array,
  filter: Float32Array,
  finish: Finish,
  out: Float32Array,
): void {
  const imageIn = plan.height * plan.width * plan.channels;
  const imageOut = plan.outHeight * plan.outWidth * plan.outChannels;
  const slab = slabImages(plan, 4 * (imageIn + imageOut));
  const mostTaps = Math.max(...plan.phases.map(({ taps }) => taps.length));
  const room = reserve(scratch, plan, {
    source: slab * imageIn,
    factor: filter.length,
    out: slab * imageOut,
    bias: finish.bias === undefined ? 0 : plan.outChannels,
    pixels: ROWS * mostTaps,
    panels: true,
  });
  writePhases(scratch, plan, room);
  scratch.float32(room.factor, filter.length).set(filter);
  if (finish.bias !== undefined) scratch.float32(room.bias, plan.outChannels).set(finish.bias);
  const panels = plan.phases.length * Math.ceil(plan.outChannels / 8);
  runJob('convolutionPack', jobArguments(plan, room, slab, finish), panels, filter.length > 1e5);
  const parallel = macsOf(plan) >= PARALLEL_MACS;
  for (let first = 0; first < plan.images; first += slab) {
    const images = Math.min(slab, plan.images - first);
    const source = x.subarray(first * imageIn, (first + images) * imageIn);
    scratch.float32(room.source, source.length).set(source);
    const chunks = numberChunks(scratch, plan, room, images);
    runJob('convolutionBlock', jobArguments(plan, room, images, finish), chunks, parallel);
    out.set(scratch.float32(room.out, images * imageOut), first * imageOut);
  }
}

/** Rows of the gradient in a chunk, and how the positions are cut: by the shapes only. */
function planSegments(rows: number, columns: number, positions: number): Segments {
  const columnBlocks = Math.ceil(columns / COLUMNS);
  const blocks = Math.ceil(rows / ROWS) * columnBlocks;
  const rowBlock = Math.min(ROWS, 4 * Math.ceil(rows / Math.ceil(rows / ROWS) / 4));
  const wanted = Math.max(1, Math.ceil(FILTER_CHUNKS / blocks));
  const length = REDUCTION * Math.ceil(positions / wanted / REDUCTION);
  return { length, count: Math.ceil(positions / length), rowBlock };
}

/**
 * Gradient of a convolution with respect to its filter: patches^T dy. Slabs of images, and segments of
 * the positions in a slab, are added in order.
 * @param plan Of the convolution. @param dy Gradient of its result.
 */
export function filterGradient(
  scratch: Scratch,
  plan: ConvolutionPlan,
  x: Float32Array,
  dy: Float32Array,
  out: Float32Array,
): void {
  const imageIn = plan.height * plan.width * plan.channels;
  const imageOut = plan.outHeight * plan.outWidth * plan.outChannels;
  const slab = slabImages(plan, 4 * (imageIn + imageOut));
  const rows = plan.phases[0].taps.length * plan.channels;
  const positions = positionsOf(plan.phases[0]);
  const size = rows * plan.outChannels;
  const most = planSegments(rows, plan.outChannels, slab * positions);
  const room = reserve(scratch, plan, {
    source: slab * imageIn,
    factor: slab * imageOut,
    out: most.count * size,
    bias: 0,
    pixels: REDUCTION * (Math.ceil((ROWS - 1) / plan.channels) + 1),
    panels: false,
  });
  writePhases(scratch, plan, room);
  const parallel = macsOf(plan) >= PARALLEL_MACS;
  for (let first = 0; first < plan.images; first += slab) {
    const images = Math.min(slab, plan.images - first);
    const put = (address: number, values: Float32Array, each: number): void => {
      const part = values.subarray(first * each, (first + images) * each);
      scratch.float32(address, part.length).set(part);
    };
    put(room.source, x, imageIn);
    put(room.factor, dy, imageOut);
    const segments = planSegments(rows, plan.outChannels, images * positions);
    const args = jobArguments(plan, room, images, NO_FINISH, segments);
    const blocks = Math.ceil(rows / segments.rowBlock) * Math.ceil(plan.outChannels / COLUMNS);
    runJob('convolutionFilterBlock', args, segments.count * blocks, parallel);
    sumSegments(room.out, size, segments.count);
    const sums = scratch.float32(room.out, size);
    if (first === 0) out.set(sums);
    else for (let i = 0; i < size; i++) out[i] += sums[i];
  }
}
