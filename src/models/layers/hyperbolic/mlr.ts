import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { applyRows, checkCurvature } from '../../../ops/applyRows.js';
import * as poincare from '../../../ops/poincare.js';
import type { RowGraph, Value } from '../../../specs/rowProgram/graph.js';
import { programOf } from '../../../specs/rowProgram/programOf.js';
import { checkVector, timesMatrix } from './tangent.js';

/**
 * Logits of classes whose borders are hyperplanes (geodesic submanifolds), for softmax or sigmoid. A
 * class has a normal z (a tangent at the origin, the column of a matrix) and an offset along it, both
 * Euclidean parameters that any optimiser trains. Distances to hyperplanes are written with asinh of
 * arguments that do not cancel at the origin, and have the linear logits as their limit c -> 0.
 */

const normProgram = programOf((g) => g.norm(g.row('z')));

/** Lengths of the columns, [out]; gradient 0 at zero columns. */
function columnNorms(op: string, z: Tensor): Tensor {
  return applyRows(op, normProgram(), { rows: { z: tf.transpose(z) } })[0];
}

const timeProgram = programOf((g) => g.hypot(1, g.mul(g.sqrt(g.scalar('c')), g.norm(g.row('x')))));

/** asinh(s u) / s for u / size of a product with a normal of that length. */
const asinhOf = (g: RowGraph, s: Value, u: Value): Value =>
  g.mul(u, g.unary('asinhc', g.mul(s, u)));

const ballProgram = programOf((g) => {
  const [dots, size, offset] = [g.row('dots'), g.row('size'), g.row('offset')];
  const [factor, c] = [g.scalar('factor'), g.scalar('c')];
  const s = g.sqrt(c);
  const turn = g.mul(g.mul(2, s), offset);
  const along = g.mul(g.mul(factor, g.safeDiv(dots, size)), g.unary('cosh', turn));
  const back = g.mul(g.sub(factor, 1), g.mul(g.mul(2, offset), g.unary('sinhc', turn)));
  return g.mul(g.mul(2, size), asinhOf(g, s, g.sub(along, back)));
});

/**
 * Unidirectional hyperbolic multinomial regression on the Poincaré ball:
 * v_k = 2 |z_k| / s asinh(lambda_x s <x, z_k> / |z_k| cosh(2 s r_k) - (lambda_x - 1) sinh(2 s r_k)), s = sqrt(c).
 * @param x Points [..., d]. @param z Normals [d, classes]. @param r Offsets [classes].
 * @returns Logits [..., classes], larger deeper inside the class; 0 for z_k = 0. Gradient: all arguments.
 * As c -> 0: 4 (<x, z_k> - r_k |z_k|).
 * @throws ShapeError, DtypeError, DomainError.
 * Reference: Shimizu, Mukuta, Harada, Hyperbolic Neural Networks++, 2021, equation (6).
 */
export function poincareMlr(x: Tensor, z: Tensor, r: Tensor, c: number | Tensor = 1): Tensor {
  const op = 'poincareMlr';
  checkCurvature(op, c);
  return tf.tidy(() => {
    const dots = timesMatrix(op, x, z);
    checkVector(op, 'r', r, z.shape[1] ?? 0);
    const rows = { dots, size: columnNorms(op, z), offset: r };
    const factor = poincare.conformalFactor(x, c);
    return applyRows(op, ballProgram(), { rows, scalars: { factor, c } })[0];
  });
}

/** <x, w> / |z| of the hyperplane w = (|z| sinh(s a), cosh(s a) z), and s. */
function minkowski(g: RowGraph): { size: Value; s: Value; product: Value } {
  const [dots, size, offset] = [g.row('dots'), g.row('size'), g.row('offset')];
  const s = g.sqrt(g.scalar('c'));
  const turn = g.mul(s, offset);
  const along = g.mul(g.unary('cosh', turn), g.safeDiv(dots, size));
  // time is that of the unit hyperboloid, sqrt(c) times the one here.
  const back = g.mul(g.scalar('time'), g.mul(offset, g.unary('sinhc', turn)));
  return { size, s, product: g.sub(along, back) };
}

const lorentzProgram = programOf((g) => {
  const { size, s, product } = minkowski(g);
  return g.mul(size, asinhOf(g, s, product));
});

/**
 * Hyperbolic multinomial regression on the hyperboloid: |z_k| times the signed distance to the hyperplane
 * of w_k = (|z_k| sinh(s a_k), cosh(s a_k) z_k), v_k = |z_k| / s asinh(s <x, w_k> / |z_k|), s = sqrt(c). Any z
 * and a give a hyperplane, which has distance |a_k| from the origin.
 * @param x Points [..., d], space coordinates. @param z Normals [d, classes]. @param a Offsets [classes].
 * @returns Logits [..., classes]; 0 for z_k = 0. Gradient: all arguments. As c -> 0: <x, z_k> - a_k |z_k|.
 * @throws ShapeError, DtypeError, DomainError.
 * Reference: Mishne, Wan, Wang, Yang, The Numerical Stability of Hyperbolic Representation Learning,
 * 2023; Bdeir, Schwethelm, Landwehr, Fully Hyperbolic CNNs, 2024.
 */
export function lorentzMlr(x: Tensor, z: Tensor, a: Tensor, c: number | Tensor = 1): Tensor {
  return hyperplaneProducts('lorentzMlr', lorentzProgram, x, z, a, c);
}

const marginProgram = programOf((g) => {
  const { size, s, product } = minkowski(g);
  return g.unary('asinh', g.mul(size, g.mul(s, product)));
});

/** asinh(s <x, w_k>), [..., classes], of the hyperplanes of {@link lorentzMlr}. */
export function lorentzMargins(
  op: string,
  x: Tensor,
  z: Tensor,
  a: Tensor,
  c: number | Tensor,
): Tensor {
  return hyperplaneProducts(op, marginProgram, x, z, a, c);
}

function hyperplaneProducts(
  op: string,
  program: ReturnType<typeof programOf>,
  x: Tensor,
  z: Tensor,
  a: Tensor,
  c: number | Tensor,
): Tensor {
  checkCurvature(op, c);
  return tf.tidy(() => {
    const dots = timesMatrix(op, x, z);
    checkVector(op, 'a', a, z.shape[1] ?? 0);
    const rows = { dots, size: columnNorms(op, z), offset: a };
    const time = applyRows(op, timeProgram(), { rows: { x }, scalars: { c } })[0];
    return applyRows(op, program(), { rows, scalars: { time, c } })[0];
  });
}
