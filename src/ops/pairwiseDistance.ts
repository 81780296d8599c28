import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import type { MetricForm, Mode } from '../specs/metricForm.js';
import { pairwiseDistanceSpec } from '../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../specs/pairwiseDistance.js';
import { checkMode, checkRowSets, checkRowTensor } from './checks.js';
import { dispatch } from './dispatch.js';
import { prepareMetric } from './metricRows.js';
import type { MetricOptions } from './metricRows.js';
import { notNegative, pairDistance, sumFeatures, unitRows } from './pairs.js';
import type { PairSide } from './pairs.js';
import { pairwiseGradient } from './pairwiseGradient.js';
import { part, slabSizes } from './slabs.js';
import { withForm } from './withForm.js';

export interface PairwiseDistanceOptions extends MetricOptions {
  /**
   * 'exact' (default) and 'direct': from differences. 'fast': euclidean and sqeuclidean from a matrix
   * product, |x|^2 + |y|^2 - 2 x.y after moving both sets to the mean of y, never negative; close rows
   * lose digits.
   */
  readonly mode?: Mode;
}

/**
 * Distances between every row of x and every row of y.
 *
 * Formulas, aliases and edge values of all metrics: docs/neighbors.md. euclidean: |x - y|;
 * sqeuclidean: |x - y|^2; cityblock: sum |x_f - y_f|; cosine: 1 - x.y / (|x| |y|), and 1 when either
 * row is zero; innerProduct: x.y, a similarity (larger is nearer).
 *
 * @param x Rows, shape [..., n, d], float32.
 * @param y Rows, shape [..., m, d], float32; batch dimensions broadcast with those of x. Default: x.
 * @param options.metric Default 'euclidean'; a name or a {@link customMetric}.
 * @param options.mode Default 'exact'.
 * @returns Distances, shape [..., n, m], float32, >= 0 (innerProduct: any sign); NaN where a row holds
 * NaN.
 *
 * Numerics: computed from differences, never (unless mode is 'fast') from |x|^2 + |y|^2 - 2 x.y, so
 * near-duplicates do not collapse to 0, x against itself has an exactly zero diagonal (cosine: to
 * rounding), and a common translation changes nothing beyond rounding of the inputs. Bounds per
 * backend: docs/numerics.md.
 * Gradient: x and y; 0 where rows coincide (a chosen subgradient), at zero vectors (cosine) and at every
 * other point without derivative. Of any order for the matrix-product metrics, first order for others.
 * Cost: O(n m d) time; nothing of size n m d is stored, also in the gradient.
 * @throws ShapeError if a rank is below 2, the feature counts differ or batch shapes do not broadcast.
 * @throws DtypeError if a tensor is not float32. @throws DomainError for an unknown metric or a bad
 * parameter of it.
 * @example
 * pairwiseDistance([[0, 0]], [[3, 4], [0, 1]]).print(); // [[5, 1]]
 */
export function pairwiseDistance(
  x: Tensor | TensorLike,
  y?: Tensor | TensorLike,
  options: PairwiseDistanceOptions = {},
): Tensor {
  const op = pairwiseDistanceSpec.op;
  const mode = checkMode(op, options.mode);
  return tf.tidy(() => {
    const xRows = checkRowTensor(op, 'x', x);
    const yRows = y === undefined ? xRows : checkRowTensor(op, 'y', y);
    const sets = checkRowSets(op, ['x', xRows], ['y', yRows]);
    const prepared = prepareMetric(op, options, sets.a.shape[2]);
    const [a, b] = prepared.rows(sets.a, sets.b);
    const distances = differentiable(a, b, { form: prepared.form, mode });
    const finished = prepared.post === undefined ? distances : prepared.post(distances);
    return finished.reshape([...sets.batchShape, sets.a.shape[1], sets.b.shape[1]]);
  });
}

function differentiable(x: PairSide, y: PairSide, attrs: PairwiseDistanceAttrs): Tensor3D {
  const { form } = attrs;
  return withForm(
    [x, y],
    ([a, b]) => {
      const inputs = { x: a.rows, y: b.rows, xAux: a.aux, yAux: b.aux };
      return dispatch(pairwiseDistanceSpec, inputs, attrs, () => [
        composedPairwise(a, b, attrs),
      ])[0];
    },
    (dy, [a, b]) =>
      pairwiseGradient(form, dy as Tensor3D, a, b, () =>
        differentiable(a, b, { form, mode: 'direct' }),
      ),
  ) as Tensor3D;
}

// Composed form

/** Distances [B, n, m] in tfjs ops. */
export function composedPairwise(
  x: PairSide,
  y: PairSide,
  { form, mode }: PairwiseDistanceAttrs,
): Tensor {
  const [batch, n, d] = (x.rows as Tensor3D).shape;
  const [, m] = (y.rows as Tensor3D).shape;
  if (batch * n * m === 0) return tf.zeros([batch, n, m]);
  if (d > 0) {
    const product = productDistance(x.rows as Tensor3D, y.rows as Tensor3D, form, mode);
    if (product !== undefined) return product;
  }
  const { rows, columns } = slabSizes(batch, n, m, d);
  const out: Tensor[] = [];
  for (let i = 0; i < n; i += rows) {
    const parts: Tensor[] = [];
    for (let j = 0; j < m; j += columns) {
      const a = part(x, i, Math.min(rows, n - i), 2);
      const b = part(y, j, Math.min(columns, m - j), 1);
      parts.push(tf.tidy(() => pairDistance(form, a(), b())));
    }
    out.push(parts.length === 1 ? parts[0] : tf.concat(parts, 2));
  }
  return out.length === 1 ? out[0] : tf.concat(out, 1);
}

/** By matrix products, where the mode allows it and the form has one. */
function productDistance(
  x: Tensor3D,
  y: Tensor3D,
  form: MetricForm,
  mode: Mode,
): Tensor | undefined {
  if (form.family === 'innerProduct') return products(x, y);
  if (form.family === 'cosine') {
    const similarity = products(unitRows(x), unitRows(y));
    return notNegative(tf.sub(1, similarity));
  }
  if (form.family !== 'squares' || mode !== 'fast') return undefined;
  const centre = tf.mean(y, 1, true);
  const a = tf.sub(x, centre);
  const b = tf.sub(y, centre);
  const norms = tf.add(
    sumFeatures(tf.square(a)).expandDims(2),
    sumFeatures(tf.square(b)).expandDims(1),
  );
  const squares = notNegative(tf.sub(norms, tf.mul(tf.matMul(a, b, false, true), 2)));
  return form.root ? tf.sqrt(squares) : squares;
}

/**
 * x y^T whose NaN rows spoil their own products only: some backends multiply in tiles, where a NaN meets
 * the zeros of other rows.
 */
function products(x: Tensor, y: Tensor): Tensor {
  const clean = (rows: Tensor): Tensor => tf.where(tf.isNaN(rows), tf.zerosLike(rows), rows);
  const poison = (rows: Tensor): Tensor =>
    tf.sum(tf.where(tf.isNaN(rows), rows, tf.zerosLike(rows)), 2);
  const product = tf.matMul(clean(x), clean(y), false, true);
  return tf.add(tf.add(product, poison(x).expandDims(2)), poison(y).expandDims(1));
}
