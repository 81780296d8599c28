import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor4D, Variable } from '@tensorflow/tfjs';
import type { Initialiser } from '../../train/index.js';
import type { Rng } from '../../util/rng.js';
import { sizeOf } from '../../util/shape.js';

/** What follows the linear map of a layer. */
export type Activation = 'linear' | 'relu' | 'leakyRelu' | 'tanh' | 'sigmoid';

/** Slope of leakyRelu below 0: the default of PyTorch, which SAGE's authors used. */
export const LEAKY_SLOPE = 0.01;

/** Side of the square filters of convolutions, and their stride, where a layer does not say. */
const [FILTER, STRIDE] = [3, 2];

/** [height, width, channels] of an image. */
export type ImageShape = readonly [number, number, number];

/** What layers with weights have in common. */
interface Weighted {
  readonly then: Activation;
  /** Slope of leakyRelu below 0. Default {@link LEAKY_SLOPE}. */
  readonly slope?: number;
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean;
}

interface Convolution extends Weighted {
  readonly in: ImageShape;
  readonly out: ImageShape;
  /** Side of the square filter. Default 3. */
  readonly filter?: number;
  /** Default 2. */
  readonly stride?: number;
}

/** A layer with weights as plain data; shapes are those of one row. */
export type WeightLayer =
  | ({ readonly kind: 'dense'; readonly in: number; readonly out: number } & Weighted)
  /** Padded so that the output has ceil(size / stride) rows and columns. */
  | ({ readonly kind: 'conv' } & Convolution)
  /** The transpose (adjoint) of `conv` from `out` to `in`, with weights of its own. */
  | ({ readonly kind: 'convTranspose' } & Convolution);

/** A layer as plain data; shapes are those of one row. */
export type Layer =
  | WeightLayer
  /** Of 2x2, to ceil(size / 2) rows and columns. */
  | { readonly kind: 'maxPool' }
  | { readonly kind: 'reshape'; readonly out: readonly number[] }
  | { readonly kind: 'dropout'; readonly rate: number };

/** A weight or bias to be made. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** How its first values are drawn; a function draws all of them. */
  readonly init: Initialiser | ((rng: Rng) => Float32Array);
  readonly fanIn: number;
  readonly fanOut: number;
  /** Training changes it, but no gradient does: a running mean, say. Default false. */
  readonly moved?: boolean;
}

/** Rows and columns after a convolution. */
export function halved(size: number, stride = STRIDE): number {
  return Math.ceil(size / stride);
}

/** Whether a layer has a kernel. */
export function hasWeights(layer: Layer): layer is WeightLayer {
  return layer.kind === 'dense' || layer.kind === 'conv' || layer.kind === 'convTranspose';
}

/** The weights of a chain of layers, named `<prefix>.<position>.kernel` and `.bias`. */
export function parameterSpecs(prefix: string, layers: readonly Layer[]): ParameterSpec[] {
  return layers.flatMap((layer, i) => {
    if (!hasWeights(layer)) return [];
    const init = layer.then === 'relu' || layer.then === 'leakyRelu' ? 'he' : 'glorot';
    const [shape, fanIn, fanOut] = kernelShape(layer);
    const channels = layer.kind === 'dense' ? layer.out : layer.out[2];
    const [kernel, bias] = [kernelName(prefix, i), `${prefix}.${i}.bias`];
    const specs: ParameterSpec[] = [{ name: kernel, shape, init, fanIn, fanOut }];
    if (layer.bias === false) return specs;
    return [...specs, { name: bias, shape: [channels], init: 'zeros', fanIn, fanOut }];
  });
}

/** Name of the kernel of the layer at a position of a chain. */
export function kernelName(prefix: string, position: number): string {
  return `${prefix}.${position}.kernel`;
}

function kernelShape(layer: WeightLayer): [shape: number[], fanIn: number, fanOut: number] {
  switch (layer.kind) {
    case 'dense':
      return [[layer.in, layer.out], layer.in, layer.out];
    case 'conv': {
      const [from, to] = [layer.in[2], layer.out[2]];
      const { filter = FILTER } = layer;
      return [[filter, filter, from, to], filter ** 2 * from, filter ** 2 * to];
    }
    case 'convTranspose': {
      // tfjs orders the channels of a transposed filter as output, input. With stride 2 a quarter of
      // the filter's taps reaches one output, on average.
      const [from, to] = [layer.in[2], layer.out[2]];
      const { filter = FILTER, stride = STRIDE } = layer;
      const taps = (filter / stride) ** 2;
      return [[filter, filter, to, from], taps * from, filter ** 2 * to];
    }
  }
}

