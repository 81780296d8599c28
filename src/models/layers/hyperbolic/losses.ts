import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../../../errors.js';
import { applyRows, checkCurvature, checkPositive } from '../../../ops/applyRows.js';
import * as lorentz from '../../../ops/lorentz.js';
import * as poincare from '../../../ops/poincare.js';
import { SparseMatrix } from '../../../ops/sparseMatrix.js';
import { programOf } from '../../../specs/rowProgram/programOf.js';
import { formatShape } from '../../../util/shape.js';
import { timesAdjacency } from './graphConvolution.js';
import type { Adjacency } from './graphConvolution.js';
import { lorentzMargins } from './mlr.js';
import { checkVector } from './tangent.js';

export interface HybridContrastiveOptions {
  /** Curvature -c of the ball. Default 1. */
  readonly c?: number | Tensor;
  /** Share of the hyperbolic part, in [0, 1]; a training ramps it up from 0. Default 0.5. */
  readonly lambda?: number;
  /** Divides cosines and distances. Default 0.1. */
  readonly temperature?: number;
  /** Features longer than this are shortened to it before they go to the ball. Default 2.3. */
  readonly clip?: number;
}

/** mean_i (logsumexp_j l_ij - l_ii), of the rows and of the columns. */
function infoNce(logits: Tensor): Tensor {
  const [b] = logits.shape;
  const own = tf.sum(tf.mul(logits, tf.eye(b)));
  const sums = tf.add(tf.sum(tf.logSumExp(logits, 0)), tf.sum(tf.logSumExp(logits, 1)));
  return tf.div(tf.sub(sums, tf.mul(2, own)), 2 * b);
}

const unitProgram = programOf((g) => g.safeDiv(g.row('x'), g.norm(g.row('x'))));

const clipProgram = programOf((g) => {
  const [x, limit] = [g.row('x'), g.scalar('limit')];
  const length = g.norm(x);
  return g.where('lt', limit, length, g.mul(g.div(limit, length), x), x);
});

/**
 * Contrast of two views of a batch by angle and by hyperbolic distance:
 * (1 - lambda) InfoNCE(cos / t) + lambda InfoNCE(-d_c(exp_0(z), exp_0(z')) / t), each the mean over both
 * directions. Row i of both views are one item, all others its negatives.
 * @param first Euclidean features, [b, d]. @param second [b, d].
 * @returns Scalar, nats. Gradient: both, and c; 0 by cosine at zero rows. Cost: O(b^2 d).
 * @throws ShapeError for shapes that differ; DomainError for options out of range.
 * Reference: Liu, He, Han, Hyperbolic Category Discovery, 2025 (with features clipped as in
 * Ermolov et al., Hyperbolic Vision Transformers, 2022).
 */
export function hybridContrastive(
  first: Tensor,
  second: Tensor,
  { c = 1, lambda = 0.5, temperature = 0.1, clip = 2.3 }: HybridContrastiveOptions = {},
): Scalar {
  const op = 'hybridContrastive';
  checkSame(op, 'second', first, second);
  checkCurvature(op, c);
  checkPositive(op, 'temperature', temperature);
  checkPositive(op, 'clip', clip);
  if (!(lambda >= 0 && lambda <= 1)) {
    throw new DomainError({ op, arg: 'lambda', expected: 'be in [0, 1]', got: String(lambda) });
  }
  return tf.tidy(() => {
    const parts: Tensor[] = [];
    if (lambda < 1) {
      const unit = (x: Tensor): Tensor => applyRows(op, unitProgram(), { rows: { x } })[0];
      const cosines = tf.matMul(unit(first), unit(second), false, true);
      parts.push(tf.mul(1 - lambda, infoNce(tf.div(cosines, temperature))));
    }
    if (lambda > 0) {
      const inBall = (x: Tensor): Tensor => {
        const short = applyRows(op, clipProgram(), { rows: { x }, scalars: { limit: clip } })[0];
        return poincare.expMap0(short, c);
      };
      const [p, q] = [tf.expandDims(inBall(first), 1), tf.expandDims(inBall(second), 0)];
      const distances = poincare.dist(p, q, c);
      parts.push(tf.mul(lambda, infoNce(tf.div(distances, -temperature))));
    }
    return tf.addN(parts).asScalar();
  });
}

