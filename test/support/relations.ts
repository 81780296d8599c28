import * as tf from '@tensorflow/tfjs';
import type { NegativeWeights, RelationCsr } from '../../src/ops/relationSteps.js';
import { aliasTable } from '../../src/util/aliasTable.js';
import { Rng } from '../../src/util/rng.js';
import type { ReferenceWeights } from '../reference/relationSteps.js';
import type { Matrix } from './arbitraries.js';

export type Pairs = readonly (readonly [number, number])[];

/** A random set of relations among n rows, each row to a few of smaller number, in random order. */
export function randomRelations(n: number, perRow: number, seed: number): Pairs {
  const rng = new Rng(seed);
  const pairs: [number, number][] = [];
  for (let u = 1; u < n; u++) {
    const targets = new Set(Array.from({ length: perRow }, () => rng.int(u)));
    for (const v of targets) pairs.push([u, v]);
  }
  return Array.from(rng.permutation(pairs.length), (i) => pairs[i]);
}

/** Columns of every row, ascending. */
export function relatedOf(pairs: Pairs, n: number): number[][] {
  const related = Array.from({ length: n }, (): number[] => []);
  for (const [u, v] of pairs) related[u].push(v);
  return related.map((row) => row.sort((a, b) => a - b));
}

export function pairTensor(pairs: Pairs): tf.Tensor2D {
  return tf.tensor2d(Int32Array.from(pairs.flat()), [pairs.length, 2], 'int32');
}

export function csrTensors(related: readonly (readonly number[])[]): RelationCsr {
  const offsets = new Int32Array(related.length + 1);
  related.forEach((row, i) => (offsets[i + 1] = offsets[i] + row.length));
  return {
    offsets: tf.tensor1d(offsets, 'int32'),
    neighbors: tf.tensor1d(Int32Array.from(related.flat()), 'int32'),
  };
}

/** Weights of rows as negatives, and their alias table for op and oracle. */
export function weightTables(weights: readonly number[]): {
  readonly tensors: () => NegativeWeights;
  readonly reference: ReferenceWeights;
} {
  const { probability, alias } = aliasTable(weights);
  return {
    tensors: () => ({
      probability: tf.tensor1d(probability),
      alias: tf.tensor1d(alias, 'int32'),
    }),
    reference: { probability: [...probability], alias: [...alias] },
  };
}

/** Rows within a radius of the origin, as the geometries store them: in the ball also below 1 / s. */
export function rowsWithin(n: number, d: number, length: number, seed: number): Matrix {
  const rng = new Rng(seed);
  return Array.from({ length: n }, () => {
    const row = Array.from({ length: d }, () => rng.normal());
    const size = (length * Math.sqrt(rng.uniform())) / Math.max(1e-12, Math.hypot(...row));
    return row.map((value) => Math.fround(value * size));
  });
}
