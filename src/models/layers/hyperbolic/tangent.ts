import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../../../errors.js';
import type { Manifold } from '../../../manifolds/index.js';
import { formatShape } from '../../../util/shape.js';

/** Tangents at the origin that lead to the rows. */
export function fromOrigin(manifold: Manifold, x: Tensor): Tensor {
  return manifold.logMap(manifold.origin(x.shape[x.rank - 1]), x);
}

/** Ends of geodesics from the origin. */
export function toManifold(manifold: Manifold, v: Tensor): Tensor {
  return manifold.expMap(manifold.origin(v.shape[v.rank - 1]), v);
}

/** rows [..., d] times a matrix [d, m]. @throws ShapeError if they do not fit. */
export function timesMatrix(op: string, rows: Tensor, weights: Tensor): Tensor {
  const d = rows.shape[rows.rank - 1] ?? 0;
  if (rows.rank === 0 || weights.rank !== 2 || weights.shape[0] !== d) {
    throw new ShapeError({
      op,
      arg: 'weights',
      expected: `be a matrix [features, out] for rows of shape ${formatShape(rows.shape)}`,
      got: `shape ${formatShape(weights.shape)}`,
    });
  }
  const [, out] = weights.shape;
  return tf.matMul(rows.reshape([-1, d]), weights).reshape([...rows.shape.slice(0, -1), out]);
}

/** @throws ShapeError unless the tensor is [size]. */
export function checkVector(op: string, arg: string, tensor: Tensor, size: number): void {
  if (tensor.rank === 1 && tensor.shape[0] === size) return;
  throw new ShapeError({
    op,
    arg,
    expected: `have shape [${size}]`,
    got: formatShape(tensor.shape),
  });
}
