import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { derivative } from '../specs/derivative.js';
import { contains } from '../specs/expression.js';
import type { Expression, Variable } from '../specs/expression.js';
import type { ExpressionForm, MetricForm } from '../specs/metricForm.js';
import { detached } from './elementary.js';
import { evaluateTensors } from './expressionTensors.js';

/**
 * Distance and derivative of pairs of rows in tfjs ops, over the last axis: x and y broadcast with each
 * other, so [q, 1, d] against [1, n, d] gives [q, n]. Nothing is sliced here: the callers choose slabs
 * small enough for a temporary of the broadcast shape.
 */
export interface PairSide {
  /** [..., d]. */
  readonly rows: Tensor;
  /** [..., aux], for forms with scalars per row. */
  readonly aux: Tensor | undefined;
}

/** Gradients of one side, at the broadcast shape of the pairs: sum them over the axes that were 1. */
export interface PairGradient {
  readonly rows: Tensor;
  readonly aux: Tensor | undefined;
}

/**
 * Sum over the last axis in blocks of 64: some backends add one by one in float32, whose error grows
 * with the number of terms; in levels it grows with their logarithm.
 */
export function sumFeatures(x: Tensor): Tensor {
  const block = 64;
  const d = x.shape[x.rank - 1];
  if (d <= block) return tf.sum(x, -1);
  const whole = Math.floor(d / block) * block;
  const lead = x.shape.slice(0, -1);
  const begin = lead.map(() => 0);
  const head = x.slice([...begin, 0], [...lead, whole]).reshape([...lead, whole / block, block]);
  const sum = sumFeatures(tf.sum(head, -1));
  return whole === d
    ? sum
    : tf.add(sum, tf.sum(x.slice([...begin, whole], [...lead, d - whole]), -1));
}

/**
 * Rows divided by their length; a zero row stays zero. Scaled first, so that squares do not overflow.
 * Gradient: (g - (u.g) u) / |x|, 0 at a zero row.
 */
export function unitRows(x: Tensor): Tensor {
  const op = tf.customGrad<Tensor>((...args) => {
    const [rows, save] = args as [Tensor, tf.GradSaveFunc];
    save([rows]);
    return {
      value: tf.tidy(() => normalised(rows)[0]),
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => {
        const u = unitRows(saved);
        const tangent = tf.sub(dy, tf.mul(tf.sum(tf.mul(u, dy), -1, true), u));
        return tf.mul(tangent, detached(saved, inverseLengths));
      },
    };
  });
  return op(x);
}

/** Length of every row [..., 1]; its gradient is the unit row, 0 at a zero row. */
export function rowLengths(x: Tensor): Tensor {
  const op = tf.customGrad<Tensor>((...args) => {
    const [rows, save] = args as [Tensor, tf.GradSaveFunc];
    save([rows]);
    return {
      value: tf.tidy(() => normalised(rows)[1]),
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => tf.mul(dy, unitRows(saved)),
    };
  });
  return op(x);
}

/** Unit rows and lengths. */
function normalised(x: Tensor): [Tensor, Tensor] {
  const largest = tf.max(tf.abs(x), -1, true);
  const divisor = tf.where(tf.equal(largest, 0), tf.onesLike(largest), largest);
  const scaled = tf.div(x, divisor);
  const length = tf.sqrt(tf.sum(tf.square(scaled), -1, true));
  const isZero = tf.equal(length, 0);
  return [
    tf.div(scaled, tf.where(isZero, tf.onesLike(length), length)),
    tf.where(isZero, length, tf.mul(length, divisor)),
  ];
}

function inverseLengths(x: Tensor): Tensor {
  const [, length] = normalised(x);
  return tf.where(
    tf.equal(length, 0),
    tf.zerosLike(length),
    tf.div(1, tf.where(tf.equal(length, 0), tf.onesLike(length), length)),
  );
}

/** tf.where on NaN-safe comparison: values below 0 become 0, NaN stays (clipByValue loses it). */
export function notNegative(v: Tensor): Tensor {
  return tf.where(tf.less(v, 0), tf.zerosLike(v), v);
}

