import type { KernelCall, OpSpec } from './spec.js';

/** What the numbers of a table row are; see {@link relationStepsSpec}. */
export const GEOMETRIES = ['lorentz', 'poincare', 'logPolar'] as const;
export type Geometry = (typeof GEOMETRIES)[number];

export interface RelationStepsAttrs {
  readonly geometry: Geometry;
  /** c > 0; the sectional curvature is -c. */
  readonly curvature: number;
  /** Applies to the mean loss of a batch. */
  readonly learningRate: number;
  /** Negatives drawn for every relation; those that are relations themselves do not count. */
  readonly negatives: number;
  readonly batchSize: number;
  /** Unsigned 32-bit key of the draws. */
  readonly seed: number;
  /** Unsigned 32-bit number of the pass over the relations: another one, other draws. */
  readonly pass: number;
  /** Relations of this pass that earlier calls have visited. */
  readonly first: number;
}

type RelationStepsInput = 'table' | 'relations' | 'offsets' | 'neighbors';
type RelationStepsOptionalInput = 'probability' | 'alias';

/** One call of a kernel of {@link relationStepsSpec}. */
export type RelationStepsCall<Backend> = KernelCall<
  RelationStepsInput,
  RelationStepsAttrs,
  Backend,
  RelationStepsOptionalInput
>;

/**
 * Mini-batches of Riemannian gradient descent on the rows of a table.
 *
 * Inputs: table [n, d] float32; relations [e, 2] int32 in the order of the visit; offsets [n + 1] and
 * neighbors [r] int32, the relations of every row as CSR with sorted columns; probability [n] float32
 * and alias [n] int32, an alias table (both or neither: uniform).
 * Outputs: table [n, d] float32 and mean loss of every batch [ceil(e / batchSize)] float32.
 *
 * A row at distance r / s from the origin in direction u (|u| = 1, s = sqrt(c)) is stored as
 * lorentz: sinh(r) u / s, the space part of its coordinates on the hyperboloid;
 * poincare: tanh(r / 2) u / s; logPolar: r u / s, its tangent at the origin.
 * A table is rounded to float32 after every batch: one call of many batches is many calls of one.
 *
 * Negative k of relation number i (first + its place) is drawn from words (x, y) or (z, w) of
 * pcg4d(i, floor(k / 2), seed, pass), the first two for even k: slot = floor(x n / 2^32), and alias[slot]
 * instead when probability[slot] <= floor(y / 2^8) / 2^24.
 */
export const relationStepsSpec: OpSpec<
  RelationStepsInput,
  RelationStepsAttrs,
  RelationStepsOptionalInput
> = {
  op: 'relationSteps',
  kernelName: 'LatentRelationSteps',
  inputs: ['table', 'relations', 'offsets', 'neighbors'],
  optional: ['probability', 'alias'],
  infer: ({ table, relations }, { batchSize }) => [
    { shape: [...table], dtype: 'float32' },
    { shape: [Math.ceil(relations[0] / batchSize)], dtype: 'float32' },
  ],
};
