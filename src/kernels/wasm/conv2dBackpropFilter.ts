import * as tf from '@tensorflow/tfjs';
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { fillOutputs, float32View, SLAB_BYTES } from './heap.js';
import { withScratch } from './module.js';
import type { Scratch } from './module.js';
import { multiplyPacked, packRight, PLAIN, reserveProduct } from './product.js';
import { runJob } from './threads.js';

interface FilterAttrs {
  readonly strides: [number, number] | number;
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly filterShape: [number, number, number, number];
}

/** The registry's untyped record, as this kernel gets it. */
interface RawCall {
  readonly inputs: { readonly x: TensorInfo; readonly dy: TensorInfo };
  readonly attrs: FilterAttrs;
  readonly backend: BackendWasm;
}

type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

/** Values moved from which patches are cut out by all threads. */
const PARALLEL_VALUES = 2 ** 17;

/**
 * Gradient of a convolution with respect to its filter: patches^T dy, where row (image, y, x) of
 * `patches` holds what the filter sees there. Images go through in slabs whose products add up in
 * order, so the result does not depend on the number of threads.
 */
function accumulateFilter(
  scratch: Scratch,
  info: ConvInfo,
  x: Float32Array,
  dy: Float32Array,
  out: Float32Array,
): void {
  const m = info.filterHeight * info.filterWidth * info.inChannels;
  const n = info.outChannels;
  const positions = info.outHeight * info.outWidth;
  const imageSize = info.inHeight * info.inWidth * info.inChannels;
  const bytes = 4 * (positions * (m + n) + imageSize);
  const slab = Math.min(info.batchSize, Math.max(1, Math.floor(SLAB_BYTES / bytes)));
  const images = scratch.allocate(4 * slab * imageSize);
  const a = scratch.allocate(4 * slab * positions * m);
  const b = scratch.allocate(4 * slab * positions * n);
  const c = scratch.allocate(4 * m * n);
  const room = reserveProduct(scratch, { n, k: slab * positions, batch: 1, strideB: 0 });
  for (let first = 0; first < info.batchSize; first += slab) {
    const count = Math.min(slab, info.batchSize - first);
    const k = count * positions;
    scratch
      .float32(images, count * imageSize)
      .set(x.subarray(first * imageSize, (first + count) * imageSize));
    scratch
      .float32(b, k * n)
      .set(dy.subarray(first * positions * n, (first + count) * positions * n));
    runJob(
      'im2colRow',
      [
        images,
        a,
        info.inHeight,
        info.inWidth,
        info.inChannels,
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
      ],
      count * info.outHeight,
      k * m >= PARALLEL_VALUES,
    );
    const orientation = { transposeA: true, transposeB: false, accumulate: first > 0 };
    const product = { ...PLAIN, ...orientation, a, b, c, m, n, k };
    packRight(product, room);
    multiplyPacked(product, room);
  }
  out.set(scratch.float32(c, m * n));
}

function compute({ inputs, attrs, backend }: RawCall): TensorInfo {
  const { x, dy } = inputs;
  const dataFormat = tf.backend_util.convertConv2DDataFormat(attrs.dataFormat);
  if (dataFormat !== 'channelsLast') {
    throw new Error('Conv2DBackpropFilter on wasm: dataFormat must be NHWC, got NCHW.');
  }
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    attrs.filterShape,
    attrs.strides,
    1,
    attrs.pad,
    attrs.dimRoundingMode,
    false,
    dataFormat,
  );
  const out = backend.makeOutput([...attrs.filterShape], 'float32');
  const [filled] = fillOutputs(backend, [out], () => {
    const values = float32View(backend, out);
    if (tf.util.sizeFromShape(dy.shape) === 0 || values.length === 0) {
      values.fill(0);
      return;
    }
    withScratch('conv2dBackpropFilter', (scratch) => {
      accumulateFilter(
        scratch,
        info,
        float32View(backend, x),
        float32View(backend, dy),
        float32View(backend, out),
      );
    });
  });
  return filled;
}

/** tfjs has no such kernel for wasm, so convolutions could not be trained there. */
const conv2dBackpropFilterWasm: KernelConfig = {
  kernelName: 'Conv2DBackpropFilter',
  backendName: 'wasm',
  kernelFunc: (raw) => compute(raw as unknown as RawCall),
};

/** Register the kernel unless tfjs has come to have one. */
export function addConv2dBackpropFilter(): void {
  const found = tf.getKernel('Conv2DBackpropFilter', 'wasm') as KernelConfig | undefined;
  if (found === undefined) tf.registerKernel(conv2dBackpropFilterWasm);
}
