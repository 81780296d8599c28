import * as tf from '@tensorflow/tfjs';
import type { Tensor, TensorLike } from '@tensorflow/tfjs';
import { RowGraph } from '../specs/rowProgram/graph.js';
import type { RowProgram, UnaryFunction } from '../specs/rowProgram/graph.js';
import { toFloat32 } from './checks.js';
import { runRowProgram } from './rowProgram.js';

/**
 * Elementary functions whose relative error is a few ulp over their whole domain on every backend, at
 * most 4 by measurement (docs/numerics.md). tfjs's own lose all digits near 0 in shaders.
 *
 * All take tensors or nested arrays of any shape, float32, and give that shape. NaN outside the domain
 * and for NaN; differentiable to any order. Throw DtypeError for a tensor that is not float32.
 */

/** Features of a row: enough that the cost of a row is shared, few enough that there are many rows. */
const ROW = 32;

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

function elementwise(op: UnaryFunction): (x: Tensor | TensorLike) => Tensor {
  const graph = new RowGraph();
  const program: RowProgram = graph.program([graph.unary(op, graph.row('x'))]);
  return (x) =>
    tf.tidy(() => {
      const values = toFloat32(op, 'x', x);
      if (values.size === 0) return tf.zerosLike(values);
      const d = greatestCommonDivisor(values.size, ROW);
      const n = values.size / d;
      return runRowProgram(program, [values.reshape([n, d])], [], n, d)[0].reshape(values.shape);
    });
}

/** ln(1 + x), x >= -1; -Infinity at -1. Gradient 1 / (1 + x). */
export const log1p = elementwise('log1p');
/** e^x - 1. */
export const expm1 = elementwise('expm1');
export const sinh = elementwise('sinh');
export const cosh = elementwise('cosh');
export const tanh = elementwise('tanh');
/** Area hyperbolic sine. */
export const asinh = elementwise('asinh');
/** acosh(1 + x) for x >= 0, which keeps the digits that 1 + x would lose; its gradient at 0 is 0. */
export const acosh1p = elementwise('acosh1p');
/** Area hyperbolic tangent on [-1, 1], infinite at the ends with gradient 0 there. */
export const atanh = elementwise('atanh');
/** sinh(x) / x, 1 at 0. */
export const sinhc = elementwise('sinhc');
/** tanh(x) / x, 1 at 0. */
export const tanhc = elementwise('tanhc');
/** asinh(x) / x, 1 at 0. */
export const asinhc = elementwise('asinhc');
/** atanh(x) / x on [-1, 1], 1 at 0. */
export const atanhc = elementwise('atanhc');
