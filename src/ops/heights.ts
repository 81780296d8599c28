import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import type { RowsLike } from './applyRows.js';

/**
 * The unit vector along the heights of the upper half-space; programs take it as a row, since they treat
 * features alike.
 */
export const UP = 'up';

/** Row along the heights of d features; d < 1 is left to the check of the rows. */
export function upOf(op: string, rows: RowsLike): Tensor {
  const { shape } = rows instanceof tf.Tensor ? rows : tf.tensor(rows, undefined, 'float32');
  const d = shape[shape.length - 1] ?? 0;
  if (d >= 1) return tf.tensor1d(Array.from({ length: d }, (_, i) => (i === d - 1 ? 1 : 0)));
  throw new ShapeError({
    op,
    arg: 'rows',
    expected: 'have a last dimension of 1 or more: the last coordinate is the height',
    got: `shape [${shape.join(', ')}]`,
  });
}
