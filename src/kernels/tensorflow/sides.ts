import type { Side } from './measure.js';
import type { Handle, Ops } from './ops.js';

/** Matrix b of a batch [B, rows, ..], as float64. */
export function matrixSides(ops: Ops, { rows, aux }: Side, b: number): Side {
  const matrix = (x: Handle): Handle =>
    ops.cast(ops.reshape(ops.rows(x, b, 1), x.shape.slice(1)), 'float64');
  return { rows: matrix(rows), aux: aux && matrix(aux) };
}
