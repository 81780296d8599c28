import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { checkPositive } from '../ops/applyRows.js';
import type { RowsLike } from '../ops/applyRows.js';
import * as sphere from '../ops/sphere.js';
import { weightedSums } from '../ops/weightedSums.js';
import type { Rng } from '../util/rng.js';
import { asRows, BaseManifold, normalTensor } from './baseManifold.js';

/**
 * The sphere of a radius in R^d; its base point is (0, ..., 0, radius).
 * @throws DomainError for a radius that is not above 0.
 */
export class Sphere extends BaseManifold {
  readonly name = 'Sphere';

  constructor(readonly radius = 1) {
    super();
    checkPositive('Sphere', 'radius', radius);
  }

  dist(x: RowsLike, y: RowsLike): Tensor {
    return sphere.dist(x, y, this.radius);
  }

  inner(_x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return sphere.inner(u, v);
  }

  expMap(x: RowsLike, v: RowsLike): Tensor {
    return sphere.expMap(x, v, this.radius);
  }

  logMap(x: RowsLike, y: RowsLike): Tensor {
    return sphere.logMap(x, y, this.radius);
  }

  transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor {
    return sphere.transport(x, y, v);
  }

  /** x + v scaled onto the sphere. */
  retract(x: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(() => this.project(tf.add(asRows(x), asRows(v))));
  }

  project(x: RowsLike): Tensor {
    return sphere.project(x, this.radius);
  }

  override projectTangent(x: RowsLike, v: RowsLike): Tensor {
    return sphere.projectTangent(x, v);
  }

  egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor {
    return sphere.egradToRgrad(x, gradient);
  }

  override origin(d: number): Tensor {
    return tf.tensor1d(Array.from({ length: d }, (_, i) => (i === d - 1 ? this.radius : 0)));
  }

  /** Uniform on the sphere; the scale is not used. */
  randomPoint(shape: readonly number[], seed: number | Rng): Tensor {
    return tf.tidy(() => this.project(normalTensor('Sphere.randomPoint', shape, seed, 1)));
  }

  /** The mean scaled onto the sphere; 0 for points whose mean is 0. */
  centroid(points: Tensor, weights?: Tensor): Tensor {
    return tf.tidy(() => {
      const none = tf.zeros(points.shape.slice(0, -1));
      return this.project(weightedSums('Sphere.centroid', points, none, weights)[0]);
    });
  }
}
