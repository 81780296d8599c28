import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { FLOAT32_TINY } from '../../numerics.js';
import type { Rng } from '../../util/rng.js';
import { sizeOf } from '../../util/shape.js';
import { adjointMap, hasWeights, kernelName, linearMap } from './layer.js';
import type { Layer, Parameters, ParameterSpec, WeightLayer, Weights } from './layer.js';

/** A layer whose kernel is divided by the norm of its linear map. */
export interface SpectralLayer {
  readonly layer: WeightLayer;
  /** Name of its kernel, and of the row that power iteration turns towards the most stretched direction. */
  readonly kernel: string;
  readonly direction: string;
}

/** The layers with weights of a chain. */
export function spectralLayers(chain: string, layers: readonly Layer[]): SpectralLayer[] {
  return layers.flatMap((layer, i) => {
    if (!hasWeights(layer)) return [];
    return [{ layer, kernel: kernelName(chain, i), direction: `${chain}.${i}.direction` }];
  });
}

/** State of power iteration, one unit row [1, ...layer.in] each: saved with the weights. */
export function directionSpecs(layers: readonly SpectralLayer[]): ParameterSpec[] {
  return layers.map(({ layer, direction }) => {
    const shape = rowShapeOf(layer.in);
    const init = (rng: Rng): Float32Array => unitVector(sizeOf(shape), rng);
    return { name: direction, shape, init, fanIn: 1, fanOut: 1, moved: true };
  });
}

function rowShapeOf(size: number | readonly number[]): number[] {
  return typeof size === 'number' ? [1, size] : [1, ...size];
}

function unitVector(size: number, rng: Rng): Float32Array {
  const values = Float64Array.from({ length: size }, () => rng.normal());
  const length = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  return Float32Array.from(values, (v) => v / length);
}

/**
 * Norm of a layer's linear map A along a direction: sigma = |A v|, at most the largest singular value,
 * and equal to it at the right singular vector. A is the map itself: for a convolution the one from whole
 * images to whole images, with its stride and padding, not the kernel reshaped to a matrix.
 * @param v Unit row [1, ...layer.in], no gradient.
 * @returns Scalar >= 0. Gradient in the kernel: u^T (dA) v with u = A v / |A v|, 0 where A v = 0.
 */
export function spectralNorm(layer: WeightLayer, kernel: Tensor, v: Tensor): Scalar {
  const image = linearMap(layer, v, kernel);
  // The root's derivative is infinite at 0; below the floor it is 0.
  return tf.sqrt(tf.maximum(tf.sum(tf.square(image)), FLOAT32_TINY)).asScalar();
}

/**
 * Weights in which each kernel W is W / sigma, so that every layer has norm 1 along its direction; where
 * power iteration has converged the layer is 1-Lipschitz.
 *
 * Gradient: through W and through sigma: (G - <G, W / sigma> u v^T as a kernel) / sigma.
 * Reference: Miyato, Kataoka, Koyama, Yoshida, Spectral Normalization for Generative Adversarial Networks,
 * 2018, eq. 8 and 12; for convolutions on the true map: Gouk, Frank, Pfahringer, Cree, 2021, section 3.
 */
export function normalisedWeights(
  layers: readonly SpectralLayer[],
  parameters: Parameters,
): Weights {
  const normed = layers.map(({ layer, kernel, direction }) => {
    const sigma = spectralNorm(layer, parameters[kernel], parameters[direction]);
    return [kernel, tf.div(parameters[kernel], sigma)] as const;
  });
  return { ...parameters, ...Object.fromEntries<Tensor>(normed) };
}

/**
 * Turn every direction by steps of power iteration, v := A^T A v / |A^T A v|; it stays where A v = 0. The
 * error of sigma falls by (sigma2 / sigma1)^4 a step. Runs inside a tidy.
 */
export function powerSteps(
  layers: readonly SpectralLayer[],
  parameters: Parameters,
  steps: number,
): void {
  for (const { layer, kernel, direction } of layers) {
    const weights = parameters[kernel];
    for (let step = 0; step < steps; step++) {
      tf.tidy(() => {
        const v = parameters[direction];
        // Scaled between the two maps, so that the square of a small or large norm stays in range.
        const u = normalised(linearMap(layer, v, weights));
        const turned = adjointMap(layer, u, weights);
        const length = tf.norm(turned);
        v.assign(tf.where(tf.greater(length, 0), normalised(turned), v));
      });
    }
  }
}

/** A row divided by its length; zeros stay zeros. */
function normalised(x: Tensor): Tensor {
  return tf.divNoNan(x, tf.norm(x));
}
