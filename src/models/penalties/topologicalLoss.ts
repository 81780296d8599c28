import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { pairwiseDistance } from '../../ops/pairwiseDistance.js';
import { checkSquare } from './distanceMatching.js';

/**
 * Topological signature loss of a batch: the edges of the minimum spanning trees of the rows and of the latents
 * (the 0-dimensional persistence pairs of their Vietoris-Rips filtrations) have the same length in both
 * spaces:
 * L = 1/2 sum_{e in tree of rows} (D_e - |z_e|)^2 + 1/2 sum_{e in tree of latents} (D_e - |z_e|)^2,
 * divided by the b - 1 edges of a tree.
 *
 * @param latents Shape [b, d]. @param distances Distances of the rows [b, b], symmetric, no gradient.
 * @returns Scalar >= 0; 0 when all distances agree.
 * Gradient: latents, first order, for fixed trees: exact wherever no two distances are equal.
 * Cost: O(b^3 log^2 b) on the device, in matrix products (see {@link spanningTree}).
 * @throws ShapeError when the shapes do not go together.
 * Reference: Moor, Horn, Rieck, Borgwardt, Topological autoencoders, 2020, eq. 3 to 5 (theirs is not divided
 * by the number of edges).
 */
export function topologicalLoss(latents: Tensor, distances: Tensor): Scalar {
  checkSquare('topologicalLoss', latents, distances);
  const found = pairwiseDistance(latents);
  const chosen = tf.add(fixedTree(distances), fixedTree(found));
  const edges = Math.max(1, latents.shape[0] - 1);
  // Each edge stands twice in its symmetric mask.
  const squares = tf.mul(chosen, tf.squaredDifference(found, distances));
  return tf.div(tf.sum(squares), 4 * edges).asScalar();
}

/** The tree as a constant: it does not change with the distances, but at ties. */
function fixedTree(distances: Tensor): Tensor {
  const tree = tf.customGrad((...args) => ({
    value: spanningTree(args[0] as Tensor2D),
    gradFunc: (dy: Tensor) => tf.zerosLike(dy),
  }));
  return tree(distances);
}

/**
 * Edges of the minimum spanning tree of a complete graph, as a symmetric matrix of 0 and 1, without a
 * gradient and without reading values back: rounds of Boruvka's algorithm, in which every component takes its
 * shortest edge to another. Components are a matrix of 0 and 1, joined by products.
 *
 * @param distances Shape [b, b], symmetric, finite, >= 0; the diagonal is not read. Edges of equal length
 * count in order of their position, so that ties make no cycle.
 * @returns Shape [b, b] with 2 (b - 1) ones.
 * Cost: O(b^3 log^2 b) time, O(b^2) memory. Positions are exact in float32 for b <= 4,096.
 */
export function spanningTree(distances: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const b = distances.shape[0];
    const lengths = tf.maximum<Tensor2D>(distances, tf.transpose<Tensor2D>(distances));
    const positions = edgePositions(b);
    const rounds = Math.ceil(Math.log2(Math.max(2, b)));
    let together: Tensor2D = tf.eye(b);
    let tree: Tensor2D = tf.zeros([b, b]);
    for (let round = 0; round < rounds; round++) {
      const outside = tf.sub<Tensor2D>(1, together);
      const shortest = leastOfComponent(lengths, outside, together);
      const first = leastOfComponent(positions, shortest, together);
      tree = tf.maximum(tree, tf.maximum<Tensor2D>(first, tf.transpose<Tensor2D>(first)));
      together = closure(tf.maximum<Tensor2D>(together, tree), rounds);
    }
    return tree;
  });
}

/**
 * Mask of those entries that are the least of their component's rows among the `allowed` ones (0 or 1);
 * empty where nothing is allowed.
 */
function leastOfComponent(values: Tensor2D, allowed: Tensor2D, together: Tensor2D): Tensor2D {
  const far = tf.add(tf.mul(tf.max(values), 2), 1);
  const barred = tf.add(values, tf.mul(tf.sub(1, allowed), far));
  const ofRows = tf.min(barred, 1, true).reshape([1, values.shape[0]]);
  const ofOwn = tf.min(tf.add(ofRows, tf.mul(tf.sub(1, together), far)), 1, true);
  return tf.mul(tf.cast(tf.equal(barred, ofOwn), 'float32'), allowed);
}

/** The same number for (i, j) and (j, i), different for all pairs. */
function edgePositions(b: number): Tensor2D {
  const values = new Float32Array(b * b);
  for (let i = 0; i < b; i++) {
    for (let j = 0; j < b; j++) values[i * b + j] = Math.min(i, j) * b + Math.max(i, j);
  }
  return tf.tensor2d(values, [b, b]);
}

/** Who reaches whom by any number of steps. */
function closure(reach: Tensor2D, rounds: number): Tensor2D {
  let out = reach;
  for (let i = 0; i < rounds; i++) out = tf.minimum(1, tf.matMul(out, out));
  return out;
}
