import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors.js';
import {
  activate,
  adjointMap,
  affine,
  hasWeights,
  kernelName,
  LEAKY_SLOPE,
  linearMap,
} from './layer.js';
import type { Layer, WeightLayer, Weights } from './layer.js';

/** A chain of layers with its weights: a map of rows. */
export interface LayerChain {
  readonly prefix: string;
  readonly layers: readonly Layer[];
  readonly weights: Weights;
}

/** One weight layer at a point: its linear map and the slopes of what follows. */
interface Linearised {
  readonly layer: WeightLayer;
  readonly kernel: Tensor;
  /** Slope of the activation, shape [b, ...layer.out]; undefined where it is 1. */
  readonly slope: Tensor | undefined;
}

/** A chain at a point: its value and its derivative J, per row. Dropout counts as absent. */
export interface LinearisedChain {
  /** Shape [b, ...out]. */
  readonly value: Tensor;
  /** J v. @param v Shape of the input, one vector per row. */
  readonly push: (v: Tensor) => Tensor;
  /** J^T w. @param w Shape of the value, one vector per row. */
  readonly pull: (w: Tensor) => Tensor;
}

/**
 * The derivative of a chain of layers at rows, as maps of vectors: forward (J v) and transposed (J^T w). Both
 * are made of ordinary ops, so a penalty on J can be differentiated by the weights and the rows.
 *
 * @param x Shape [b, ...in].
 * Numerics: exact to float32 rounding. A rectifier at 0 has slope 1 above 0 and its lower slope at or below.
 * Gradient: through slopes of tanh and sigmoid; those of rectifiers are constants.
 * Cost: each push or pull is one pass of the layers.
 */
export function linearise({ prefix, layers, weights }: LayerChain, x: Tensor): LinearisedChain {
  const steps: (Linearised | { readonly shapes: readonly [number[], number[]] })[] = [];
  let value = x;
  layers.forEach((layer, i) => {
    if (layer.kind === 'dropout') return;
    if (layer.kind === 'reshape') {
      const next = value.reshape([value.shape[0], ...layer.out]);
      steps.push({ shapes: [value.shape.slice(1), next.shape.slice(1)] });
      value = next;
      return;
    }
    if (!hasWeights(layer)) {
      const expected = 'be of dense, convolutional, reshape and dropout layers';
      throw new UnsupportedError({ op: 'linearise', arg: 'layers', expected, got: layer.kind });
    }
    const kernel = weights[kernelName(prefix, i)];
    const bias = layer.bias === false ? undefined : weights[`${prefix}.${i}.bias`];
    const linear = affine(layer, value, kernel, bias);
    value = activate(linear, layer);
    steps.push({ layer, kernel, slope: slopeOf(layer, linear, value) });
  });
  const shaped = (rows: Tensor, shape: readonly number[]): Tensor =>
    rows.reshape([rows.shape[0], ...shape]);
  return {
    value,
    push: (v) =>
      steps.reduce((rows, step) => {
        if ('shapes' in step) return shaped(rows, step.shapes[1]);
        return scaled(linearMap(step.layer, rows, step.kernel), step.slope);
      }, v),
    pull: (w) =>
      steps.reduceRight((rows, step) => {
        if ('shapes' in step) return shaped(rows, step.shapes[0]);
        return adjointMap(step.layer, scaled(rows, step.slope), step.kernel);
      }, w),
  };
}

function scaled(rows: Tensor, slope: Tensor | undefined): Tensor {
  return slope === undefined ? rows : tf.mul(rows, slope);
}

/** Derivative of the activation, from what enters and what leaves it. */
function slopeOf(
  { then, slope = LEAKY_SLOPE }: WeightLayer,
  linear: Tensor,
  value: Tensor,
): Tensor | undefined {
  switch (then) {
    case 'linear':
      return undefined;
    case 'relu':
      return tf.step(linear);
    case 'leakyRelu':
      return tf.step(linear, slope);
    case 'tanh':
      return tf.sub(1, tf.square(value));
    case 'sigmoid':
      return tf.mul(value, tf.sub(1, value));
  }
}
