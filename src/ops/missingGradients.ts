import * as tf from '@tensorflow/tfjs';
import type { GradConfig, Tensor, Tensor1D } from '@tensorflow/tfjs';
import { sizeOf } from '../util/shape.js';
import { scatterAddRows } from './scatterAddRows.js';

/**
 * values[i] at position[i] of zeros [size]; no position twice. Its gradient gathers.
 */
function place(values: Tensor1D, positions: Tensor1D, size: number): Tensor {
  if (values.size === 0) return tf.zeros([size]);
  const placed = tf.customGrad((...given) => {
    const [x, at, save] = given as [Tensor, Tensor1D, GradSaver];
    save([at]);
    return {
      value: tf.scatterND(tf.expandDims(at, 1), x, [size]),
      gradFunc: (d: Tensor, saved: Tensor[]) => [
        tf.gather(d, saved[0].toInt()),
        tf.zerosLike(saved[0]),
      ],
    };
  });
  return placed(values, positions);
}

type GradSaver = (tensors: Tensor[]) => void;

/**
 * Gradient of tf.topk(x, k).values by x: every value's gradient goes to the entry that it was taken from,
 * all other entries get 0. Of equal entries topk takes the lower index first, so at a tie that k cuts the
 * entries after it get nothing: one of the subgradients. Differentiable again.
 */
const topK: GradConfig = {
  kernelName: 'TopK',
  inputsToSave: ['x'],
  outputsToSave: [false, true],
  gradFunc: (dy: Tensor | Tensor[], saved: Tensor[]) => {
    const [x, indices] = saved;
    const [dValues] = dy as Tensor[];
    return {
      x: () => {
        const last = x.shape[x.rank - 1];
        const k = indices.shape[indices.rank - 1];
        const rows = sizeOf(x.shape.slice(0, -1));
        const starts = tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(last, 'int32'));
        const positions = tf.add(starts.reshape([rows, 1]), indices.reshape([rows, k]));
        const flat = positions.reshape<Tensor1D>([rows * k]);
        return place(dValues.reshape([rows * k]), flat, rows * last).reshape(x.shape);
      },
    };
  },
};

/**
 * Gradient of tf.gatherND(params, indices) by params: sums of the gradients of all slices that were taken
 * from a place. As products with one-hot slabs, so the same bits in every run. Differentiable again.
 * Cost: O(slices taken * places * size of a slice). (The forward kernel of tfjs 4.22's webgpu backend leaves
 * two buffers behind in every call; tf.gather on flattened places does not.)
 */
const gatherNd: GradConfig = {
  kernelName: 'GatherNd',
  inputsToSave: ['params', 'indices'],
  gradFunc: (dy: Tensor | Tensor[], saved: Tensor[]) => {
    const [params, indices] = saved;
    return {
      params: () => {
        const depth = indices.shape[indices.rank - 1];
        const outer = params.shape.slice(0, depth);
        const width = sizeOf(params.shape.slice(depth));
        const taken = sizeOf(indices.shape.slice(0, -1));
        const strides = outer.map((_, axis) => sizeOf(outer.slice(axis + 1)));
        const places = tf.mul(indices.reshape([taken, depth]), tf.tensor1d(strides, 'int32'));
        const bins = tf.sum(places, 1).toInt() as Tensor1D;
        const rows = (dy as Tensor).reshape([taken, width]);
        return scatterAddRows(rows, bins, sizeOf(outer)).reshape(params.shape);
      },
      indices: () => tf.zerosLike(indices),
    };
  },
};

/**
 * Give tfjs the gradients that it lacks and that models need: of TopK and of GatherNd. One that is there,
 * of a later tfjs or from elsewhere, stays. May be called more than once; trainLoop does it.
 * @example
 * addMissingGradients();
 * const g = tf.grad((x: tf.Tensor) => tf.topk(x, 2).values)(tf.tensor1d([3, 1, 2])); // [1, 0, 1]
 */
export function addMissingGradients(): void {
  for (const gradient of [topK, gatherNd]) {
    // tfjs types the result as always present; it is undefined for an unknown name.
    const found = tf.getGradient(gradient.kernelName) as GradConfig | undefined;
    if (found === undefined) tf.registerGradient(gradient);
  }
}
