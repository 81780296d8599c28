import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { checkCurvature } from '../ops/applyRows.js';
import type { RowsLike } from '../ops/applyRows.js';
import * as lorentz from '../ops/lorentz.js';
import type { Rng } from '../util/rng.js';
import { BaseManifold, normalTensor } from './baseManifold.js';
import { withCurvature } from './curvature.js';
import type { Curvature } from './curvature.js';

/**
 * The hyperboloid of curvature -c in d space coordinates, see the lorentz functions: every row is a
 * point and every row a tangent, so nothing needs to be projected until radii pass 44 / sqrt(c).
 * @param c A number, or a {@link LearntCurvature}. Default 1. @throws DomainError for a number not above 0.
 */
export class Lorentz extends BaseManifold {
  readonly name = 'Lorentz';

  constructor(readonly c: Curvature = 1) {
    super();
    if (typeof c === 'number') checkCurvature('Lorentz', c);
  }

  dist(x: RowsLike, y: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.dist(x, y, c));
  }

  inner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.inner(x, u, v, c));
  }

  override norm(x: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.norm(x, v, c));
  }

  expMap(x: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.expMap(x, v, c));
  }

  logMap(x: RowsLike, y: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.logMap(x, y, c));
  }

  transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.transport(x, y, v, c));
  }

  /** expMap: x + v would be a point too, but far out a very different one. */
  retract(x: RowsLike, v: RowsLike): Tensor {
    return this.expMap(x, v);
  }

  project(x: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.project(x, c));
  }

  egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor {
    return withCurvature(this.c, (c) => lorentz.egradToRgrad(x, gradient, c));
  }

  randomPoint(shape: readonly number[], seed: number | Rng, scale = 1): Tensor {
    const draw = (): Tensor => normalTensor('Lorentz.randomPoint', shape, seed, scale);
    return tf.tidy(() => withCurvature(this.c, (c) => lorentz.expMap0(draw(), c)));
  }

  centroid(points: Tensor, weights?: Tensor): Tensor {
    return withCurvature(this.c, (c) => lorentz.centroid(points, weights, c));
  }

  protected override hessianBound(distances: Tensor): Tensor {
    return withCurvature(this.c, (c) => tf.sqrt(tf.add(1, tf.mul(c, tf.square(distances)))));
  }
}
