import * as tf from '@tensorflow/tfjs';
import type { GradConfig, KernelConfig, Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { addressOf, heapFunctions } from './heapFunctions.js';
import type { HeapFunctions } from './heapFunctions.js';
import { addKernel, overrideKernel } from '../shared/override.js';

/**
 * What a step of training does besides products, in tfjs's own memory, where tfjs's wasm kernels copy or
 * work value by value (bench/trainingOps.bench.ts): copies of tensors that are only read, additions of a
 * bias, sums over rows, leakyRelu, and the derivatives of relu and leakyRelu.
 */

interface Attrs {
  readonly alpha?: number;
  readonly axis?: number | number[];
  readonly keepDims?: boolean;
}

/** The registry's untyped record, as these kernels get it. */
interface RawCall {
  readonly inputs: Readonly<Record<'x' | 'a' | 'b' | 'dy', TensorInfo>>;
  readonly attrs: Attrs;
  readonly backend: BackendWasm;
}

type Kernel = (call: RawCall, heap: HeapFunctions) => TensorInfo | undefined;

/** Our kernel in front of tfjs's: theirs runs when ours gives nothing. */
function override(kernelName: string, ours: Kernel): void {
  overrideKernel('wasm', kernelName, (theirs) => (raw) => {
    const call = raw as unknown as RawCall;
    const heap = isTheirs ? undefined : heapFunctions(call.backend);
    return (heap && ours(call, heap)) ?? theirs.kernelFunc(raw);
  });
}

let isTheirs = false;

/** Run `body` with tfjs's kernels: for benches and tests. */
export function withTheirElementwise<T>(body: () => T): T {
  const before = isTheirs;
  isTheirs = true;
  try {
    return body();
  } finally {
    isTheirs = before;
  }
}

/** {@link withTheirElementwise} for work that is awaited; nothing else may run meanwhile. */
export async function withTheirElementwiseAsync<T>(body: () => Promise<T>): Promise<T> {
  const before = isTheirs;
  isTheirs = true;
  try {
    return await body();
  } finally {
    isTheirs = before;
  }
}

/** No kernel changes its inputs, so both may share their values, as with reshape. */
const identity: Kernel = ({ inputs: { x }, backend }) => {
  if (x.dtype === 'string') return undefined;
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
};

const leakyRelu: Kernel = ({ inputs: { x }, attrs, backend }, heap) => {
  if (x.dtype !== 'float32' || attrs.alpha === undefined) return undefined;
  const out = backend.makeOutput(x.shape, 'float32');
  const size = tf.util.sizeFromShape(x.shape);
  heap.leakyRelu(addressOf(backend, x), addressOf(backend, out), size, attrs.alpha);
  return out;
};

/** Whether `vector` is one row of `x` and has no other axes of more than one entry. */
function isRowOf(vector: TensorInfo, x: TensorInfo): boolean {
  const width = x.shape[x.shape.length - 1];
  const size = tf.util.sizeFromShape(vector.shape);
  return (
    vector.dtype === 'float32' &&
    x.dtype === 'float32' &&
    vector.shape.length > 0 &&
    vector.shape.length <= x.shape.length &&
    vector.shape[vector.shape.length - 1] === width &&
    size === width &&
    tf.util.sizeFromShape(x.shape) > size
  );
}

/** x + bias; all other additions are tfjs's. */
const add: Kernel = ({ inputs: { a, b }, backend }, heap) => {
  const [x, vector] = isRowOf(b, a) ? [a, b] : [b, a];
  if (!isRowOf(vector, x)) return undefined;
  const out = backend.makeOutput(x.shape, 'float32');
  const width = x.shape[x.shape.length - 1];
  const rows = tf.util.sizeFromShape(x.shape) / width;
  const [from, bias] = [addressOf(backend, x), addressOf(backend, vector)];
  heap.addToRows(from, bias, addressOf(backend, out), rows, width);
  return out;
};

/** Sums over neighbouring axes, without the transposition that tfjs makes first. */
const sum: Kernel = ({ inputs: { x }, attrs, backend }, heap) => {
  const { shape, dtype } = x;
  if (dtype !== 'float32') return undefined;
  const axes = tf.util.parseAxisParam(attrs.axis ?? shape.map((_, i) => i), [...shape]);
  axes.sort((i, j) => i - j);
  if (axes.length === 0 || axes[axes.length - 1] - axes[0] !== axes.length - 1) return undefined;
  const [first, end] = [axes[0], axes[0] + axes.length];
  const kept = shape.flatMap((length, i) => {
    if (i < first || i >= end) return [length];
    return attrs.keepDims === true ? [1] : [];
  });
  const out = backend.makeOutput(kept, 'float32');
  const sizeOf = (from: number, to?: number): number =>
    tf.util.sizeFromShape(shape.slice(from, to));
  const [outer, rows, width] = [sizeOf(0, first), sizeOf(first, end), sizeOf(end)];
  heap.sumRows(addressOf(backend, x), addressOf(backend, out), outer, rows, width);
  return out;
};

/** dx = dy where x > 0, alpha dy elsewhere. */
const GRADIENT = 'LatentLeakyReluGradient';

const leakyReluGradient: KernelConfig = {
  kernelName: GRADIENT,
  backendName: 'wasm',
  kernelFunc: (raw) => {
    const { inputs, attrs, backend } = raw as unknown as RawCall;
    const heap = heapFunctions(backend);
    if (heap === undefined) throw new Error(`${GRADIENT} needs tfjs's memory`);
    const { x, dy } = inputs;
    const out = backend.makeOutput(x.shape, 'float32');
    const [at, from, to] = [x, dy, out].map((info) => addressOf(backend, info));
    heap.leakyReluGradient(at, from, to, tf.util.sizeFromShape(x.shape), attrs.alpha ?? 0);
    return out;
  },
};

const ownGradient = (x: Tensor, dy: Tensor, alpha: number): Tensor =>
  tf.engine().runKernel(GRADIENT, { x, dy }, { alpha });

/** Linear in dy; its slope does not depend on x but at 0. */
const gradientOfGradient: GradConfig = {
  kernelName: GRADIENT,
  inputsToSave: ['x'],
  gradFunc: (ddx, [x], attrs) => ({
    dy: () => ownGradient(x, ddx as Tensor, attrs.alpha as number),
    x: () => tf.zerosLike(x),
  }),
};

/** Marks our derivatives, so that a second copy of this module does not stack on the first. */
const OURS = Symbol.for('tfjs-latent.gradient');

/** Compute a derivative with our kernel on wasm, as tfjs does elsewhere; relu has no attributes. */
function overrideGradient(kernelName: string, slopeOf: (attrs: Attrs | undefined) => number): void {
  const theirs: GradConfig & { readonly [OURS]?: true } = tf.getGradient(kernelName);
  if (theirs[OURS] === true) return;
  const gradFunc: GradConfig['gradFunc'] = (dy, saved, attrs) => {
    const [x] = saved;
    const backend = tf.backend() as unknown as BackendWasm;
    const isOurs =
      tf.getBackend() === 'wasm' &&
      !isTheirs &&
      x.dtype === 'float32' &&
      (dy as Tensor).dtype === 'float32' &&
      heapFunctions(backend) !== undefined;
    if (!isOurs) return theirs.gradFunc(dy, saved, attrs);
    return { x: () => ownGradient(x, dy as Tensor, slopeOf(attrs)) };
  };
  tf.unregisterGradient(kernelName);
  tf.registerGradient({ ...theirs, [OURS]: true, gradFunc } as GradConfig);
}

/** Put these kernels over tfjs's, and the two derivatives in their place. */
export function overrideElementwise(): void {
  override('Identity', identity);
  override('LeakyRelu', leakyRelu);
  override('Add', add);
  override('Sum', sum);
  addKernel(leakyReluGradient);
  if ((tf.getGradient(GRADIENT) as GradConfig | undefined) === undefined) {
    tf.registerGradient(gradientOfGradient);
  }
  overrideGradient('LeakyRelu', (attrs) => attrs?.alpha ?? 0);
  overrideGradient('Relu', () => 0);
}
