import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { DomainError, DtypeError, ShapeError } from '../errors.js';
import { GEOMETRIES, relationStepsSpec } from '../specs/relationSteps.js';
import type { Geometry, RelationStepsAttrs } from '../specs/relationSteps.js';
import { formatShape } from '../util/shape.js';
import { dispatch } from './dispatch.js';
import { composedRelationSteps } from './relationStepsComposed.js';

/** The relations of every row, so that no draw of a negative counts that is one. */
export interface RelationCsr {
  /** Shape [n + 1], int32: row i has columns [offsets[i], offsets[i + 1]). */
  readonly offsets: Tensor;
  /** Columns, ascending within a row, int32. */
  readonly neighbors: Tensor;
}

/** An alias table from which negatives are drawn; see aliasTable. */
export interface NegativeWeights {
  /** Shape [n], float32. */
  readonly probability: Tensor;
  /** Shape [n], int32. */
  readonly alias: Tensor;
}

export interface RelationStepsOptions {
  /** How a row is stored. Default 'lorentz'. */
  readonly geometry?: Geometry;
  /** c > 0; the sectional curvature is -c. Default 1. */
  readonly curvature?: number;
  /** Applies to the mean loss of a batch. */
  readonly learningRate: number;
  /** Negatives drawn for every relation. Default 10. */
  readonly negatives?: number;
  /** Default 10. */
  readonly batchSize?: number;
  /** Integer in [0, 2^32). Default 0. */
  readonly seed?: number;
  /** Number of the pass over the relations, an integer in [0, 2^32). Default 0. */
  readonly pass?: number;
  /** Relations of this pass that earlier calls have visited. Default 0. */
  readonly first?: number;
  /** Weights of rows as negatives. Default: all rows alike. */
  readonly weights?: NegativeWeights;
}

export interface RelationSteps {
  /** The table after the last batch, shape [n, d]. */
  readonly table: Tensor2D;
  /** Mean loss of every batch at its start, shape [ceil(e / batchSize)]. */
  readonly losses: Tensor1D;
}

/**
 * Many mini-batches of Riemannian gradient descent on a hyperbolic embedding of relations, in one call.
 *
 * Loss of a relation (u, v): -log(exp(-d(u, v)) / (exp(-d(u, v)) + sum_k exp(-d(u, v_k)))), with
 * negatives v_k drawn from all rows; a draw that is u or a relation of u does not count. A batch moves
 * every row x that it touches to exp_x(-learningRate G), where G is the Riemannian gradient of the mean
 * loss: sums of unit tangents, since the gradient of d(x, y) at x is -log_x(y) / d(x, y).
 *
 * Rows are stored as the geometry says, for a point at distance r / s from the origin in direction w,
 * s = sqrt(c): lorentz sinh(r) w / s, poincare tanh(r / 2) w / s, logPolar r w / s. The steps are the
 * same in all three; what differs is the rounding to float32 after every batch.
 *
 * @param table Rows, shape [n, d], float32, n, d >= 1; it is not changed.
 * @param relations Pairs of row numbers (u, v), shape [e, 2], int32, in the order of the visit. They
 * must lie in [0, n): they are checked where the work runs on the host, and clamped on a GPU.
 * @param related All relations as CSR.
 * @returns The new table and the loss of every batch (low = good).
 *
 * Numerics: polar forms (docs/numerics.md), float64 on the host, float32 on a GPU; no clamp and no
 * largest radius, but of the ball, where s |x| <= 1 - 2^-20. On a GPU radii stay below 43. Draws are
 * the same on all backends, and results the same bits on every run of one backend; one call with many
 * batches gives the same bits as many calls with one.
 * Gradient: none; it is an optimiser. At coincident rows the tangent is 0.
 * Cost: O(e negatives d + n d) time, one copy of the table a call.
 * @throws ShapeError, DtypeError, DomainError for tensors or options that do not fit.
 * Reference: Nickel, Kiela, Poincare embeddings, 2017, eq. 5; Nickel, Kiela, Learning continuous
 * hierarchies in the Lorentz model, 2018, algorithm 1.
 * @example
 * const related = { offsets: tf.tensor1d([0, 0, 1, 2], 'int32'), neighbors: tf.tensor1d([0, 0], 'int32') };
 * const relations = tf.tensor2d([[1, 0], [2, 0]], [2, 2], 'int32');
 * relationSteps(tf.randomUniform([3, 2]), relations, related, { learningRate: 0.1 }).losses.print();
 */
