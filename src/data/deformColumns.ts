import { DomainError } from '../errors.js';
import { Rng } from '../util/rng.js';
import { checkRows, rowSize } from '../util/rows.js';
import type { Rows } from '../util/rows.js';

const OP = 'deformColumns';

/** Ways to make rows of a table unlike the ones that they come from. */
export const COLUMN_DEFORMATIONS = [
  'noise-low',
  'noise-high',
  'scale-low',
  'scale-high',
  'shuffle',
] as const;

/** One of COLUMN_DEFORMATIONS. */
export type ColumnDeformation = (typeof COLUMN_DEFORMATIONS)[number];

/** Standard deviation of the noise, in deviations of the column. */
const NOISE = { 'noise-low': 0.5, 'noise-high': 2 } as const;

/** Factors of a measurement in a wrong unit, nearly right and quite wrong. */
const SCALE = { 'scale-low': 1.25, 'scale-high': 2 } as const;

export interface DeformColumnsOptions {
  /** Integer; used by noise and shuffle. */
  readonly seed: number;
  /** Columns to deform; default all. Columns of zeros and ones are best left out. */
  readonly columns?: readonly number[];
}

/**
 * Deformed copies of the rows of a table.
 *
 * - `noise-low`, `noise-high`: normal noise of 0.5 or 2 standard deviations of the column is added.
 * - `scale-low`, `scale-high`: multiplied by 1.25 or 2.
 * - `shuffle`: the values of each column are dealt out anew among the rows, column by column: every column
 *   keeps its distribution, and rows lose what ties their columns together.
 *
 * @param rows Finite rows of any shape; a column is one element of it.
 * @param kind One of COLUMN_DEFORMATIONS.
 * @returns A copy of the same shape. The same seed gives the same rows on every platform.
 * @throws DomainError for an unknown kind, a column that is not there, values not finite.
 * @throws ShapeError when rows are empty or do not match their shape.
 * @example
 * const strange = deformColumns((await loadDataset('abalone')).x, 'shuffle', { seed: 1 });
 */
export function deformColumns(
  rows: Rows,
  kind: ColumnDeformation,
  { seed, columns }: DeformColumnsOptions,
): Rows {
  if (!COLUMN_DEFORMATIONS.includes(kind)) {
    const expected = `be one of ${COLUMN_DEFORMATIONS.join(', ')}`;
    throw new DomainError({ op: OP, arg: 'kind', expected, got: `'${kind}'` });
  }
  checkRows(OP, 'rows', rows);
  const size = rowSize(rows);
  const chosen = columns ?? Array.from({ length: size }, (_, j) => j);
  const bad = chosen.find((j) => !(Number.isInteger(j) && j >= 0 && j < size));
  if (bad !== undefined) {
    const expected = `be columns in [0, ${size - 1}]`;
    throw new DomainError({ op: OP, arg: 'columns', expected, got: String(bad) });
  }
  const rng = new Rng(seed);
  const data = rows.data.slice();
  for (const j of chosen) {
    const column = Float32Array.from({ length: rows.count }, (_, i) => data[i * size + j]);
    const changed = deformColumn(column, kind, rng);
    changed.forEach((value, i) => (data[i * size + j] = value));
  }
  return { data, count: rows.count, rowShape: rows.rowShape };
}

function deformColumn(column: Float32Array, kind: ColumnDeformation, rng: Rng): Float32Array {
  switch (kind) {
    case 'noise-low':
    case 'noise-high': {
      const sigma = NOISE[kind] * deviationOf(column);
      return column.map((value) => value + sigma * rng.normal());
    }
    case 'scale-low':
    case 'scale-high':
      return column.map((value) => SCALE[kind] * value);
    case 'shuffle':
      return Float32Array.from(rng.permutation(column.length), (i) => column[i]);
  }
}

function deviationOf(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / values.length);
}
