import { DomainError, ShapeError } from '../errors.js';
import { formatShape, sizeOf } from './shape.js';

/** A block of rows on the host: row i is `data[i * size, (i + 1) * size)` with size = product(rowShape). */
export interface Rows {
  readonly data: Float32Array;
  readonly count: number;
  readonly rowShape: readonly number[];
}

/** What a supervised model learns to predict: class labels 0..classes-1, or real values. */
export type Targets =
  | { readonly kind: 'class'; readonly values: Int32Array; readonly classes: number }
  | { readonly kind: 'real'; readonly values: Float32Array };

/** Rows with optional targets, as the data loaders return them. */
export interface Dataset {
  readonly name: string;
  readonly x: Rows;
  readonly y?: Targets;
  /** Where the data came from (a path or a package), for reports. */
  readonly source: string;
}

/** Elements per row. */
export function rowSize(rows: Rows): number {
  return sizeOf(rows.rowShape);
}

/** Whether all values are finite. A product with 0 is 0 or NaN: no branch per value. */
export function areFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}

/** A view (no copy) of rows [start, end). */
export function sliceRows(rows: Rows, start: number, end: number): Rows {
  const size = rowSize(rows);
  const stop = Math.min(end, rows.count);
  return {
    data: rows.data.subarray(start * size, stop * size),
    count: Math.max(0, stop - start),
    rowShape: rows.rowShape,
  };
}

/** A copy of the rows with the given indices, in that order. */
export function takeRows(rows: Rows, indices: ArrayLike<number>): Rows {
  const size = rowSize(rows);
  const data = new Float32Array(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i];
    data.set(rows.data.subarray(row * size, (row + 1) * size), i * size);
  }
  return { data, count: indices.length, rowShape: rows.rowShape };
}

/** A copy of the targets with the given indices, in that order. */
export function takeTargets(targets: Targets, indices: ArrayLike<number>): Targets {
  if (targets.kind === 'class') {
    const values = Int32Array.from(indices, (row) => targets.values[row]);
    return { kind: 'class', values, classes: targets.classes };
  }
  return { kind: 'real', values: Float32Array.from(indices, (row) => targets.values[row]) };
}

/** What a value that should be an object of ours is, for people. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object') return `a ${typeof value}`;
  const { name } =
    (value as { readonly constructor?: { readonly name: string } }).constructor ?? {};
  return name === undefined || name === 'Object'
    ? `an object with ${Object.keys(value).join(', ') || 'nothing'}`
    : `a ${name}`;
}

function isTypedArray(value: unknown): boolean {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** @throws DomainError for what JavaScript lets pass instead of {@link Rows}: an array, a tensor, nothing. */
function checkRowsForm(op: string, arg: string, value: unknown): void {
  const { data, rowShape } = (value ?? {}) as { readonly [key: string]: unknown };
  if (isTypedArray(data) && Array.isArray(rowShape)) return;
  throw new DomainError({
    op,
    arg,
    expected: 'be rows, { data: Float32Array, count: number, rowShape: number[] }',
    got:
      data !== undefined && !isTypedArray(data) ? `data that are ${kindOf(data)}` : kindOf(value),
  });
}

/** @throws DomainError for what JavaScript lets pass instead of {@link Targets}. */
export function checkTargetsForm(op: string, arg: string, value: unknown): void {
  const { kind, values, classes } = (value ?? {}) as { readonly [key: string]: unknown };
  const isClass = kind === 'class' && Number.isInteger(classes);
  if (isTypedArray(values) && (isClass || kind === 'real')) return;
  throw new DomainError({
    op,
    arg,
    expected:
      "be targets, { kind: 'class', values: Int32Array, classes: number } or { kind: 'real', values: Float32Array }",
    got: isTypedArray(values)
      ? `kind ${JSON.stringify(kind)}, classes ${String(classes)}`
      : kindOf(value),
  });
}

/**
 * Check a block of rows before anything is computed from it.
 * @throws DomainError for something else than rows. @throws ShapeError when empty, when data and shape disagree, or when rowShape is not `rowShape`.
 * @throws DomainError naming the first NaN or infinite value.
 */
export function checkRows(op: string, arg: string, rows: Rows, rowShape?: readonly number[]): void {
  checkRowsForm(op, arg, rows);
  const size = rowSize(rows);
  if (rows.count < 1) {
    throw new ShapeError({ op, arg, expected: 'have at least one row', got: '0 rows' });
  }
  if (rows.data.length !== rows.count * size) {
    throw new ShapeError({
      op,
      arg,
      expected: `hold count x product(rowShape) = ${rows.count} x ${size} values`,
      got: `${rows.data.length} values`,
    });
  }
  if (rowShape !== undefined && formatShape(rowShape) !== formatShape(rows.rowShape)) {
    throw new ShapeError({
      op,
      arg,
      expected: `have rows of shape ${formatShape(rowShape)} (${sizeOf(rowShape)} features), as in training`,
      got: `rows of shape ${formatShape(rows.rowShape)} (${size} features)`,
    });
  }
  if (!areFinite(rows.data)) {
    const bad = rows.data.findIndex((value) => !Number.isFinite(value));
    const [row, feature] = [Math.floor(bad / size), bad % size];
    throw new DomainError({
      op,
      arg,
      expected: 'be finite',
      got: `${rows.data[bad]} at row ${row}, feature ${feature}`,
      fix: 'Remove or impute such rows first.',
    });
  }
}
