import { DataError } from '../errors.js';
import { ParquetFile } from './parquetFile.js';
import type { RowBlock, RowSource } from './rowSource.js';
import { inputName, spool } from './streamInput.js';
import type { Input, Spooled } from './streamInput.js';
import { tableLayout, withTargets } from './tableLayout.js';
import type { TableLayout, TableOptions } from './tableLayout.js';

const OP = 'parquet';

/** Values held at a time, 256 MiB of float32: a larger row group is read in parts. */
const HELD_VALUES = 1 << 26;

/**
 * Rows of a parquet file, row group by row group: every column but the target is a feature. Columns
 * hold booleans, integers, floats or decimals, rounded to float32.
 *
 * Such a file is read from its end, so a pipe is copied to a temporary file first, which is removed
 * afterwards.
 * @throws DataError for another file, a column of something else, or a missing value, naming row and
 * column.
 */
export async function openParquetSource(
  input: Input,
  options: TableOptions & { readonly signal?: AbortSignal | undefined },
): Promise<RowSource> {
  let spooled: Spooled | undefined;
  const path =
    typeof input === 'string' ? input : (spooled = await spool(OP, input, options.signal)).path;
  const name = inputName(input);
  try {
    const file = await ParquetFile.open(path, name);
    const count = file.rows;
    await file.close();
    const layout = tableLayout(OP, name, file.columns, options);
    if (count === 0) {
      throw new DataError({ op: OP, arg: name, expected: 'have at least one row', got: 'none' });
    }
    const table: Table = { path, name, layout, options };
    return withTargets(input, options, {
      count,
      blocks: (blockRows, signal) => parquetBlocks(table, spooled, blockRows, signal),
      scanTargets: (signal) => scanColumn(table, signal),
    });
  } catch (error) {
    await spooled?.remove();
    throw error;
  }
}

interface Table {
  readonly path: string;
  readonly name: string;
  readonly layout: TableLayout;
  readonly options: TableOptions;
}

async function* parquetBlocks(
  table: Table,
  spooled: Spooled | undefined,
  blockRows: number,
  signal?: AbortSignal,
): AsyncGenerator<RowBlock> {
  const { layout, options } = table;
  const size = layout.features.length;
  const rowShape = options.rowShape ?? [size];
  // Blocks do not end where row groups do.
  let x = new Float32Array(blockRows * size);
  let y = new Float64Array(layout.target < 0 ? 0 : blockRows);
  let count = 0;
  const take = (): RowBlock => {
    const block = { x: x.subarray(0, count * size), count, rowShape };
    const whole = layout.target < 0 ? block : { ...block, y: y.subarray(0, count) };
    // A fresh buffer: the consumer keeps the block that it was given.
    x = new Float32Array(blockRows * size);
    y = new Float64Array(y.length);
    count = 0;
    return whole;
  };
  try {
    for await (const part of parts(table, signal)) {
      for (let row = 0; row < part.count;) {
        const rows = Math.min(part.count - row, blockRows - count);
        x.set(part.x.subarray(row * size, (row + rows) * size), count * size);
        if (layout.target >= 0) y.set(part.y.subarray(row, row + rows), count);
        row += rows;
        count += rows;
        if (count === blockRows) yield take();
      }
    }
    if (count > 0) yield take();
  } finally {
    await spooled?.remove();
  }
}

/** Rows that are held at a time. */
interface Part {
  readonly count: number;
  readonly x: Float32Array;
  readonly y: Float64Array;
}

/** Row groups, or parts of them, put together column by column. */
async function* parts(table: Table, signal?: AbortSignal): AsyncGenerator<Part> {
  const { layout, options } = table;
  const { features, target, columns } = layout;
  const file = await ParquetFile.open(table.path, table.name);
  try {
    const most = Math.max(1, Math.floor(HELD_VALUES / features.length));
    for (const group of file.groups) {
      for (let first = 0; first < group.count; first += most) {
        const start = group.start + first;
        const count = Math.min(most, group.count - first);
        const x = new Float32Array(count * features.length);
        const y = new Float64Array(target < 0 ? 0 : count);
        for (let f = 0; f < features.length; f++) {
          signal?.throwIfAborted();
          const to = { out: x, at: f, step: features.length, scale: options.scale ?? 1 };
          await readColumn(file, table, columns[features[f]], [start, count], to);
        }
        if (target >= 0) {
          const to = { out: y, at: 0, step: 1, scale: 1 };
          await readColumn(file, table, columns[target], [start, count], to);
        }
        yield { count, x, y };
      }
    }
  } finally {
    await file.close();
  }
}

async function* scanColumn(table: Table, signal?: AbortSignal): AsyncGenerator<Float64Array> {
  const { target, columns } = table.layout;
  const file = await ParquetFile.open(table.path, table.name);
  try {
    for (const { start, count } of file.groups) {
      signal?.throwIfAborted();
      const out = new Float64Array(count);
      const to = { out, at: 0, step: 1, scale: 1 };
      await readColumn(file, table, columns[target], [start, count], to);
      yield out;
    }
  } finally {
    await file.close();
  }
}

/** Where the values of a column go: to `at`, and every `step` from there. */
interface Destination {
  readonly out: Float32Array | Float64Array;
  readonly at: number;
  readonly step: number;
  readonly scale: number;
}

async function readColumn(
  file: ParquetFile,
  { name, options }: Table,
  column: string,
  [start, count]: readonly [number, number],
  { out, at, step, scale }: Destination,
): Promise<void> {
  const mayFail = options.unreadable !== 'nan';
  const mayLack = options.mayLackTargets === true && column === options.target;
  let filled = 0;
  for (const piece of await file.read(column, start, start + count)) {
    const from = Math.max(start, piece.start);
    const to = Math.min(start + count, piece.start + piece.values.length);
    for (let row = from; row < to; row++) {
      const cell = piece.values[row - piece.start];
      const value = numberOf(cell);
      const isLacking = mayLack && (cell === undefined || cell === null);
      if (value === undefined && mayFail && !isLacking) throw noNumber(name, row, column);
      out[at + (row - start) * step] = (value ?? NaN) / scale;
    }
    filled += Math.max(0, to - from);
  }
  if (filled === count) return;
  throw new DataError({
    op: OP,
    arg: name,
    expected: `hold ${count} values of column '${column}' from row ${start}`,
    got: String(filled),
    fix: 'The file is corrupt; write it again.',
  });
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'boolean' ? Number(value) : undefined;
}

function noNumber(name: string, row: number, column: string): DataError {
  return new DataError({
    op: OP,
    arg: name,
    expected: `hold a number in row ${row}, column '${column}'`,
    got: 'a missing value',
    fix: 'Fill or remove missing values first.',
  });
}
