import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor1D, Variable } from '@tensorflow/tfjs';
import { VOLUME_FLOOR } from '../../numerics.js';
import type { Parameters, ParameterSpec } from '../layers/layer.js';
import type { LeastVolumeConfig } from './config.js';

/** Names of the state: which latents are kept, what the others are frozen at, and running means. */
export const [MASK, FROZEN] = ['pruning.mask', 'pruning.frozen'] as const;
const [DEVIATION, MEAN, ERROR, WEIGHT] = [
  'pruning.deviation',
  'pruning.mean',
  'pruning.error',
  'pruning.weight',
] as const;

/** Of the running means: .8 for 'threshold', .9 for 'plummet', as in the authors' experiments. */
const [THRESHOLD_BETA, PLUMMET_BETA] = [0.8, 0.9];

/** State of pruning, saved with the weights. */
export function pruningSpecs({ latentDim, pruning }: LeastVolumeConfig): ParameterSpec[] {
  const spec = (name: string, size: number, value: number): ParameterSpec => ({
    ...{ name, shape: [size], fanIn: 1, fanOut: 1, moved: true },
    init: () => new Float32Array(size).fill(value),
  });
  const always = [spec(MASK, latentDim, 1), spec(FROZEN, latentDim, 0)];
  if (pruning.rule === 'none') return always;
  const running = [spec(DEVIATION, latentDim, 0), spec(MEAN, latentDim, 0)];
  return [...always, ...running, spec(ERROR, 1, 0), spec(WEIGHT, 1, 0)];
}

/** What a batch says. */
export interface BatchFacts {
  /** Shape [d]. */
  readonly deviations: Tensor1D;
  readonly means: Tensor1D;
  /** Mean over rows of the squared norm |x - x'|^2. */
  readonly squaredError: Scalar;
}

/** Follow the running means. Runs inside a tidy. */
export function followBatch(
  { pruning }: LeastVolumeConfig,
  parameters: Parameters,
  { deviations, means, squaredError }: BatchFacts,
): void {
  const usual = pruning.rule === 'threshold' ? THRESHOLD_BETA : PLUMMET_BETA;
  const beta = pruning.beta ?? usual;
  const follow = (name: string, value: Tensor): void => {
    const running = parameters[name];
    running.assign(tf.add(tf.mul(running, beta), tf.mul(value.reshape(running.shape), 1 - beta)));
  };
  follow(DEVIATION, deviations);
  follow(MEAN, means);
  follow(ERROR, squaredError);
  // The running mean of 1: dividing by it undoes that the others began at 0.
  follow(WEIGHT, tf.scalar(1));
}

/** Freeze latents by the rule of the config. Runs inside a tidy; reads nothing to the host. */
export function pruneByRule({ pruning }: LeastVolumeConfig, parameters: Parameters): void {
  const weight = parameters[WEIGHT];
  const settled = (name: string): Tensor => tf.div(parameters[name], weight);
  const mask = parameters[MASK] as Tensor as Tensor1D;
  const deviations = settled(DEVIATION) as Tensor1D;
  const falls =
    pruning.rule === 'threshold'
      ? flattestBelow(deviations, mask, settled(ERROR), pruning.threshold ?? 0)
      : afterPlummet(deviations, mask, pruning.ratio);
  freeze(parameters, falls, settled(MEAN));
}

/** Freeze the latents where `falls` is 1 and that are kept so far, at `values`. */
function freeze(parameters: Parameters, falls: Tensor, values: Tensor): void {
  const [mask, frozen]: Variable[] = [parameters[MASK], parameters[FROZEN]];
  const now = tf.mul(mask, falls);
  frozen.assign(tf.add(frozen, tf.mul(now, values)));
  mask.assign(tf.sub(mask, now));
}

/**
 * Rule 'threshold': 1 at the kept latent of the smallest deviation when sqrt(error) + deviation is below
 * the threshold; the last latent stays.
 */
export function flattestBelow(
  deviations: Tensor1D,
  mask: Tensor1D,
  squaredError: Tensor,
  threshold: number,
): Tensor1D {
  const pruned = tf.sub(1, mask);
  // Pruned latents are moved past all others.
  const past = tf.add(tf.max(deviations), 1);
  const kept = tf.add(tf.mul(deviations, mask), tf.mul(pruned, past));
  const smallest = tf.min(kept);
  const error = tf.sqrt(tf.sum(squaredError));
  const isBelow = tf.less(tf.add(error, smallest), threshold);
  const isNotLast = tf.greater(tf.sum(mask), 1);
  const chosen = tf.equal(tf.range(0, mask.size, 1, 'int32'), tf.argMin(kept));
  return tf.logicalAnd(chosen, tf.logicalAnd(isBelow, isNotLast)).toFloat().as1D();
}

/**
 * Rule 'plummet': with the kept deviations in descending order, s_1 >= s_2 >= ..., find the steepest fall,
 * the k of the largest log s_k - log s_(k+1); 1 at every kept latent whose deviation is below ratio s_k.
 */
export function afterPlummet(deviations: Tensor1D, mask: Tensor1D, ratio: number): Tensor1D {
  const size = mask.size;
  if (size === 1) return tf.zerosLike(mask);
  // Pruned latents come last: deviations are >= 0.
  const kept = tf.sub<Tensor1D>(tf.mul(deviations, mask), tf.sub(1, mask));
  const sorted = tf.topk(kept, size).values;
  const logs = tf.log(tf.maximum(sorted, VOLUME_FLOOR));
  const falls = tf.sub(logs.slice(0, size - 1), logs.slice(1));
  const isInside = tf.less(tf.range(1, size), tf.sum(mask));
  // A fall is >= 0, so -1 keeps those into pruned latents out.
  const steepest = tf.argMax(tf.where(isInside, falls, tf.fill([size - 1], -1)));
  const before = tf.gather(sorted, steepest);
  return tf.less(deviations, tf.mul(before, ratio)).toFloat().as1D();
}
