import type { Tensor } from '@tensorflow/tfjs';
import { rowMapSpec } from '../specs/rowMap.js';
import type { RowProgram } from '../specs/rowProgram/graph.js';
import { applyRows } from './applyRows.js';
import type { RowArguments } from './applyRows.js';

/**
 * A map of rows of your own, as one fused pass on every backend: outputs of a {@link RowProgram} that a
 * `RowGraph` has written from elementwise operations, sums, lengths and gaps 1 - c |x|^2.
 *
 * Shapes: rows [..., d] and scalars [...], float32, whose leading dimensions broadcast with each other;
 * outputs [..., d] and [...].
 * Numerics: float64 rounded once on cpu, wasm and tensorflow; float32 on webgpu, with gaps and lengths
 * carried so that nothing cancels or overflows. Elementary functions err by at most 4 ulp.
 * Gradient: by rows and by scalars, to any order, itself one fused pass; 0 where a root, a length or a
 * quotient by 0 has none.
 * Cost: O(n d) for each pass over the features: one, and one more for each reduction that needs another.
 *
 * @param program Written with `new RowGraph()`; keep it, since backends compile every program once.
 * @param given Rows and scalars by the names that the program gave them.
 * @returns One tensor for each output.
 * @throws ShapeError if features differ, rows are scalars, or shapes do not broadcast. @throws
 * DtypeError if a tensor is not float32.
 * @example
 * const g = new RowGraph();
 * const x = g.row('x');
 * const unit = g.program([g.safeDiv(x, g.norm(x))]);
 * rowMap(unit, { rows: { x: [[3, 4]] } })[0].print(); // [[0.6, 0.8]]
 */
export function rowMap(program: RowProgram, given: RowArguments): Tensor[] {
  return applyRows(rowMapSpec.op, program, given);
}