/** Weights by name. */
export type Parameters = Readonly<Record<string, Variable>>;

/** Weights by name as a forward pass takes them: variables, or what was computed from them. */
export type Weights = Readonly<Record<string, Tensor>>;

/**
 * Run a chain of layers.
 * @param x Shape [rows, ...shape of one row]. @param noise Draws the dropout masks in training; without
 * it dropout does nothing.
 */
export function runLayers(
  prefix: string,
  layers: readonly Layer[],
  parameters: Weights,
  x: Tensor,
  noise?: Rng,
): Tensor {
  return layers.reduce(
    (value, layer, i) => runLayer(`${prefix}.${i}`, layer, parameters, value, noise),
    x,
  );
}

/** Run one layer, whose weights are `<name>.kernel` and `<name>.bias`; arguments as {@link runLayers}. */
export function runLayer(
  name: string,
  layer: Layer,
  parameters: Weights,
  x: Tensor,
  noise?: Rng,
): Tensor {
  switch (layer.kind) {
    case 'reshape':
      return x.reshape([x.shape[0], ...layer.out]);
    case 'maxPool':
      return tf.maxPool(x as Tensor4D, STRIDE, STRIDE, 'same');
    case 'dropout':
      return noise === undefined ? x : dropout(x, layer.rate, noise);
    default: {
      const bias = layer.bias === false ? undefined : parameters[`${name}.bias`];
      return activate(affine(layer, x, parameters[`${name}.kernel`], bias), layer);
    }
  }
}

/** The linear map of a layer with its bias. */
export function affine(
  layer: WeightLayer,
  x: Tensor,
  kernel: Tensor,
  bias: Tensor | undefined,
): Tensor {
  if (bias === undefined) return linearMap(layer, x, kernel);
  // Fused with the bias only: tfjs has gradients of few fused activations.
  if (layer.kind === 'dense') return tf.fused.matMul({ a: x, b: kernel, bias });
  return tf.add(linearMap(layer, x, kernel), bias);
}

/**
 * The linear map of a layer, without bias and activation: linear in `x` and in `kernel`.
 * @param x Shape [rows, ...layer.in].
 */
export function linearMap(layer: WeightLayer, x: Tensor, kernel: Tensor): Tensor {
  switch (layer.kind) {
    case 'dense':
      return tf.matMul(x, kernel);
    case 'conv': {
      const { stride = STRIDE } = layer;
      return tf.conv2d(x as Tensor4D, kernel as Tensor4D, stride, 'same');
    }
    case 'convTranspose': {
      const { stride = STRIDE } = layer;
      const shape: [number, number, number, number] = [x.shape[0], ...layer.out];
      return tf.conv2dTranspose(x as Tensor4D, kernel as Tensor4D, shape, stride, 'same');
    }
  }
}

/**
 * The transpose (adjoint) of {@link linearMap}: <linearMap(x), y> = <x, adjointMap(y)>.
 * @param y Shape [rows, ...layer.out].
 */
export function adjointMap(layer: WeightLayer, y: Tensor, kernel: Tensor): Tensor {
  switch (layer.kind) {
    case 'dense':
      return tf.matMul(y, kernel, false, true);
    // Channels are ordered so that the same kernel serves both directions.
    case 'conv':
      return linearMap(
        { ...layer, kind: 'convTranspose', in: layer.out, out: layer.in },
        y,
        kernel,
      );
    case 'convTranspose':
      return linearMap({ ...layer, kind: 'conv', in: layer.out, out: layer.in }, y, kernel);
  }
}

/** What follows the linear map. */
export function activate(x: Tensor, { then, slope = LEAKY_SLOPE }: WeightLayer): Tensor {
  switch (then) {
    case 'linear':
      return x;
    case 'relu':
      return tf.relu(x);
    case 'leakyRelu':
      return tf.leakyRelu(x, slope);
    case 'tanh':
      return tf.tanh(x);
    case 'sigmoid':
      return tf.sigmoid(x);
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
