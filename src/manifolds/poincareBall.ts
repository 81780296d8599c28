import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { checkCurvature } from '../ops/applyRows.js';
import type { RowsLike } from '../ops/applyRows.js';
import * as poincare from '../ops/poincare.js';
import type { Rng } from '../util/rng.js';
import { asRows, BaseManifold, normalTensor } from './baseManifold.js';
import { withCurvature } from './curvature.js';
import type { Curvature } from './curvature.js';

/**
 * The Poincaré ball of curvature -c, see the poincare functions. Float32 holds points to a distance of
 * 16 / sqrt(c) from the origin; farther out use {@link Lorentz} or log-polar coordinates.
 * @param c A number, or a {@link LearntCurvature}. Default 1. @throws DomainError for a number not above 0.
 */
export class PoincareBall extends BaseManifold {
  readonly name = 'PoincareBall';

  constructor(readonly c: Curvature = 1) {
    super();
    if (typeof c === 'number') checkCurvature('PoincareBall', c);
  }

  dist(x: RowsLike, y: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.dist(x, y, c));
  }

  inner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.inner(x, u, v, c));
  }

  override norm(x: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.norm(x, v, c));
  }

  expMap(x: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.expMap(x, v, c));
  }

  logMap(x: RowsLike, y: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.logMap(x, y, c));
  }

  transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.transport(x, y, v, c));
  }

  /** x + v, brought into the ball: the retraction of Nickel & Kiela 2017. */
  retract(x: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(() => this.project(tf.add(asRows(x), asRows(v))));
  }

  project(x: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.project(x, c));
  }

  egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor {
    return withCurvature(this.c, (c) => poincare.egradToRgrad(x, gradient, c));
  }

  randomPoint(shape: readonly number[], seed: number | Rng, scale = 1): Tensor {
    // Tangents at the origin are twice as long as they look.
    const draw = (): Tensor => normalTensor('PoincareBall.randomPoint', shape, seed, scale / 2);
    return tf.tidy(() => withCurvature(this.c, (c) => poincare.expMap0(draw(), c)));
  }

  /** The gyromidpoint. */
  centroid(points: Tensor, weights?: Tensor): Tensor {
    return withCurvature(this.c, (c) => poincare.weightedMidpoint(points, weights, c));
  }

  protected override hessianBound(distances: Tensor): Tensor {
    return withCurvature(this.c, (c) => tf.sqrt(tf.add(1, tf.mul(c, tf.square(distances)))));
  }
}
