import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { evaluateIn } from '../specs/expression.js';
import type { Binary, Expression, Unary, Variable } from '../specs/expression.js';
import { asin, asinh, log1p, signOf } from './elementary.js';

/** Functions of expressions in tfjs ops. */
export const TENSOR_UNARY: Readonly<Record<Unary, (v: Tensor) => Tensor>> = {
  neg: (v) => tf.neg(v),
  abs: (v) => tf.abs(v),
  sign: signOf,
  sqrt: (v) => tf.sqrt(v),
  square: (v) => tf.square(v),
  exp: (v) => tf.exp(v),
  log: (v) => tf.log(v),
  log1p,
  sin: (v) => tf.sin(v),
  cos: (v) => tf.cos(v),
  asin,
  asinh,
};

const BINARY: Readonly<Record<Binary, (left: Tensor, right: Tensor) => Tensor>> = {
  add: (left, right) => tf.add(left, right),
  sub: (left, right) => tf.sub(left, right),
  mul: (left, right) => tf.mul(left, right),
  div: (left, right) => tf.div(left, right),
  min: (left, right) => tf.minimum(left, right),
  max: (left, right) => tf.maximum(left, right),
  pow: (left, right) => tf.pow(left, right),
};

export const TENSOR_COMPARE = { lt: tf.less, le: tf.lessEqual, eq: tf.equal } as const;

/** tf.where wants one shape; these parts may broadcast. */
export function selectTensors(condition: Tensor, then: Tensor, otherwise: Tensor): Tensor {
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(
    tf.broadcast_util.assertAndGetBroadcastShape(condition.shape, then.shape),
    otherwise.shape,
  );
  return tf.where(
    condition.broadcastTo(shape),
    then.broadcastTo(shape),
    otherwise.broadcastTo(shape),
  );
}

/**
 * Value of an expression in tfjs ops; variables are tensors that broadcast with each other. Equal parts
 * are computed once per call.
 */
export function evaluateTensors(
  expression: Expression,
  variables: Readonly<Partial<Record<Variable, Tensor>>>,
): Tensor {
  return tf.tidy(() =>
    evaluateIn<Tensor>(expression, {
      constant: (value) => tf.scalar(value, 'float32'),
      variable: (name) => {
        const given = variables[name];
        if (given === undefined) throw new Error(`variable ${name} has no value here`);
        return given;
      },
      unary: (op, of) => TENSOR_UNARY[op](of),
      binary: (op, left, right) => BINARY[op](left, right),
      where: (compare, left, right, then, otherwise) =>
        selectTensors(TENSOR_COMPARE[compare](left, right), then, otherwise),
    }).clone(),
  );
}