/**
 * Mean over pairs of max(0, angle(x, y) - aperture(x)): how far y is outside the entailment cone of x on
 * the hyperboloid. x is the more general concept (a text), y the more special one (its image).
 * @param general Points [n, d], space coordinates. @param special [n, d]. @param minRadius K, default 0.1.
 * @returns Scalar >= 0, radians; 0 when every pair is in its cone. Gradient: points and c.
 * @throws ShapeError, DtypeError, DomainError.
 * Reference: Desai et al., Hyperbolic Image-Text Representations, 2023, equation (8).
 */
export function entailmentLoss(
  general: Tensor,
  special: Tensor,
  c: number | Tensor = 1,
  minRadius = 0.1,
): Scalar {
  checkSame('entailmentLoss', 'special', general, special);
  return tf.tidy(() => {
    const angle = lorentz.exteriorAngle(general, special, c);
    const aperture = lorentz.halfAperture(general, c, minRadius);
    return tf.mean(tf.relu(tf.sub(angle, aperture))).asScalar();
  });
}

/**
 * Hyperbolic support vector machine in Euclidean parameters:
 * |z|^2 / 2 + C sum_i max(0, asinh(1) - asinh(y_i s <x_i, w>)), w = (|z| sinh(s a), cosh(s a) z), s = sqrt(c).
 * Every z and a is a hyperplane, so nothing needs to be projected.
 * @param x Points [n, d], space coordinates. @param labels -1 or 1, [n]. @param z Normal [d].
 * @param a Offset, [] or [1]. @param strength C > 0. Default 1.
 * @returns Scalar >= 0. Gradient: x, z, a, c. @throws ShapeError, DtypeError, DomainError.
 * Reference: Mishne, Wan, Wang, Yang, 2023 (LSVMPP).
 */
export function lsvmPlusPlus(
  x: Tensor,
  labels: Tensor,
  z: Tensor,
  a: Tensor,
  { c = 1, strength = 1 }: { readonly c?: number | Tensor; readonly strength?: number } = {},
): Scalar {
  const op = 'lsvmPlusPlus';
  checkPositive(op, 'strength', strength);
  checkVector(op, 'z', z, x.shape[x.rank - 1] ?? 0);
  checkVector(op, 'labels', labels, x.shape[0] ?? 0);
  return tf.tidy(() => {
    const margins = lorentzMargins(op, x, z.reshape([-1, 1]), a.reshape([1]), c);
    const signed = tf.mul(labels, margins.reshape([-1]));
    const short = tf.sum(tf.relu(tf.sub(Math.asinh(1), signed)));
    return tf.add(tf.mul(0.5, tf.sum(tf.square(z))), tf.mul(strength, short)).asScalar();
  });
}

const shareProgram = programOf((g) => g.safeDiv(g.row('cut'), g.row('all')));

/**
 * Normalised cut of soft clusters: sum_k cut_k / assoc_k = K - sum_k (S' A S)_kk / (S' D S)_kk.
 * @param assignment S, shares of the clusters, [n, K]. @param affinity A, [n, n], symmetric, >= 0.
 * @returns Scalar in [0, K], smaller for better cuts. Gradient: assignment. Clusters without mass count 0.
 * @throws ShapeError if shapes do not fit.
 * Reference: Shi, Malik, Normalized Cuts and Image Segmentation, 2000, equation (2), relaxed as in
 * Seg-HGNN, 2024.
 */
export function ncutLoss(assignment: Tensor, affinity: Adjacency): Scalar {
  const n = affinity instanceof SparseMatrix ? affinity.columns : affinity.shape[1];
  if (assignment.rank !== 2 || assignment.shape[0] !== n) {
    throw new ShapeError({
      op: 'ncutLoss',
      arg: 'assignment',
      expected: `have shape [${n}, clusters]`,
      got: formatShape(assignment.shape),
    });
  }
  return tf.tidy(() => {
    const inside = tf.sum(tf.mul(assignment, timesAdjacency(affinity, assignment)), 0);
    const degrees = timesAdjacency(affinity, tf.ones([n, 1]));
    const all = tf.sum(tf.mul(tf.square(assignment), degrees), 0);
    const cut = tf.sub(all, inside);
    return tf.sum(applyRows('ncutLoss', shareProgram(), { rows: { cut, all } })[0]).asScalar();
  });
}

function checkSame(op: string, arg: string, first: Tensor, second: Tensor): void {
  if (first.rank === 2 && formatShape(first.shape) === formatShape(second.shape)) return;
  throw new ShapeError({
    op,
    arg,
    expected: `have the shape of the other, ${formatShape(first.shape)}, rank 2`,
    got: formatShape(second.shape),
  });
}
