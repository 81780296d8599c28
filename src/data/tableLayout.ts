import { DataError } from '../errors.js';
import { checkRowShape } from './arraySource.js';
import type { RowBlock, RowSource, TargetRule } from './rowSource.js';
import { inputName } from './streamInput.js';
import type { Input } from './streamInput.js';

/** Where features and target stand in a table. */
export interface TableLayout {
  readonly columns: readonly string[];
  /** Positions of the features among the columns. */
  readonly features: readonly number[];
  /** Position of the target; -1 without one. */
  readonly target: number;
}

/** What a table is asked for. */
export interface TableOptions {
  readonly name: string;
  /** Column that holds the target: its name, or its number from 1 where columns have no names. */
  readonly target?: string | undefined;
  /** What the target is. Default: decided by its values. */
  readonly task?: 'classification' | 'regression' | undefined;
  readonly rowShape?: readonly number[] | undefined;
  /** Values are divided by this. Default 1. */
  readonly scale?: number | undefined;
  /** A cell that holds no number: an error (default), or NaN. */
  readonly unreadable?: 'fail' | 'nan' | undefined;
  /** An empty cell of the target is NaN and no error. Default false. */
  readonly mayLackTargets?: boolean | undefined;
}

/** A row of a table: one number for each of its columns. */
export interface TableRow {
  readonly layout: TableLayout;
  readonly values: ArrayLike<number>;
}

/** Targets are looked through in pieces of this many. */
const SCAN_ROWS = 1 << 14;

/**
 * A source of the rows of a table. Its targets can be looked through first when it is a file.
 * @param read Reads all rows from the first.
 */
export function tableSource(
  input: Input,
  options: TableOptions,
  read: (signal?: AbortSignal) => AsyncIterable<TableRow>,
): RowSource {
  return withTargets(input, options, {
    blocks: (blockRows, signal) => tableBlocks(read(signal), options, blockRows),
    scanTargets: (signal) => scanTargets(read(signal)),
  });
}

/** A source with what the options say of its targets. */
export function withTargets(
  input: Input,
  { name, target, task }: TableOptions,
  read: Required<Pick<RowSource, 'blocks' | 'scanTargets'>> & Pick<RowSource, 'count'>,
): RowSource {
  const { scanTargets: scan, ...base } = { name, source: inputName(input), ...read };
  if (target === undefined) return base;
  const kinds = { classification: 'class', regression: 'real' } as const;
  const targets: TargetRule = {
    kind: task === undefined ? 'guess' : kinds[task],
    where: `column '${target}' of ${base.source}`,
  };
  return typeof input === 'string' ? { ...base, targets, scanTargets: scan } : { ...base, targets };
}

async function* tableBlocks(
  rows: AsyncIterable<TableRow>,
  { target, rowShape, scale = 1 }: TableOptions,
  blockRows: number,
): AsyncGenerator<RowBlock> {
  let x = new Float32Array(0);
  let y = new Float64Array(0);
  let count = 0;
  let shape: readonly number[] = [];
  const take = (): RowBlock => {
    const size = x.length / blockRows;
    const block = { x: x.subarray(0, count * size), count, rowShape: shape };
    return target === undefined ? block : { ...block, y: y.subarray(0, count) };
  };
  for await (const { layout, values } of rows) {
    const { features } = layout;
    const size = features.length;
    if (count === 0) {
      // A fresh buffer: the consumer keeps the block that it was given.
      x = new Float32Array(blockRows * size);
      y = new Float64Array(layout.target < 0 ? 0 : blockRows);
      shape = rowShape ?? [size];
    }
    for (let i = 0; i < size; i++) x[count * size + i] = values[features[i]] / scale;
    if (layout.target >= 0) y[count] = values[layout.target];
    count++;
    if (count === blockRows) {
      yield take();
      count = 0;
    }
  }
  if (count > 0) yield take();
}

async function* scanTargets(rows: AsyncIterable<TableRow>): AsyncGenerator<Float64Array> {
  let found: number[] = [];
  for await (const { layout, values } of rows) {
    found.push(values[layout.target]);
    if (found.length === SCAN_ROWS) {
      yield Float64Array.from(found);
      found = [];
    }
  }
  if (found.length > 0) yield Float64Array.from(found);
}

/**
 * Take the target out of the columns; all others are features, in their order.
 * @throws DataError when the target is not there, or nothing else is.
 */
export function tableLayout(
  op: string,
  path: string,
  columns: readonly string[],
  options: TableOptions,
  isNamed = true,
): TableLayout {
  const target = targetColumn(op, path, columns, isNamed, options.target);
  const features = columns.flatMap((_, i) => (i === target ? [] : [i]));
  if (features.length === 0) {
    const got = columns.length === 0 ? 'no columns' : `the column '${columns[0]}' only`;
    throw new DataError({ op, arg: path, expected: 'have columns besides the target', got });
  }
  if (options.rowShape !== undefined) checkRowShape(op, path, features.length, options.rowShape);
  return { columns, features, target };
}

function targetColumn(
  op: string,
  path: string,
  columns: readonly string[],
  isNamed: boolean,
  target: string | undefined,
): number {
  if (target === undefined) return -1;
  const at = columns.indexOf(target);
  if (at >= 0 && columns.lastIndexOf(target) === at) return at;
  const shown =
    columns.length > 20 ? `${columns.slice(0, 20).join(', ')}, ...` : columns.join(', ');
  if (at >= 0) {
    const got = `several in ${shown}`;
    throw new DataError({ op, arg: path, expected: `have one column '${target}'`, got });
  }
  throw new DataError({
    op,
    arg: path,
    expected: `have a column '${target}'`,
    got: isNamed ? `columns ${shown}` : `no header, only columns 1 to ${columns.length}`,
    fix: isNamed ? 'Names are case-sensitive.' : 'Name the target by its number: #target=1.',
  });
}