export function relationSteps(
  table: Tensor,
  relations: Tensor,
  related: RelationCsr,
  options: RelationStepsOptions,
): RelationSteps {
  const attrs = checkOptions(options);
  const { weights } = options;
  checkTensor('table', table, 'float32', [-1, -1]);
  const [n, d] = table.shape;
  if (n < 1 || d < 1) {
    const expected = 'have at least one row and one feature';
    throw new ShapeError({ op: OP, arg: 'table', expected, got: `shape ${formatShape([n, d])}` });
  }
  checkTensor('relations', relations, 'int32', [-1, 2]);
  checkTensor('offsets', related.offsets, 'int32', [n + 1]);
  checkTensor('neighbors', related.neighbors, 'int32', [-1]);
  if (weights !== undefined) {
    checkTensor('probability', weights.probability, 'float32', [n]);
    checkTensor('alias', weights.alias, 'int32', [n]);
  }
  const inputs = {
    table,
    relations,
    offsets: related.offsets,
    neighbors: related.neighbors,
    probability: weights?.probability,
    alias: weights?.alias,
  };
  const [next, losses] = tf.tidy(() =>
    dispatch(relationStepsSpec, inputs, attrs, () => composedRelationSteps(inputs, attrs)),
  );
  return { table: next as Tensor2D, losses: losses as Tensor1D };
}

const OP = relationStepsSpec.op;

function checkTensor(
  arg: string,
  tensor: Tensor,
  dtype: 'float32' | 'int32',
  shape: readonly number[],
): void {
  if (tensor.dtype !== dtype) {
    throw new DtypeError({ op: OP, arg, expected: `be ${dtype}`, got: tensor.dtype });
  }
  const fits =
    tensor.rank === shape.length && shape.every((size, i) => size < 0 || size === tensor.shape[i]);
  if (fits) return;
  const wanted = shape.map((size) => (size < 0 ? 'any' : String(size))).join(', ');
  const got = `shape ${formatShape(tensor.shape)}`;
  throw new ShapeError({ op: OP, arg, expected: `have shape [${wanted}]`, got });
}

function checkOptions(options: RelationStepsOptions): RelationStepsAttrs {
  const { geometry = 'lorentz', curvature = 1, learningRate } = options;
  const { negatives = 10, batchSize = 10, seed = 0, pass = 0, first = 0 } = options;
  const refuse = (arg: string, expected: string, value: unknown): never => {
    throw new DomainError({ op: OP, arg: `options.${arg}`, expected, got: String(value) });
  };
  if (!GEOMETRIES.includes(geometry)) {
    refuse('geometry', `be one of ${GEOMETRIES.join(', ')}`, geometry);
  }
  if (!(curvature > 0 && Number.isFinite(curvature))) {
    refuse('curvature', 'be a finite number > 0', curvature);
  }
  if (!(learningRate >= 0 && Number.isFinite(learningRate))) {
    refuse('learningRate', 'be a finite number >= 0', learningRate);
  }
  const integers = { negatives, batchSize, seed, pass, first };
  const lowest = { negatives: 1, batchSize: 1, seed: 0, pass: 0, first: 0 };
  for (const name of ['negatives', 'batchSize', 'seed', 'pass', 'first'] as const) {
    const value = integers[name];
    if (!Number.isInteger(value) || value < lowest[name] || value >= 2 ** 32) {
      refuse(name, `be an integer in [${lowest[name]}, 2^32)`, value);
    }
  }
  return { geometry, curvature, learningRate, ...integers };
}
