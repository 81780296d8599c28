import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import type { Rows } from '../../util/rows.js';
import { decodeBatch, encodeBatch } from '../autoencoder/index.js';
import { overBatches } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import { leastVolumeDefinition } from './definition.js';
import type { LeastVolumeCore } from './definition.js';

/**
 * |x - x'| (root of the mean over rows of the squared norm, in the scale of the network's input) when sets of latents are held at their means.
 * @param sets Latents held, one list for each value that is returned.
 */
export async function errorsWithout(
  core: LeastVolumeCore,
  means: ArrayLike<number>,
  x: Rows,
  sets: readonly (readonly number[])[],
  options: BatchOptions,
): Promise<Float64Array> {
  const d = core.config.latentDim;
  const sums = new Float64Array(sets.length);
  await overBatches(
    core,
    x,
    options,
    (batch) => {
      const latents = encodeBatch(leastVolumeDefinition, core, batch);
      return sets.map((held) =>
        tf.tidy(() => {
          const [keep, fill] = [new Float32Array(d).fill(1), new Float32Array(d)];
          for (const i of held) [keep[i], fill[i]] = [0, means[i]];
          const z = tf.add<Tensor2D>(tf.mul(latents, tf.tensor1d(keep)), tf.tensor1d(fill));
          const rows = decodeBatch(leastVolumeDefinition, core, z);
          const squares = tf.squaredDifference(rows, batch).reshape([batch.shape[0], -1]);
          return tf.sum(squares, 1);
        }),
      );
    },
    (values) => {
      values.forEach((squares, set) => {
        sums[set] += squares.reduce((sum, value) => sum + value, 0);
      });
    },
  );
  return sums.map((sum) => Math.sqrt(sum / x.count));
}

/**
 * Part of what the latents explain together that is lost when sets of them are held at their means:
 * max(0, (L(set) - L(none)) / (L(all) - L(none))), L as of {@link errorsWithout}; 0 when the latents explain
 * nothing.
 */
export async function explainedParts(
  core: LeastVolumeCore,
  means: ArrayLike<number>,
  x: Rows,
  sets: readonly (readonly number[])[],
  options: BatchOptions,
): Promise<Float64Array> {
  const all = Array.from({ length: core.config.latentDim }, (_, i) => i);
  const errors = await errorsWithout(core, means, x, [[], all, ...sets], options);
  const [whole, none] = errors;
  const range = none - whole;
  return errors.slice(2).map((error) => (range > 0 ? Math.max(0, (error - whole) / range) : 0));
}
