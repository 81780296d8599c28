import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { RowsLike } from '../ops/applyRows.js';
import * as stereographic from '../ops/stereographic.js';
import type { Rng } from '../util/rng.js';
import { asRows, BaseManifold, normalTensor } from './baseManifold.js';

/**
 * The space of constant curvature kappa of any sign, see the stereographic functions.
 * @param kappa A number, or a scalar variable to learn it: everything is smooth in kappa through 0, so
 * it needs no other parametrisation.
 */
export class Stereographic extends BaseManifold {
  readonly name = 'Stereographic';

  constructor(readonly kappa: number | Variable) {
    super();
  }

  dist(x: RowsLike, y: RowsLike): Tensor {
    return stereographic.dist(x, y, this.kappa);
  }

  inner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return stereographic.inner(x, u, v, this.kappa);
  }

  expMap(x: RowsLike, v: RowsLike): Tensor {
    return stereographic.expMap(x, v, this.kappa);
  }

  logMap(x: RowsLike, y: RowsLike): Tensor {
    return stereographic.logMap(x, y, this.kappa);
  }

  transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor {
    return stereographic.transport(x, y, v, this.kappa);
  }

  /** x + v, brought into the ball where there is one. */
  retract(x: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(() => this.project(tf.add(asRows(x), asRows(v))));
  }

  project(x: RowsLike): Tensor {
    return stereographic.project(x, this.kappa);
  }

  egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor {
    return stereographic.egradToRgrad(x, gradient, this.kappa);
  }

  randomPoint(shape: readonly number[], seed: number | Rng, scale = 1): Tensor {
    return tf.tidy(() =>
      // Tangents at the origin are twice as long as they look.
      stereographic.expMap0(
        normalTensor('Stereographic.randomPoint', shape, seed, scale / 2),
        this.kappa,
      ),
    );
  }

  centroid(points: Tensor, weights?: Tensor): Tensor {
    return stereographic.weightedMidpoint(points, weights, this.kappa);
  }

  protected override hessianBound(distances: Tensor): Tensor {
    return tf.tidy(() => {
      const c = tf.relu(tf.neg(this.kappa));
      return tf.sqrt(tf.add(1, tf.mul(c, tf.square(distances))));
    });
  }
}
