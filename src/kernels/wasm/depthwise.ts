import * as tf from '@tensorflow/tfjs';
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { sumSegments } from './convolutionJobs.js';
import type { ConvInfo } from '../shared/convolution.js';
import { fillOutputs, float32View, SLAB_BYTES } from './heap.js';
import { withScratch } from './module.js';
import type { Scratch } from './module.js';
import { addKernel } from '../shared/override.js';
import { runJob } from './threads.js';

type Shape4 = [number, number, number, number];

interface DepthwiseAttrs {
  readonly strides: [number, number] | number;
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dilations?: [number, number] | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly inputShape: Shape4;
  readonly filterShape: Shape4;
}

/** The registry's untyped record, as these two kernels get it. */
interface RawCall {
  readonly inputs: {
    readonly x: TensorInfo;
    readonly dy: TensorInfo;
    readonly filter: TensorInfo;
  };
  readonly attrs: DepthwiseAttrs;
  readonly backend: BackendWasm;
}

/** Multiplications from which all threads are woken: about 0.1 ms on one. */
const PARALLEL_MACS = 3e5;
/** Most segments of the rows of positions, by the shapes only, and bytes that they may take together. */
const [MOST_SEGMENTS, SEGMENT_BYTES] = [256, 2 ** 23];

/** Sizes of a call, in values. */
interface Sizes {
  readonly info: ConvInfo;
  readonly imageIn: number;
  readonly imageOut: number;
  readonly filter: number;
  /** Images that go through together. */
  readonly slab: number;
  readonly parallel: boolean;
}

function sizesOf(xShape: Shape4, filterShape: Shape4, attrs: DepthwiseAttrs): Sizes {
  const info = tf.backend_util.computeConv2DInfo(
    xShape,
    filterShape,
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    true,
  );
  const imageIn = info.inHeight * info.inWidth * info.inChannels;
  const imageOut = info.outHeight * info.outWidth * info.outChannels;
  const slab = Math.max(1, Math.floor(SLAB_BYTES / (4 * (imageIn + imageOut) + 1)));
  const macs = info.batchSize * imageOut * info.filterHeight * info.filterWidth;
  return {
    info,
    imageIn,
    imageOut,
    filter: tf.util.sizeFromShape(filterShape),
    slab: Math.min(slab, info.batchSize),
    parallel: macs >= PARALLEL_MACS,
  };
}

function jobArguments(
  { info }: Sizes,
  images: number,
  gradient: number,
  filter: number,
  rows: number,
  segment: number,
): number[] {
  return [
    images,
    gradient,
    filter,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.outChannels / info.inChannels,
    info.outHeight,
    info.outWidth,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
    info.dilationHeight,
    info.dilationWidth,
    rows,
    segment,
  ];
}

/** Walk over the images in slabs. */
function overSlabs({ info, slab }: Sizes, body: (first: number, images: number) => void): void {
  for (let first = 0; first < info.batchSize; first += slab) {
    body(first, Math.min(slab, info.batchSize - first));
  }
}

function inputGradient(
  scratch: Scratch,
  sizes: Sizes,
  dy: Float32Array,
  filter: Float32Array,
  out: Float32Array,
): void {
  const { info, imageIn, imageOut, slab } = sizes;
  const images = scratch.allocate(4 * slab * imageIn);
  const gradient = scratch.allocate(4 * slab * imageOut);
  const weights = scratch.allocate(4 * filter.length);
  scratch.float32(weights, filter.length).set(filter);
  const args = jobArguments(sizes, images, gradient, weights, 0, 0);
  overSlabs(sizes, (first, count) => {
    const part = dy.subarray(first * imageOut, (first + count) * imageOut);
    scratch.float32(gradient, part.length).set(part);
    runJob('depthwiseInputRow', args, count * info.inHeight, sizes.parallel);
    out.set(scratch.float32(images, count * imageIn), first * imageIn);
  });
}

function filterGradient(
  scratch: Scratch,
  sizes: Sizes,
  x: Float32Array,
  dy: Float32Array,
  out: Float32Array,
): void {
  const { info, imageIn, imageOut, slab, filter } = sizes;
  const most = Math.max(1, Math.min(MOST_SEGMENTS, Math.floor(SEGMENT_BYTES / (4 * filter))));
  const images = scratch.allocate(4 * slab * imageIn);
  const gradient = scratch.allocate(4 * slab * imageOut);
  const sums = scratch.allocate(4 * most * filter);
  overSlabs(sizes, (first, count) => {
    const put = (address: number, values: Float32Array, each: number): void => {
      const part = values.subarray(first * each, (first + count) * each);
      scratch.float32(address, part.length).set(part);
    };
    put(images, x, imageIn);
    put(gradient, dy, imageOut);
    const rows = count * info.outHeight;
    const segment = Math.ceil(rows / most);
    const segments = Math.ceil(rows / segment);
    const args = jobArguments(sizes, images, gradient, sums, rows, segment);
    runJob('depthwiseFilterSegment', args, segments, sizes.parallel);
    sumSegments(sums, filter, segments);
    const result = scratch.float32(sums, filter);
    if (first === 0) out.set(result);
    else for (let i = 0; i < filter; i++) out[i] += result[i];
  });
}

/** A fresh output that `compute` fills; zeros when there are no positions. */
function filled(
  backend: BackendWasm,
  shape: Shape4,
  { info, imageOut }: Sizes,
  compute: (scratch: Scratch, out: Float32Array) => void,
): TensorInfo {
  const out = backend.makeOutput([...shape], 'float32');
  const [result] = fillOutputs(backend, [out], () => {
    if (info.batchSize * imageOut === 0) float32View(backend, out).fill(0);
    else withScratch('depthwiseConv2d', (scratch) => compute(scratch, float32View(backend, out)));
  });
  return result;
}

/** dx[b, y, x, c] = sum over positions that see the pixel, and m, of dy[.., c, m] filter[.., c, m]. */
const depthwiseInputWasm: KernelConfig = {
  kernelName: 'DepthwiseConv2dNativeBackpropInput',
  backendName: 'wasm',
  kernelFunc: (raw) => {
    const { inputs, attrs, backend } = raw as unknown as RawCall;
    const { dy, filter } = inputs;
    const sizes = sizesOf(attrs.inputShape, filter.shape as Shape4, attrs);
    return filled(backend, attrs.inputShape, sizes, (scratch, out) => {
      inputGradient(scratch, sizes, float32View(backend, dy), float32View(backend, filter), out);
    });
  },
};

/** dFilter[fy, fx, c, m] = sum over positions of x[.., c] dy[.., c, m]. */
const depthwiseFilterWasm: KernelConfig = {
  kernelName: 'DepthwiseConv2dNativeBackpropFilter',
  backendName: 'wasm',
  kernelFunc: (raw) => {
    const { inputs, attrs, backend } = raw as unknown as RawCall;
    const { x, dy } = inputs;
    const sizes = sizesOf(x.shape as Shape4, attrs.filterShape, attrs);
    return filled(backend, attrs.filterShape, sizes, (scratch, out) => {
      filterGradient(scratch, sizes, float32View(backend, x), float32View(backend, dy), out);
    });
  },
};

/** Add the gradients of depthwise convolutions, which tfjs lacks on wasm. */
export function addDepthwiseGradients(): void {
  addKernel(depthwiseInputWasm);
  addKernel(depthwiseFilterWasm);
}
