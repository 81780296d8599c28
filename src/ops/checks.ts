import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import { DomainError, DtypeError, ShapeError } from '../errors.js';
import { MODES } from '../specs/metricForm.js';
import type { Mode } from '../specs/metricForm.js';
import { broadcastShapes, formatShape, sizeOf } from '../util/shape.js';

/** Two sets of rows with one common batch shape, flattened to rank 3 for the kernels. */
export interface RowSets {
  readonly a: Tensor3D;
  readonly b: Tensor3D;
  readonly batchShape: readonly number[];
}

/** A float32 tensor of a tensor or nested array. @throws DtypeError for another element type. */
export function toFloat32(op: string, arg: string, value: Tensor | TensorLike): Tensor {
  if (!(value instanceof tf.Tensor)) return tf.tensor(value, undefined, 'float32');
  if (value.dtype === 'float32') return value;
  throw new DtypeError({
    op,
    arg,
    expected: 'be float32',
    got: value.dtype,
    fix: `Convert with ${arg}.toFloat().`,
  });
}

/**
 * A float32 tensor of rank >= 2 from a tensor or nested array.
 * @throws DtypeError for another element type; ShapeError for a lower rank.
 */
export function checkRowTensor(op: string, arg: string, value: Tensor | TensorLike): Tensor {
  const tensor = toFloat32(op, arg, value);
  if (tensor.rank < 2) {
    throw new ShapeError({
      op,
      arg,
      expected: 'have shape [..., rows, features], rank 2 or more',
      got: `shape ${formatShape(tensor.shape)}`,
      fix: `A single vector is one row: ${arg}.reshape([1, -1]).`,
    });
  }
  return tensor;
}

/**
 * Check that two row tensors have the same number of features and batch shapes that broadcast, and
 * bring both to rank 3.
 */
export function checkRowSets(
  op: string,
  [nameA, a]: readonly [string, Tensor],
  [nameB, b]: readonly [string, Tensor],
): RowSets {
  const d = a.shape[a.rank - 1];
  if (b.shape[b.rank - 1] !== d) {
    throw new ShapeError({
      op,
      arg: nameB,
      expected: `have as many features (last dimension) as ${nameA}, which has shape ${formatShape(a.shape)}`,
      got: `shape ${formatShape(b.shape)}`,
    });
  }
  const batchShape = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (batchShape === undefined) {
    throw new ShapeError({
      op,
      arg: nameB,
      expected: `have batch dimensions that broadcast with those of ${nameA}, which has shape ${formatShape(a.shape)}`,
      got: `shape ${formatShape(b.shape)}`,
    });
  }
  const flatten = (t: Tensor): Tensor3D => {
    const [rows, features] = t.shape.slice(-2);
    const full = [...batchShape, rows, features];
    const same = formatShape(full) === formatShape(t.shape);
    return (same ? t : t.broadcastTo(full)).reshape([sizeOf(batchShape), rows, features]);
  };
  return { a: flatten(a), b: flatten(b), batchShape };
}

/** The mode asked for. @throws DomainError for an unknown one. */
export function checkMode(op: string, mode: string | undefined): Mode {
  const known = MODES.find((candidate) => candidate === (mode ?? 'exact'));
  if (known !== undefined) return known;
  throw new DomainError({
    op,
    arg: 'mode',
    expected: `be one of ${MODES.join(', ')}`,
    got: `'${mode ?? ''}'`,
  });
}