function broadcastShape(x: Tensor, y: Tensor): number[] {
  return tf.broadcast_util.assertAndGetBroadcastShape(x.shape, y.shape);
}

/** Distances of the pairs, shape without the last axis. */
export function pairDistance(form: MetricForm, x: PairSide, y: PairSide): Tensor {
  return tf.tidy(() => {
    const shape = broadcastShape(x.rows, y.rows);
    if (shape[shape.length - 1] === 0) return emptySum(form, shape.slice(0, -1), x, y);
    switch (form.family) {
      case 'squares': {
        const sum = sumFeatures(tf.square(tf.sub(x.rows, y.rows)));
        return form.root ? tf.sqrt(sum) : sum;
      }
      case 'innerProduct':
        return sumFeatures(tf.mul(x.rows, y.rows));
      case 'cosine': {
        const product = sumFeatures(tf.mul(unitRows(x.rows), unitRows(y.rows)));
        return notNegative(tf.sub(1, product));
      }
      case 'expression': {
        const { rank } = rankOf(form, x, y);
        return evaluateTensors(form.finish, { r: rank });
      }
    }
  });
}

/** Without features a sum is 0, and the angle of zero vectors is defined as 1. */
function emptySum(form: MetricForm, shape: number[], x: PairSide, y: PairSide): Tensor {
  if (form.family === 'cosine') return tf.ones(shape);
  if (form.family !== 'expression') return tf.zeros(shape);
  const zeros = tf.zeros(shape);
  const variables = { ...auxVariables(form, x, y), s0: zeros, s1: zeros, d: tf.scalar(0) };
  const rank = evaluateTensors(form.rank, variables).broadcastTo(shape);
  return evaluateTensors(form.finish, { r: rank });
}

type Variables = Partial<Record<Variable, Tensor>>;

function auxVariables(form: ExpressionForm, x: PairSide, y: PairSide): Variables {
  const variables: Record<string, Tensor> = {};
  for (let i = 0; i < form.aux; i++) {
    if (x.aux === undefined || y.aux === undefined) throw new Error('scalars per row are missing');
    variables[`a${i}`] = tf.gather(x.aux, i, x.aux.rank - 1);
    variables[`b${i}`] = tf.gather(y.aux, i, y.aux.rank - 1);
  }
  return variables;
}

interface Ranked {
  readonly rank: Tensor;
  readonly variables: Variables;
  readonly terms: readonly Tensor[];
}

function rankOf(form: ExpressionForm, x: PairSide, y: PairSide): Ranked {
  const shape = broadcastShape(x.rows, y.rows);
  const variables: Variables = {
    ...auxVariables(form, x, y),
    d: tf.scalar(shape[shape.length - 1], 'float32'),
  };
  const terms = form.terms.map((term) =>
    evaluateTensors(term, { x: x.rows, y: y.rows }).broadcastTo(shape),
  );
  const reduced = terms.map((term) =>
    form.reduce === 'max' ? tf.max(term, -1) : sumFeatures(term),
  );
  variables.s0 = reduced[0];
  if (reduced.length > 1) variables.s1 = reduced[1];
  const rank = evaluateTensors(form.rank, variables).broadcastTo(shape.slice(0, -1));
  return { rank, variables, terms };
}

/**
 * dy times the derivative of each pair's distance by its rows and scalars.
 * @param dy Shape of the distances. 0 at singular points: see specs/derivative.ts and docs/numerics.md.
 */
export function pairGradient(
  form: MetricForm,
  dy: Tensor,
  x: PairSide,
  y: PairSide,
): [PairGradient, PairGradient] {
  const weight = dy.expandDims(-1);
  const alone = (rows: Tensor): PairGradient => ({ rows, aux: undefined });
  switch (form.family) {
    case 'squares': {
      const difference = tf.sub(x.rows, y.rows);
      const side = form.root
        ? tf.mul(difference, tf.div(weight, nonZero(pairDistance(form, x, y).expandDims(-1))))
        : tf.mul(difference, tf.mul(weight, 2));
      return [alone(side), alone(tf.neg(side))];
    }
    case 'innerProduct':
      return [alone(tf.mul(weight, y.rows)), alone(tf.mul(weight, x.rows))];
    case 'cosine':
      return cosineGradient(weight, x.rows, y.rows).map(alone) as [PairGradient, PairGradient];
    case 'expression':
      return expressionGradient(form, dy, x, y);
  }
}

