import type { Tensor } from '@tensorflow/tfjs';
import type { RowsLike } from '../ops/applyRows.js';
import type { Rng } from '../util/rng.js';

export interface FrechetMeanOptions {
  /** Shape [..., m], >= 0. Default: all 1. */
  readonly weights?: Tensor;
  /** Length of a Karcher step, as a Riemannian distance, at which the search ends. Default 1e-6. */
  readonly tolerance?: number;
  /** Most Karcher steps. Default 100. */
  readonly maxSteps?: number;
}

/**
 * A Riemannian manifold whose points and tangents are rows of d numbers, float32. Leading dimensions
 * of arguments broadcast. Gradients pass through everything but {@link frechetMean} and
 * {@link randomPoint}; a learnt curvature gets its gradient too.
 */
export interface Manifold {
  /** Name for reports and error texts. */
  readonly name: string;
  /** Geodesic distance, [...]. */
  dist(x: RowsLike, y: RowsLike): Tensor;
  /** Inner product of two tangents at x, [...]. */
  inner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor;
  /**
   * Inner product as optimisers average it: [..., 1], on a product one value per factor repeated over its
   * features, [..., d], and on R^d the product of each coordinate, [..., d].
   */
  tiledInner(x: RowsLike, u: RowsLike, v: RowsLike): Tensor;
  /** Length of a tangent at x, [...]; gradient 0 at v = 0. */
  norm(x: RowsLike, v: RowsLike): Tensor;
  /** End of the geodesic from x with velocity v, [..., d]. */
  expMap(x: RowsLike, v: RowsLike): Tensor;
  /** Tangent at x that leads to y, [..., d]. */
  logMap(x: RowsLike, y: RowsLike): Tensor;
  /** Parallel transport of v along the geodesic from x to y, [..., d]. */
  transport(x: RowsLike, y: RowsLike, v: RowsLike): Tensor;
  /** A cheap map that agrees with expMap to first order and ends on the manifold, [..., d]. */
  retract(x: RowsLike, v: RowsLike): Tensor;
  /** The row itself, or brought back onto the manifold, [..., d]. */
  project(x: RowsLike): Tensor;
  /** The part of v that is tangent at x, [..., d]. */
  projectTangent(x: RowsLike, v: RowsLike): Tensor;
  /** Riemannian gradient of a function from its Euclidean one (what tf.grad gives), [..., d]. */
  egradToRgrad(x: RowsLike, gradient: RowsLike): Tensor;
  /** The base point of d numbers, [d]. */
  origin(d: number): Tensor;
  /**
   * Points [...shape] drawn on the host, the same for a seed on every backend: a normal tangent at the
   * origin of standard deviation `scale` (in Riemannian length) under expMap; on the sphere uniform.
   * @param seed A seed, or a generator to draw from.
   */
  randomPoint(shape: readonly number[], seed: number | Rng, scale?: number): Tensor;
  /** The extrinsic mean of points [..., m, d], [..., d], from which {@link frechetMean} starts. */
  centroid(points: Tensor, weights?: Tensor): Tensor;
  /**
   * The point that minimises the weighted sum of squared distances to points [..., m, d], [..., d]: Karcher
   * steps exp_x(t sum w log_x(p) / sum w) from the centroid, until none is longer than the tolerance. t is 1
   * where curvature is not negative, and 1 over the bound mean sqrt(1 + c d^2) of the Hessian where it is,
   * so that steps never pass the minimum. Float32 settles at a few times 1e-7 of the distances: a smaller
   * tolerance only costs steps. On the sphere it is unique for points in a half sphere.
   */
  frechetMean(points: Tensor, options?: FrechetMeanOptions): Promise<Tensor>;
}
