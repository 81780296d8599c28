import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../../../errors.js';
import type { Manifold } from '../../../manifolds/index.js';
import { gatherRows, SparseMatrix } from '../../../ops/sparseMatrix.js';
import { formatShape } from '../../../util/shape.js';
import { tangentLinear } from './linear.js';
import { fromOrigin, toManifold } from './tangent.js';

/** Weights of edges [n, n] from row i to its neighbours: sparse, or a dense tensor. */
export type Adjacency = SparseMatrix | Tensor;

export interface GraphConvolutionOptions {
  /** Tangent at the origin, [out]. Default: none. */
  readonly bias?: Tensor;
  /**
   * 'tangent': sums of tangents at the origin, which edge weights should average (rows that sum to 1).
   * 'centroid': centroid of the neighbours, whatever the weights sum to; for a row without neighbours the
   * centroid of nothing, the origin. Default 'tangent'.
   */
  readonly aggregation?: 'tangent' | 'centroid';
  /** Applied to tangents at the origin. Default: none. */
  readonly activation?: (tangents: Tensor) => Tensor;
}

/**
 * Hyperbolic graph convolution: a linear map ({@link tangentLinear}), then every node becomes the mean
 * of its neighbours as the adjacency weighs them, then the activation between log_0 and exp_0.
 * @param x Points of the nodes, [n, d]. @param adjacency [n, n], with its diagonal where a node counts as
 * its own neighbour. @param weights [d, out]. @returns Points [n, out].
 * Gradient: points, weights, bias, a learnt curvature; entries of a dense adjacency too.
 * Cost: O(n d out + entries out).
 * @throws ShapeError if shapes do not fit.
 * Reference: Chami, Ying, Ré, Leskovec, Hyperbolic Graph Convolutional Neural Networks, 2019, section 4.
 */
export function hyperbolicGraphConvolution(
  manifold: Manifold,
  x: Tensor,
  adjacency: Adjacency,
  weights: Tensor,
  { bias, aggregation = 'tangent', activation }: GraphConvolutionOptions = {},
): Tensor {
  const shape =
    adjacency instanceof SparseMatrix ? [adjacency.rows, adjacency.columns] : adjacency.shape;
  const [n] = x.shape;
  if (x.rank !== 2 || formatShape(shape) !== formatShape([n, n])) {
    throw new ShapeError({
      op: 'hyperbolicGraphConvolution',
      arg: 'adjacency',
      expected: `have shape [n, n] for points [n, d], which have shape ${formatShape(x.shape)}`,
      got: formatShape(shape),
    });
  }
  return tf.tidy(() => {
    const mapped = tangentLinear(manifold, x, weights, bias);
    if (aggregation === 'centroid') {
      const means = centroids(manifold, adjacency, mapped);
      if (activation === undefined) return means;
      return toManifold(manifold, activation(fromOrigin(manifold, means)));
    }
    const tangents = timesAdjacency(adjacency, fromOrigin(manifold, mapped));
    return toManifold(manifold, activation === undefined ? tangents : activation(tangents));
  });
}

/** adjacency x. */
export function timesAdjacency(adjacency: Adjacency, x: Tensor): Tensor {
  return adjacency instanceof SparseMatrix ? adjacency.times(x) : tf.matMul(adjacency, x);
}

function centroids(manifold: Manifold, adjacency: Adjacency, x: Tensor): Tensor {
  if (!(adjacency instanceof SparseMatrix)) {
    return manifold.centroid(tf.expandDims(x, 0), adjacency);
  }
  const [, d] = x.shape;
  return adjacency.assemble(({ rows, width, columns, weights }) =>
    manifold.centroid(
      gatherRows(x, columns).reshape([rows.length, width, d]),
      tf.tensor2d(weights, [rows.length, width]),
    ),
  );
}
