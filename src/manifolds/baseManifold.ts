import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { applyRows } from '../ops/applyRows.js';
import type { RowsLike } from '../ops/applyRows.js';
import { programOf } from '../specs/rowProgram/programOf.js';
import { Rng } from '../util/rng.js';
import { formatShape, sizeOf } from '../util/shape.js';
import type { FrechetMeanOptions, Manifold } from './manifold.js';

const [TOLERANCE, MAX_STEPS] = [1e-6, 100];

/** Its gradient at 0 is 0. */
const rootProgram = programOf((g) => g.sqrt(g.scalar('square')));

/** What manifolds share; each adds its maps. */
export abstract class BaseManifold implements Manifold {
  abstract readonly name: string;
  abstract dist(x: RowsLike, y: RowsLike): Tensor;
  abstract inner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor;
  abstract expMap(x: RowsLike, v: RowsLike): Tensor;
  abstract logMap(x: RowsLike, y: RowsLike): Tensor;
  abstract transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor;
  abstract retract(x: RowsLike, v: RowsLike): Tensor;
  abstract project(x: RowsLike): Tensor;
  abstract egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor;
  abstract randomPoint(shape: readonly number[], seed: number | Rng, scale?: number): Tensor;
  abstract centroid(points: Tensor, weights?: Tensor): Tensor;

  tiledInner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(() => tf.expandDims(this.inner(x, u, v), -1));
  }

  norm(x: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(
      () =>
        applyRows(`${this.name}.norm`, rootProgram(), {
          rows: {},
          scalars: { square: this.inner(x, v, v) },
        })[0],
    );
  }

  /** Any row is a tangent, unless a manifold says otherwise. */
  projectTangent(_x: RowsLike, v: RowsLike): Tensor {
    return tf.tidy(() => asRows(v).clone());
  }

  origin(d: number): Tensor {
    return tf.zeros([d]);
  }

  /** Of the squared distance to points at distances d, the largest second derivative: 1 or above. */
  protected hessianBound(distances: Tensor): Tensor {
    return tf.onesLike(distances);
  }

  async frechetMean(
    points: Tensor,
    { weights, tolerance = TOLERANCE, maxSteps = MAX_STEPS }: FrechetMeanOptions = {},
  ): Promise<Tensor> {
    const op = `${this.name}.frechetMean`;
    checkPoints(op, points);
    if (!(tolerance > 0)) {
      throw new DomainError({ op, arg: 'tolerance', expected: 'be above 0', got: `${tolerance}` });
    }
    let mean = this.centroid(points, weights);
    for (let step = 0; step < maxSteps; step++) {
      const [next, length] = tf.tidy(() => this.karcherStep(mean, points, weights));
      mean.dispose();
      mean = next;
      const [longest] = await length.data();
      length.dispose();
      if (!(longest > tolerance)) break;
    }
    return mean;
  }

  /** The next point, and the length of the longest step. */
  private karcherStep(mean: Tensor, points: Tensor, weights: Tensor | undefined): [Tensor, Tensor] {
    const each = tf.expandDims(mean, -2);
    const logs = this.logMap(each, points);
    const bounds = this.hessianBound(this.dist(each, points));
    const shares = weights ?? tf.ones(points.shape.slice(0, -1));
    const bound = tf.sum(tf.mul(shares, bounds), -1, true);
    const step = tf.div(tf.sum(tf.mul(tf.expandDims(shares, -1), logs), -2), bound);
    return [this.project(this.expMap(mean, step)), tf.max(this.norm(mean, step))];
  }
}

/** @throws ShapeError for points of rank 1, or none of them. */
export function checkPoints(op: string, points: Tensor): void {
  if (points.rank >= 2 && points.size > 0) return;
  throw new ShapeError({
    op,
    arg: 'points',
    expected: 'have shape [..., points, features], rank 2 or more, and hold a value',
    got: `shape ${formatShape(points.shape)}`,
  });
}

export function asRows(rows: RowsLike): Tensor {
  return rows instanceof tf.Tensor ? rows : tf.tensor(rows, undefined, 'float32');
}

/** Normal values drawn on the host. */
export function normalTensor(
  op: string,
  shape: readonly number[],
  seed: number | Rng,
  scale: number,
): Tensor {
  if (!(scale >= 0 && Number.isFinite(scale))) {
    throw new DomainError({ op, arg: 'scale', expected: 'be finite, >= 0', got: String(scale) });
  }
  const rng = typeof seed === 'number' ? new Rng(seed) : seed;
  const values = Float32Array.from({ length: sizeOf(shape) }, () => rng.normal() * scale);
  return tf.tensor(values, [...shape], 'float32');
}
