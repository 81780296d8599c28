import * as tf from '@tensorflow/tfjs';
import type { Tensor, TensorLike } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import type { RowProgram } from '../specs/rowProgram/graph.js';
import { broadcastShapes, formatShape, sizeOf } from '../util/shape.js';
import { toFloat32 } from './checks.js';
import { runRowProgram } from './rowProgram.js';

/** Rows: a tensor or nested array [..., d]. */
export type RowsLike = Tensor | TensorLike;
/** One number for all rows, or a tensor or nested array with one for each. */
export type ScalarsLike = Tensor | TensorLike;

export interface RowArguments {
  /** By the names of the program's row inputs. */
  readonly rows: Readonly<Record<string, RowsLike>>;
  /** By the names of the program's scalar inputs. */
  readonly scalars?: Readonly<Record<string, ScalarsLike>>;
}

/** Numbers that the host knows are checked; those on a device are not read for it. @throws DomainError */
export function checkPositive(op: string, arg: string, value: ScalarsLike): void {
  if (typeof value !== 'number' || (value > 0 && Number.isFinite(value))) return;
  throw new DomainError({ op, arg, expected: 'be a finite number above 0', got: String(value) });
}

/** A curvature c > 0 (the space has sectional curvature -c). @throws DomainError for another number. */
export function checkCurvature(op: string, c: ScalarsLike, arg = 'c'): ScalarsLike {
  checkPositive(op, arg, c);
  return c;
}

/**
 * Run a row program on arguments as users give them: rows [..., d] whose leading dimensions broadcast
 * with each other and with the shapes of the scalars. Outputs are [..., d] and [...].
 * @throws ShapeError if features differ, rows have rank 0, or shapes do not broadcast. @throws DtypeError
 * if a tensor is not float32.
 */
export function applyRows(op: string, program: RowProgram, given: RowArguments): Tensor[] {
  return tf.tidy(() => {
    const rows = program.rows.map((name) => {
      const tensor = toFloat32(op, name, given.rows[name]);
      if (tensor.rank > 0) return tensor;
      throw new ShapeError({
        op,
        arg: name,
        expected: 'have shape [..., features], rank 1 or more',
        got: 'a scalar',
      });
    });
    const scalars = program.scalars.map((name) =>
      toFloat32(op, name, given.scalars?.[name] ?? NaN),
    );
    const d = rows.length === 0 ? 1 : rows[0].shape[rows[0].rank - 1];
    rows.forEach((tensor, i) => {
      if (tensor.shape[tensor.rank - 1] === d) return;
      throw new ShapeError({
        op,
        arg: program.rows[i],
        expected: `have as many features (last dimension) as ${program.rows[0]}, which has shape ${formatShape(rows[0].shape)}`,
        got: `shape ${formatShape(tensor.shape)}`,
      });
    });
    const leads = [
      ...rows.map((tensor) => tensor.shape.slice(0, -1)),
      ...scalars.map(({ shape }) => shape),
    ];
    const names = [...program.rows, ...program.scalars];
    const lead = leads.reduce((common, shape, i) => {
      const joint = broadcastShapes(common, shape);
      if (joint !== undefined) return joint;
      throw new ShapeError({
        op,
        arg: names[i],
        expected: `have rows that broadcast with ${formatShape(common)}`,
        got: `rows ${formatShape(shape)}`,
      });
    }, []);
    const n = sizeOf(lead);
    const flat = (tensor: Tensor, own: readonly number[], width: readonly number[]): Tensor => {
      // One row stands for all, without copies of it.
      if (sizeOf(own) === 1) return tensor.reshape([1, ...width]);
      const full = [...lead, ...width];
      const same = formatShape(full) === formatShape(tensor.shape);
      return (same ? tensor : tensor.broadcastTo(full)).reshape([n, ...width]);
    };
    const results = runRowProgram(
      program,
      rows.map((tensor, i) => flat(tensor, leads[i], [d])),
      scalars.map((tensor, i) => flat(tensor, leads[rows.length + i], [])),
      n,
      d,
    );
    return results.map((result, i) =>
      result.reshape(program.outputs[i].level === 'row' ? [...lead, d] : lead),
    );
  });
}
