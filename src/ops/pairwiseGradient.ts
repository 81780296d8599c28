import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D } from '@tensorflow/tfjs';
import type { MetricForm } from '../specs/metricForm.js';
import { pairGradient, unitRows } from './pairs.js';
import type { PairGradient, PairSide } from './pairs.js';
import { part, slabSizes } from './slabs.js';

/**
 * dy [B, n, m] times the derivative of all distances, summed for every row of x and of y.
 *
 * squares: d/dx_i = sum_j w_ij (x_i - y_j) with w = 2 g, and w = g / D with the root (0 where D = 0):
 * dx = rowSum(w) x - w y, dy = colSum(w) y - w^T x, two products and no [n, m, d] buffer; both sets are
 * first moved by the mean of y, which changes no difference and keeps the subtraction from cancelling
 * far from the origin.
 * innerProduct: dx = g y, dy = g^T x.
 * cosine, u = x/|x|, v = y/|y|: dx = -(P - (u.P) u)/|x| with P = g v; 0 where x = 0.
 * expression: the derivative of every pair, in slabs.
 * @param distance Distances, differentiable, for the root; called only where they are needed.
 */
export function pairwiseGradient(
  form: MetricForm,
  dy: Tensor3D,
  x: PairSide,
  y: PairSide,
  distance: () => Tensor3D,
): readonly [PairGradient, PairGradient] {
  const zeros = (side: PairSide): PairGradient => ({
    rows: tf.zerosLike(side.rows),
    aux: side.aux === undefined ? undefined : tf.zerosLike(side.aux),
  });
  if (dy.size === 0) return [zeros(x), zeros(y)];
  const a = x.rows as Tensor3D;
  const b = y.rows as Tensor3D;
  const pair = (dx: Tensor, dyRows: Tensor): readonly [PairGradient, PairGradient] => [
    { rows: dx, aux: undefined },
    { rows: dyRows, aux: undefined },
  ];
  if (form.family !== 'expression' && a.shape[2] === 0) return [zeros(x), zeros(y)];
  switch (form.family) {
    case 'squares': {
      if (!form.root) return pair(...weighted(tf.mul(dy, 2), a, b));
      const value = distance();
      const apart = tf.greater(value, 0);
      const weights = tf.div(dy, tf.where(apart, value, tf.onesLike(value)));
      const kept = tf.where(apart, weights, tf.zerosLike(weights)) as Tensor3D;
      return pair(...weighted(kept, a, b));
    }
    case 'innerProduct':
      return pair(tf.matMul(dy, b), tf.matMul(dy, a, true, false));
    case 'cosine': {
      const transposed = tf.transpose(dy, [0, 2, 1]);
      return pair(cosineSide(dy, a, b), cosineSide(transposed, b, a));
    }
    case 'expression':
      return inSlabs(form, dy, x, y);
  }
}

function weighted(weights: Tensor3D, x: Tensor3D, y: Tensor3D): [Tensor, Tensor] {
  const centre = tf.mean(y, 1, true);
  const a = tf.sub(x, centre);
  const b = tf.sub(y, centre);
  const dx = tf.sub(tf.mul(tf.sum(weights, 2, true), a), tf.matMul(weights, b));
  const columns = tf.transpose(tf.sum(weights, 1, true), [0, 2, 1]);
  const dyRows = tf.sub(tf.mul(columns, b), tf.matMul(weights, a, true, false));
  return [dx, dyRows];
}

function cosineSide(dy: Tensor3D, x: Tensor3D, y: Tensor3D): Tensor {
  const u = unitRows(x);
  const pulled = tf.matMul(dy, unitRows(y));
  const tangent = tf.sub(pulled, tf.mul(tf.sum(tf.mul(u, pulled), -1, true), u));
  const length = tf.sqrt(tf.sum(tf.square(x), -1, true));
  const inverse = tf.div(-1, tf.where(tf.greater(length, 0), length, tf.onesLike(length)));
  return tf.where(
    tf.greater(length, 0).broadcastTo(x.shape),
    tf.mul(tangent, inverse),
    tf.zerosLike(x),
  );
}

function inSlabs(
  form: MetricForm,
  dy: Tensor3D,
  x: PairSide,
  y: PairSide,
): readonly [PairGradient, PairGradient] {
  const [batch, n, m] = dy.shape;
  const { rows, columns } = slabSizes(batch, n, m, (x.rows as Tensor3D).shape[2]);
  const ofX: (PairGradient | undefined)[] = [];
  const ofY: (PairGradient | undefined)[] = [];
  for (let i = 0; i < n; i += rows) {
    for (let j = 0; j < m; j += columns) {
      const count = [Math.min(rows, n - i), Math.min(columns, m - j)] as const;
      const [a, b] = gradientOfSlab(form, dy.slice([0, i, j], [-1, ...count]), [
        part(x, i, count[0], 2),
        part(y, j, count[1], 1),
      ]);
      ofX[i / rows] = accumulate(ofX[i / rows], a);
      ofY[j / columns] = accumulate(ofY[j / columns], b);
    }
  }
  return [joined(ofX), joined(ofY)];
}

// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- tf.tidy returns types only
type Summed = { xRows: Tensor; yRows: Tensor; xAux?: Tensor; yAux?: Tensor };

function gradientOfSlab(
  form: MetricForm,
  dy: Tensor,
  [x, y]: readonly [() => PairSide, () => PairSide],
): [PairGradient, PairGradient] {
  const summed = tf.tidy((): Summed => {
    const [a, b] = pairGradient(form, dy, x(), y());
    return {
      xRows: tf.sum(a.rows, 2),
      yRows: tf.sum(b.rows, 1),
      ...(a.aux === undefined ? {} : { xAux: tf.sum(a.aux, 2) }),
      ...(b.aux === undefined ? {} : { yAux: tf.sum(b.aux, 1) }),
    };
  });
  return [
    { rows: summed.xRows, aux: summed.xAux },
    { rows: summed.yRows, aux: summed.yAux },
  ];
}

function accumulate(total: PairGradient | undefined, next: PairGradient): PairGradient {
  if (total === undefined) return next;
  return {
    rows: tf.add(total.rows, next.rows),
    aux:
      total.aux === undefined || next.aux === undefined ? undefined : tf.add(total.aux, next.aux),
  };
}

function joined(parts: readonly (PairGradient | undefined)[]): PairGradient {
  const present = parts.filter((p) => p !== undefined);
  const auxes = present.map(({ aux }) => aux).filter((aux) => aux !== undefined);
  return {
    rows: tf.concat(
      present.map(({ rows }) => rows),
      1,
    ),
    aux: auxes.length === 0 ? undefined : tf.concat(auxes, 1),
  };
}