/** The value, or 1 where it is 0 (there the numerator is 0 too). */
function nonZero(v: Tensor): Tensor {
  return tf.where(tf.equal(v, 0), tf.onesLike(v), v);
}

// u = x/|x|, v = y/|y|: d/dx = ((u.v) u - v) / |x|, 0 where x = 0.
function cosineGradient(weight: Tensor, x: Tensor, y: Tensor): [Tensor, Tensor] {
  const inverseLength = (rows: Tensor): Tensor => {
    const length = tf.sqrt(tf.sum(tf.square(rows), -1, true));
    const isZero = tf.equal(length, 0);
    return tf.where(isZero, tf.zerosLike(length), tf.div(1, nonZero(length)));
  };
  const u = unitRows(x);
  const v = unitRows(y);
  const along = tf.sum(tf.mul(u, v), -1, true);
  const side = (own: Tensor, other: Tensor, rows: Tensor): Tensor =>
    tf.mul(tf.sub(tf.mul(along, own), other), tf.mul(weight, inverseLength(rows)));
  return [side(u, v, x), side(v, u, y)];
}

function expressionGradient(
  form: ExpressionForm,
  dy: Tensor,
  x: PairSide,
  y: PairSide,
): [PairGradient, PairGradient] {
  const { rank, variables, terms } = rankOf(form, x, y);
  const slope = tf.mul(dy, evaluateTensors(derivative(form.finish, 'r'), { r: rank }));
  // At coincident rows a slope may be infinite times a derivative of 0: the product counts as 0.
  const through = (by: Variable): Tensor | undefined => {
    const partial = derivative(form.rank, by);
    return isZero(partial) ? undefined : finiteProduct(slope, evaluateTensors(partial, variables));
  };
  const shape = broadcastShape(x.rows, y.rows);
  const side = (own: 'x' | 'y'): Tensor => {
    let total: Tensor = tf.zeros(shape);
    form.terms.forEach((term, t) => {
      const partial = derivative(term, own);
      const outer = through(t === 0 ? 's0' : 's1');
      if (outer === undefined || isZero(partial)) return;
      const inner = evaluateTensors(partial, { x: x.rows, y: y.rows });
      const share = form.reduce === 'max' ? maximumShare(terms[t]) : tf.scalar(1);
      total = tf.add(total, tf.mul(finiteProduct(outer.expandDims(-1), inner), share));
    });
    return total;
  };
  const aux = (own: 'a' | 'b'): Tensor | undefined => {
    if (form.aux === 0) return undefined;
    const columns = Array.from({ length: form.aux }, (_, i) => {
      const column = through(`${own}${i}` as Variable);
      return (column ?? tf.zeros(dy.shape)).broadcastTo(dy.shape);
    });
    return tf.stack(columns, -1);
  };
  return [
    { rows: side('x'), aux: aux('a') },
    { rows: side('y'), aux: aux('b') },
  ];
}

const isZero = (expression: Expression): boolean =>
  !contains(expression, (part) => part.kind !== 'constant' || part.value !== 0);

function finiteProduct(a: Tensor, b: Tensor): Tensor {
  const product = tf.mul(a, b);
  const vanishes = tf.logicalOr(tf.equal(a, 0), tf.equal(b, 0)).broadcastTo(product.shape);
  return tf.where(vanishes, tf.zerosLike(product), product);
}

/** Share of every feature in a maximum: equal parts where several attain it. */
function maximumShare(term: Tensor): Tensor {
  const attains = tf.equal(term, tf.max(term, -1, true)).toFloat();
  return tf.div(attains, tf.sum(attains, -1, true));
}
