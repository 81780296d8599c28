import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { formatShape } from '../util/shape.js';
import { programOf } from '../specs/rowProgram/programOf.js';
import { applyRows } from './applyRows.js';

const normProgram = programOf((g) => g.norm(g.row('d')));

/**
 * Distance in a product of spaces from those in its factors: d^2 = sum_i d_i^2 (Gu, Sala, Gunel &
 * Re, Learning Mixed-Curvature Representations in Product Spaces, 2019).
 * @param distances One tensor per factor, all of one shape. @returns That shape, >= 0.
 * Gradient: d_i / d, and 0 where all are 0; any order. Cost: O(factors n).
 * @throws DomainError without factors. @throws ShapeError if shapes differ.
 */
export function productDistance(distances: readonly Tensor[]): Tensor {
  const op = 'productDistance';
  if (distances.length === 0) {
    throw new DomainError({ op, arg: 'distances', expected: 'hold a tensor or more', got: 'none' });
  }
  const [{ shape }] = distances;
  for (const { shape: other } of distances) {
    if (formatShape(other) === formatShape(shape)) continue;
    throw new ShapeError({
      op,
      arg: 'distances',
      expected: `have one shape, ${formatShape(shape)}`,
      got: formatShape(other),
    });
  }
  return tf.tidy(
    () => applyRows(op, normProgram(), { rows: { d: tf.stack([...distances], -1) } })[0],
  );
}
