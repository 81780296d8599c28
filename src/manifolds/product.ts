import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import type { RowsLike } from '../ops/applyRows.js';
import { productDistance } from '../ops/productDistance.js';
import { Rng } from '../util/rng.js';
import { formatShape } from '../util/shape.js';
import { asRows, BaseManifold, checkPoints } from './baseManifold.js';
import type { FrechetMeanOptions, Manifold } from './manifold.js';

/** A factor, and how many of the features are its coordinates. */
export interface ProductFactor {
  readonly manifold: Manifold;
  readonly features: number;
}

/**
 * A product of manifolds: rows are those of the factors one after the other, d^2 = sum_i d_i^2, and all
 * maps act factor by factor.
 * @throws DomainError without factors or for a factor without features. Methods throw ShapeError for
 * rows whose features are not those of the factors together.
 */
export class Product extends BaseManifold {
  readonly name = 'Product';
  /** Features of a row. */
  readonly features: number;

  constructor(readonly factors: readonly ProductFactor[]) {
    super();
    for (const { features } of factors) {
      if (Number.isInteger(features) && features > 0) continue;
      throw new DomainError({
        op: 'Product',
        arg: 'features',
        expected: 'be an integer above 0 for every factor',
        got: String(features),
      });
    }
    if (factors.length === 0) {
      throw new DomainError({ op: 'Product', arg: 'factors', expected: 'not be empty', got: '[]' });
    }
    this.features = factors.reduce((sum, { features }) => sum + features, 0);
  }

  /** Rows cut into those of the factors. */
  split(op: string, arg: string, rows: RowsLike): Tensor[] {
    const tensor = asRows(rows);
    const { shape, rank } = tensor;
    if (rank === 0 || shape[rank - 1] !== this.features) {
      throw new ShapeError({
        op: `Product.${op}`,
        arg,
        expected: `have ${this.features} features (last dimension), those of its factors together`,
        got: `shape ${formatShape(shape)}`,
      });
    }
    const sizes = this.factors.map(({ features }) => features);
    return sizes.length === 1 ? [tensor] : tf.split(tensor, sizes, rank - 1);
  }

  /** Apply a map to the parts of each factor. */
  private parts(
    op: string,
    rows: Readonly<Record<string, RowsLike>>,
    map: (manifold: Manifold, ...parts: Tensor[]) => Tensor,
  ): Tensor[] {
    const cut = Object.entries(rows).map(([arg, value]) => this.split(op, arg, value));
    return this.factors.map(({ manifold }, i) => map(manifold, ...cut.map((parts) => parts[i])));
  }

  private joined(
    op: string,
    rows: Readonly<Record<string, RowsLike>>,
    map: (manifold: Manifold, ...parts: Tensor[]) => Tensor,
  ): Tensor {
    return tf.tidy(() => tf.concat(this.parts(op, rows, map), -1));
  }

  dist(x: RowsLike, y: RowsLike): Tensor {
    return tf.tidy(() => productDistance(this.parts('dist', { x, y }, (m, a, b) => m.dist(a, b))));
  }

  inner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(() =>
      tf.addN(this.parts('inner', { x, u, v }, (m, a, b, c) => m.inner(a, b, c))),
    );
  }

  override tiledInner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return this.joined('tiledInner', { x, u, v }, (m, a, b, c) => {
      const inner = m.tiledInner(a, b, c);
      const features = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
      return inner.broadcastTo(features);
    });
  }

  expMap(x: RowsLike, v: RowsLike): Tensor {
    return this.joined('expMap', { x, v }, (m, a, b) => m.expMap(a, b));
  }

  logMap(x: RowsLike, y: RowsLike): Tensor {
    return this.joined('logMap', { x, y }, (m, a, b) => m.logMap(a, b));
  }

  transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor {
    return this.joined('transport', { x, y, v }, (m, a, b, c) => m.transport(a, b, c));
  }

  retract(x: RowsLike, v: RowsLike): Tensor {
    return this.joined('retract', { x, v }, (m, a, b) => m.retract(a, b));
  }

  project(x: RowsLike): Tensor {
    return this.joined('project', { x }, (m, a) => m.project(a));
  }

  override projectTangent(x: RowsLike, v: RowsLike): Tensor {
    return this.joined('projectTangent', { x, v }, (m, a, b) => m.projectTangent(a, b));
  }

  egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor {
    return this.joined('egradToRgrad', { x, gradient }, (m, a, b) => m.egradToRgrad(a, b));
  }

  override origin(d: number): Tensor {
    if (d !== this.features) {
      throw new DomainError({
        op: 'Product.origin',
        arg: 'd',
        expected: `be ${this.features}, the features of the factors together`,
        got: String(d),
      });
    }
    return tf.tidy(() =>
      tf.concat(this.factors.map(({ manifold, features }) => manifold.origin(features))),
    );
  }

  randomPoint(shape: readonly number[], seed: number | Rng, scale = 1): Tensor {
    const rng = typeof seed === 'number' ? new Rng(seed) : seed;
    if (shape[shape.length - 1] !== this.features) {
      throw new ShapeError({
        op: 'Product.randomPoint',
        arg: 'shape',
        expected: `end with ${this.features}, the features of the factors together`,
        got: formatShape(shape),
      });
    }
    return tf.tidy(() =>
      tf.concat(
        this.factors.map(({ manifold, features }) =>
          manifold.randomPoint([...shape.slice(0, -1), features], rng, scale),
        ),
        -1,
      ),
    );
  }

  centroid(points: Tensor, weights?: Tensor): Tensor {
    return this.joined('centroid', { points }, (m, part) => m.centroid(part, weights));
  }

  /** The means of the factors, since squared distances add up. */
  override async frechetMean(points: Tensor, options: FrechetMeanOptions = {}): Promise<Tensor> {
    checkPoints('Product.frechetMean', points);
    const parts = tf.tidy(() =>
      this.split('frechetMean', 'points', points).map((part) => part.clone()),
    );
    const means: Tensor[] = [];
    for (const [i, { manifold }] of this.factors.entries()) {
      means.push(await manifold.frechetMean(parts[i], options));
    }
    const mean = tf.concat(means, -1);
    tf.dispose([...parts, ...means]);
    return mean;
  }
}
