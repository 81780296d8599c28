import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import { rowDistanceSpec } from '../specs/rowDistance.js';
import type { RowDistanceAttrs } from '../specs/rowDistance.js';
import { broadcastShapes, formatShape, sizeOf } from '../util/shape.js';
import { checkRowTensor } from './checks.js';
import { dispatch } from './dispatch.js';
import { prepareMetric } from './metricRows.js';
import type { MetricOptions } from './metricRows.js';
import { pairDistance, pairGradient } from './pairs.js';
import type { PairSide } from './pairs.js';
import { withForm } from './withForm.js';

/**
 * Distance of every row of x to the row of y at the same place (paired, not all against all).
 *
 * D_i = metric(x_i, y_i); metrics as in {@link pairwiseDistance}.
 *
 * @param x Rows, shape [..., d], rank >= 2, float32.
 * @param y Rows, shape [..., d], float32; all dimensions but the last broadcast with those of x, so a
 * single row [1, d] is compared with all.
 * @param options.metric Default 'euclidean'.
 * @returns Distances, shape [...], float32, >= 0 (innerProduct: any sign).
 *
 * Numerics: from differences, as pairwiseDistance in its exact mode.
 * Gradient: x and y, first order; 0 at points without derivative (coincident rows, zero vectors).
 * Cost: O(n d) time and memory.
 * @throws ShapeError if a rank is below 2, the feature counts differ or shapes do not broadcast.
 * @throws DtypeError if a tensor is not float32. @throws DomainError for an unknown metric or a bad
 * parameter of it.
 * @example
 * rowDistance([[0, 0], [1, 1]], [[3, 4], [1, 1]]).print(); // [5, 0]
 */
export function rowDistance(
  x: Tensor | TensorLike,
  y: Tensor | TensorLike,
  options: MetricOptions = {},
): Tensor {
  const op = rowDistanceSpec.op;
  return tf.tidy(() => {
    const a = checkRowTensor(op, 'x', x);
    const b = checkRowTensor(op, 'y', y);
    const d = a.shape[a.rank - 1];
    const lead = broadcastShapes(a.shape.slice(0, -1), b.shape.slice(0, -1));
    if (b.shape[b.rank - 1] !== d || lead === undefined) {
      throw new ShapeError({
        op,
        arg: 'y',
        expected: `have as many features as x and rows that broadcast with x, which has shape ${formatShape(a.shape)}`,
        got: `shape ${formatShape(b.shape)}`,
      });
    }
    const prepared = prepareMetric(op, options, d);
    const flat = (t: Tensor): Tensor3D => {
      const full = [...lead, d];
      const same = formatShape(full) === formatShape(t.shape);
      return (same ? t : t.broadcastTo(full)).reshape([1, sizeOf(lead), d]);
    };
    const sides = prepared.rows(flat(a), flat(b)).map(withoutBatch) as [PairSide, PairSide];
    const distances = differentiable(sides, { form: prepared.form });
    const finished = prepared.post === undefined ? distances : prepared.post(distances);
    return finished.reshape([...lead]);
  });
}

function withoutBatch({ rows, aux }: PairSide): PairSide {
  const flat = (t: Tensor): Tensor => tf.squeeze(t, [0]);
  return { rows: flat(rows), aux: aux === undefined ? undefined : flat(aux) };
}

function differentiable(sides: readonly [PairSide, PairSide], attrs: RowDistanceAttrs): Tensor {
  return withForm(
    sides,
    ([x, y]) =>
      dispatch(rowDistanceSpec, { x: x.rows, y: y.rows, xAux: x.aux, yAux: y.aux }, attrs, () => [
        x.rows.shape[0] === 0 ? tf.zeros([0]) : pairDistance(attrs.form, x, y),
      ])[0],
    (dy, [x, y]) => {
      if (x.rows.size > 0) return pairGradient(attrs.form, dy, x, y);
      const zeros = ({ rows, aux }: PairSide): PairSide => ({
        rows: tf.zerosLike(rows),
        aux: aux === undefined ? undefined : tf.zerosLike(aux),
      });
      return [zeros(x), zeros(y)];
    },
  );
}
