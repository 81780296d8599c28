import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import { checkRowTensor } from '../ops/checks.js';
import { rowSize } from '../util/rows.js';
import type { Rows } from '../util/rows.js';
import { formatShape } from '../util/shape.js';

/** Rows [n, d]: a float32 tensor, a nested array, or a block of rows on the host. */
export type RowInput = Tensor | TensorLike | Rows;

/** Blocks of rows, one after the other. */
export type RowBlocks = AsyncIterable<RowInput> | Iterable<RowInput>;

function isRows(value: RowInput): value is Rows {
  return typeof value === 'object' && 'rowShape' in value && 'count' in value && 'data' in value;
}

/**
 * Rows as a tensor [1, n, d]; call inside a tidy.
 * @throws DtypeError, ShapeError for anything but float32 rows of rank 2.
 */
export function rowTensor(op: string, arg: string, value: RowInput): Tensor3D {
  if (isRows(value)) {
    const size = rowSize(value);
    if (value.data.length !== value.count * size) {
      throw new ShapeError({
        op,
        arg,
        expected: `hold count x product(rowShape) = ${value.count} x ${size} values`,
        got: `${value.data.length} values`,
      });
    }
    return tf.tensor3d(value.data, [1, value.count, size], 'float32');
  }
  const tensor = checkRowTensor(op, arg, value);
  if (tensor.rank !== 2) {
    throw new ShapeError({
      op,
      arg,
      expected: 'have shape [rows, features], rank 2',
      got: `shape ${formatShape(tensor.shape)}`,
      fix: 'For a batch, call it for each member, or give every row a group.',
    });
  }
  const [n, d] = tensor.shape as [number, number];
  return tensor.reshape([1, n, d]);
}

/** @throws ShapeError when two sets of rows have different numbers of features. */
export function checkSameFeatures(
  op: string,
  [nameA, a]: readonly [string, number],
  [nameB, b]: readonly [string, number],
): void {
  if (a === b) return;
  throw new ShapeError({
    op,
    arg: nameB,
    expected: `have as many features as ${nameA}, which has ${a}`,
    got: `${b} features`,
  });
}
