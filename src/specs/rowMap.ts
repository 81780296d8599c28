import type { RowProgram } from './rowProgram/graph.js';
import type { OpSpec } from './spec.js';

export interface RowMapAttrs {
  readonly program: RowProgram;
  /** Rows and features of the outputs. */
  readonly n: number;
  readonly d: number;
}

/** More inputs of one kind than any program has. */
const MOST = 16;
const numbered = <Kind extends string>(kind: Kind): `${Kind}${number}`[] =>
  Array.from({ length: MOST }, (_, i): `${Kind}${number}` => `${kind}${i}`);

export type RowMapInput = `row${number}` | `scalar${number}`;

/**
 * A row program over n rows. Inputs row0, row1, ... [n, d] or [1, d], scalar0, ... [n] or [1], float32,
 * in the order of the program; one row or scalar stands for all. Outputs [n, d] and [n], float32.
 */
export const rowMapSpec: OpSpec<never, RowMapAttrs, RowMapInput> = {
  op: 'rowMap',
  kernelName: 'LatentRowMap',
  inputs: [],
  optional: [...numbered('row'), ...numbered('scalar')],
  infer: (_shapes, { program, n, d }) =>
    program.outputs.map(({ level }) => ({
      shape: level === 'row' ? [n, d] : [n],
      dtype: 'float32',
    })),
};
