import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { Manifold } from '../../../manifolds/index.js';
import { applyRows } from '../../../ops/applyRows.js';
import * as lorentz from '../../../ops/lorentz.js';
import { programOf } from '../../../specs/rowProgram/programOf.js';
import { poincareMlr } from './mlr.js';
import { checkVector, fromOrigin, timesMatrix, toManifold } from './tangent.js';

/**
 * A linear map in the tangent space at the origin, and a bias that moves along geodesics:
 * y = exp_0(log_0(x) W), then exp_y of the bias transported from the origin to y. On the Poincaré ball that
 * is the Möbius product and sum of Hyperbolic Neural Networks; it works on any manifold here.
 * @param x Points [..., d]. @param weights [d, out]. @param bias Tangent at the origin, [out]; left out: none.
 * @returns Points [..., out]. Gradient: all arguments and a learnt curvature.
 * @throws ShapeError if shapes do not fit.
 * Reference: Ganea, Bécigneul, Hofmann, Hyperbolic Neural Networks, 2018, section 3.2.
 */
export function tangentLinear(
  manifold: Manifold,
  x: Tensor,
  weights: Tensor,
  bias?: Tensor,
): Tensor {
  const op = 'tangentLinear';
  return tf.tidy(() => {
    const mapped = toManifold(manifold, timesMatrix(op, fromOrigin(manifold, x), weights));
    if (bias === undefined) return mapped;
    const [out] = mapped.shape.slice(-1);
    checkVector(op, 'bias', bias, out);
    return manifold.expMap(mapped, manifold.transport(manifold.origin(out), mapped, bias));
  });
}

const fullyConnectedProgram = programOf((g) => {
  const [v, c] = [g.row('v'), g.scalar('c')];
  const s = g.sqrt(c);
  const w = g.mul(v, g.unary('sinhc', g.mul(s, v)));
  return g.div(w, g.add(1, g.hypot(1, g.mul(s, g.norm(w)))));
});

/**
 * Fully connected layer of the Poincaré ball: the point whose signed distances to the coordinate
 * hyperplanes are the logits v_k(x) of {@link poincareMlr}, w_k = sinh(s v_k) / s,
 * y = w / (1 + sqrt(1 + c |w|^2)).
 * @param x Points [..., d]. @param z Normals [d, out]. @param r Offsets [out].
 * @returns Points [..., out]. Gradient: all arguments. @throws ShapeError, DtypeError, DomainError.
 * Reference: Shimizu et al. 2021, equation (7).
 */
export function poincareLinear(x: Tensor, z: Tensor, r: Tensor, c: number | Tensor = 1): Tensor {
  return tf.tidy(() => {
    const v = poincareMlr(x, z, r, c);
    return applyRows('poincareLinear', fullyConnectedProgram(), { rows: { v }, scalars: { c } })[0];
  });
}

/**
 * Fully connected layer of the hyperboloid: a linear map of time and space coordinates to new space
 * coordinates, y = [x0, x] W + b; the time coordinate follows. Holds all rotations and boosts.
 * @param x Points [..., d], space coordinates. @param weights [1 + d, out], the first row for the time.
 * @param bias [out]; left out: none. @returns Points [..., out]. Gradient: all arguments.
 * @throws ShapeError, DtypeError, DomainError.
 * Reference: Chen et al., Fully Hyperbolic Neural Networks, 2022, without its scale.
 */
export function lorentzLinear(
  x: Tensor,
  weights: Tensor,
  bias?: Tensor,
  c: number | Tensor = 1,
): Tensor {
  const op = 'lorentzLinear';
  return tf.tidy(() => {
    const time = tf.expandDims(lorentz.time(x, c), -1);
    const mapped = timesMatrix(op, tf.concat([time, x], -1), weights);
    if (bias === undefined) return mapped;
    checkVector(op, 'bias', bias, weights.shape[1] ?? 0);
    return tf.add(mapped, bias);
  });
}
