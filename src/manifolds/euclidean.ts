import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { RowsLike } from '../ops/applyRows.js';
import * as euclidean from '../ops/euclidean.js';
import { weightedSums } from '../ops/weightedSums.js';
import type { Rng } from '../util/rng.js';
import { asRows, BaseManifold, normalTensor } from './baseManifold.js';

/** R^d with the usual metric. Steps of optimisers take tensors of any rank, scalars too. */
export class Euclidean extends BaseManifold {
  readonly name = 'Euclidean';

  dist(x: RowsLike, y: RowsLike): Tensor {
    return euclidean.dist(x, y);
  }

  inner(_x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return euclidean.inner(u, v);
  }

  /** Each coordinate is a space of its own, as in Adam. */
  override tiledInner(_x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return tf.mul(asRows(u), asRows(v));
  }

  expMap(x: RowsLike, v: RowsLike): Tensor {
    return tf.add(asRows(x), asRows(v));
  }

  logMap(x: RowsLike, y: RowsLike): Tensor {
    return euclidean.logMap(x, y);
  }

  transport(_x: RowsLike, _y: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(() => asRows(v).clone());
  }

  retract(x: RowsLike, v: RowsLike): Tensor {
    return this.expMap(x, v);
  }

  project(x: RowsLike): Tensor {
    return tf.tidy(() => asRows(x).clone());
  }

  egradToRgrad(_x: RowsLike, gradient: RowsLike): Tensor {
    return tf.tidy(() => asRows(gradient).clone());
  }

  randomPoint(shape: readonly number[], seed: number | Rng, scale = 1): Tensor {
    return normalTensor('Euclidean.randomPoint', shape, seed, scale);
  }

  centroid(points: Tensor, weights?: Tensor): Tensor {
    return tf.tidy(() => {
      const ones = tf.ones(points.shape.slice(0, -1));
      const [sum, total] = weightedSums('Euclidean.centroid', points, ones, weights);
      return tf.div(sum, tf.expandDims(total, -1));
    });
  }
}
