import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor4D, Variable } from '@tensorflow/tfjs';
import type { Initialiser } from '../../train/index.js';
import type { Rng } from '../../util/rng.js';
import { sizeOf } from '../../util/shape.js';

/** What follows the linear map of a layer. */
export type Activation = 'linear' | 'relu' | 'leakyRelu';

/** Slope of leakyRelu below 0: the default of PyTorch, which SAGE's authors used. */
export const LEAKY_SLOPE = 0.01;

/** Side of the square filters of convolutions, and their stride. */
const [FILTER, STRIDE] = [3, 2];

/** A layer as plain data; shapes are those of one row. */
export type Layer =
  | { readonly kind: 'dense'; readonly in: number; readonly out: number; readonly then: Activation }
  | {
      /** Stride 2, 3x3, padded so that the output has ceil(size / 2) rows and columns. */
      readonly kind: 'conv';
      readonly in: readonly [number, number, number];
      readonly out: readonly [number, number, number];
      readonly then: Activation;
    }
  | {
      /** The transpose (adjoint) of `conv` from `out` to `in`, with weights of its own. */
      readonly kind: 'convTranspose';
      readonly in: readonly [number, number, number];
      readonly out: readonly [number, number, number];
      readonly then: Activation;
    }
  | { readonly kind: 'reshape'; readonly out: readonly number[] }
  | { readonly kind: 'dropout'; readonly rate: number };

/** A weight or bias to be made. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: Initialiser;
  readonly fanIn: number;
  readonly fanOut: number;
}

/** Rows and columns after a stride-2 convolution. */
export function halved(size: number): number {
  return Math.ceil(size / STRIDE);
}

/** The weights of a chain of layers, named `<prefix>.<position>.kernel` and `.bias`. */
export function parameterSpecs(prefix: string, layers: readonly Layer[]): ParameterSpec[] {
  return layers.flatMap((layer, i) => {
    if (layer.kind === 'reshape' || layer.kind === 'dropout') return [];
    const init = layer.then === 'linear' ? 'glorot' : 'he';
    const [shape, fanIn, fanOut] = kernelShape(layer);
    const channels = layer.kind === 'dense' ? layer.out : layer.out[2];
    const [kernel, bias] = [`${prefix}.${i}.kernel`, `${prefix}.${i}.bias`];
    return [
      { name: kernel, shape, init, fanIn, fanOut },
      { name: bias, shape: [channels], init: 'zeros', fanIn, fanOut },
    ];
  });
}

function kernelShape(
  layer: Exclude<Layer, { kind: 'reshape' | 'dropout' }>,
): [shape: number[], fanIn: number, fanOut: number] {
  switch (layer.kind) {
    case 'dense':
      return [[layer.in, layer.out], layer.in, layer.out];
    case 'conv': {
      const [from, to] = [layer.in[2], layer.out[2]];
      return [[FILTER, FILTER, from, to], FILTER ** 2 * from, FILTER ** 2 * to];
    }
    case 'convTranspose': {
      // tfjs orders the channels of a transposed filter as output, input. With stride 2 a quarter of
      // the filter's taps reaches one output, on average.
      const [from, to] = [layer.in[2], layer.out[2]];
      const taps = (FILTER / STRIDE) ** 2;
      return [[FILTER, FILTER, to, from], taps * from, FILTER ** 2 * to];
    }
  }
}

/** Weights by name. */
export type Parameters = Readonly<Record<string, Variable>>;

/**
 * Run a chain of layers.
 * @param x Shape [rows, ...shape of one row]. @param noise Draws the dropout masks in training; without
 * it dropout does nothing.
 */
export function runLayers(
  prefix: string,
  layers: readonly Layer[],
  parameters: Parameters,
  x: Tensor,
  noise?: Rng,
): Tensor {
  return layers.reduce((value, layer, i) => {
    switch (layer.kind) {
      case 'reshape':
        return value.reshape([value.shape[0], ...layer.out]);
      case 'dropout':
        return noise === undefined ? value : dropout(value, layer.rate, noise);
      default: {
        const kernel = parameters[`${prefix}.${i}.kernel`];
        const bias = parameters[`${prefix}.${i}.bias`];
        return activate(linear(layer, value, kernel, bias), layer.then);
      }
    }
  }, x);
}

function linear(
  layer: Exclude<Layer, { kind: 'reshape' | 'dropout' }>,
  x: Tensor,
  kernel: Variable,
  bias: Variable,
): Tensor {
  switch (layer.kind) {
    case 'dense':
      // Fused with the bias only: tfjs has gradients of few fused activations.
      return tf.fused.matMul({ a: x, b: kernel, bias });
    case 'conv': {
      const filter = kernel as Tensor as Tensor4D;
      return tf.add(tf.conv2d(x as Tensor4D, filter, STRIDE, 'same'), bias);
    }
    case 'convTranspose': {
      const filter = kernel as Tensor as Tensor4D;
      const shape: [number, number, number, number] = [x.shape[0], ...layer.out];
      return tf.add(tf.conv2dTranspose(x as Tensor4D, filter, shape, STRIDE, 'same'), bias);
    }
  }
}

function activate(x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return tf.relu(x);
    case 'leakyRelu':
      return tf.leakyRelu(x, LEAKY_SLOPE);
  }
}

/** Zero a random fraction `rate` of the values and scale the rest, so that the mean stays. */
function dropout(x: Tensor, rate: number, noise: Rng): Tensor {
  const mask = new Float32Array(sizeOf(x.shape));
  const kept = 1 / (1 - rate);
  for (let i = 0; i < mask.length; i++) mask[i] = noise.uniform() < rate ? 0 : kept;
  return tf.mul(x, tf.tensor(mask, x.shape));
}

/** Whether a layer needs the derivative of a convolution with respect to its filter. */
export function isConvolution(layer: Layer): boolean {
  return layer.kind === 'conv' || layer.kind === 'convTranspose';
}
