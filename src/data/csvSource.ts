import { DataError } from '../errors.js';
import { checkRowShape } from './arraySource.js';
import { csvName, csvRecords } from './csvRecords.js';
import type { CsvInput, CsvRecord } from './csvRecords.js';
import type { RowBlock, RowSource, TargetRule } from './rowSource.js';

const OP = 'csv';

/** How a CSV file becomes rows. */
export interface CsvSourceOptions {
  readonly name: string;
  /** Column that holds the target: its name, or its number from 1 when there is no header. */
  readonly target?: string | undefined;
  /** What the target is. Default: decided by its values. */
  readonly task?: 'classification' | 'regression' | undefined;
  /** Whether the first line holds names. Default: it does when a cell of it is not a number. */
  readonly header?: boolean | undefined;
  readonly rowShape?: readonly number[] | undefined;
  /** Values are divided by this. Default 1. */
  readonly scale?: number | undefined;
}

/** Where features and target stand in a record. */
interface Layout {
  readonly columns: readonly string[];
  readonly features: readonly number[];
  /** -1 without a target. */
  readonly target: number;
  readonly hasHeader: boolean;
}

/** Targets are looked through in pieces of this many. */
const SCAN_ROWS = 1 << 14;

/**
 * Rows of a CSV file: every column but the target is a feature.
 *
 * Cells are numbers; `NaN` and `inf` are read as such (a model refuses them, naming row and
 * feature). Values are rounded to float32.
 * @throws DataError at the first cell that is not a number, naming line and column.
 */
export function csvSource(input: CsvInput, options: CsvSourceOptions): RowSource {
  const { name, target, task } = options;
  const path = csvName(input);
  const base: RowSource = {
    name,
    source: path,
    blocks: (blockRows, signal) => csvBlocks(input, options, blockRows, signal),
  };
  if (target === undefined) return base;
  const kinds = { classification: 'class', regression: 'real' } as const;
  const targets: TargetRule = {
    kind: task === undefined ? 'guess' : kinds[task],
    where: `column '${target}' of ${path}`,
  };
  if (typeof input !== 'string') return { ...base, targets };
  return { ...base, targets, scanTargets: (signal) => scanColumn(input, options, signal) };
}

/** Records below the header, with the layout that the first record gives. */
async function* laidOut(
  input: CsvInput,
  options: CsvSourceOptions,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly record: CsvRecord; readonly layout: Layout }> {
  let layout: Layout | undefined;
  let rows = 0;
  for await (const record of csvRecords(input, signal)) {
    if (layout === undefined) {
      layout = layoutOf(csvName(input), record.cells, options);
      if (layout.hasHeader) continue;
    }
    rows++;
    yield { record, layout };
  }
  if (rows === 0) {
    const got = layout === undefined ? 'an empty file' : 'a header only';
    throw new DataError({ op: OP, arg: csvName(input), expected: 'have at least one row', got });
  }
}

async function* csvBlocks(
  input: CsvInput,
  options: CsvSourceOptions,
  blockRows: number,
  signal?: AbortSignal,
): AsyncGenerator<RowBlock> {
  const path = csvName(input);
  const scale = options.scale ?? 1;
  let x = new Float32Array(0);
  let y = new Float64Array(0);
  let count = 0;
  let rowShape: readonly number[] = [];
  const take = (): RowBlock => {
    const size = x.length / blockRows;
    const block = { x: x.subarray(0, count * size), count, rowShape };
    return options.target === undefined ? block : { ...block, y: y.subarray(0, count) };
  };
  for await (const { record, layout } of laidOut(input, options, signal)) {
    const { features, target } = layout;
    if (count === 0) {
      // A fresh buffer: the consumer keeps the block that it was given.
      x = new Float32Array(blockRows * features.length);
      y = new Float64Array(target < 0 ? 0 : blockRows);
      rowShape = options.rowShape ?? [features.length];
    }
    const at = count * features.length;
    for (let i = 0; i < features.length; i++) {
      x[at + i] = numberIn(path, record, layout, features[i]) / scale;
    }
    if (target >= 0) y[count] = numberIn(path, record, layout, target);
    count++;
    if (count === blockRows) {
      yield take();
      count = 0;
    }
  }
  if (count > 0) yield take();
}

async function* scanColumn(
  input: CsvInput,
  options: CsvSourceOptions,
  signal?: AbortSignal,
): AsyncGenerator<Float64Array> {
  let values: number[] = [];
  for await (const { record, layout } of laidOut(input, options, signal)) {
    values.push(numberIn(csvName(input), record, layout, layout.target));
    if (values.length === SCAN_ROWS) {
      yield Float64Array.from(values);
      values = [];
    }
  }
  if (values.length > 0) yield Float64Array.from(values);
}

const NOT_FINITE: Readonly<Record<string, number>> = {
  nan: NaN,
  inf: Infinity,
  infinity: Infinity,
  '+inf': Infinity,
  '+infinity': Infinity,
  '-inf': -Infinity,
  '-infinity': -Infinity,
};

/** The number that a cell holds; undefined when it holds none. */
export function parseNumber(cell: string): number | undefined {
  const value = Number(cell);
  // Number() also takes an empty cell and 0x10, 0b1, 0o7, which no table means as numbers.
  if (!Number.isNaN(value) && cell !== '' && !/^[+-]?0[xbo]/i.test(cell)) return value;
  const word = cell.toLowerCase();
  return Object.hasOwn(NOT_FINITE, word) ? NOT_FINITE[word] : undefined;
}

function numberIn(path: string, { cells, line }: CsvRecord, layout: Layout, at: number): number {
  const value = parseNumber(cells[at]);
  if (value !== undefined) return value;
  const cell = cells[at];
  throw new DataError({
    op: OP,
    arg: path,
    expected: `hold a number in line ${line}, column '${layout.columns[at]}'`,
    got: cell === '' ? 'an empty cell' : `'${cell.slice(0, 40)}'`,
    fix: 'Encode text as numbers and fill or remove missing values first.',
  });
}

function layoutOf(path: string, first: readonly string[], options: CsvSourceOptions): Layout {
  const hasHeader = options.header ?? looksLikeHeader(path, first);
  const columns = hasHeader ? first : first.map((_, i) => String(i + 1));
  const unnamed = columns.findIndex((column) => column === '');
  if (unnamed >= 0) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: 'name every column in its header',
      got: `no name for column ${unnamed + 1}`,
      fix: 'If it holds row numbers, leave it out (pandas: to_csv(path, index=False)).',
    });
  }
  const target = targetColumn(path, columns, hasHeader, options.target);
  const features = columns.flatMap((_, i) => (i === target ? [] : [i]));
  if (features.length === 0) {
    const got = `the column '${columns[0]}' only`;
    throw new DataError({ op: OP, arg: path, expected: 'have columns besides the target', got });
  }
  if (options.rowShape !== undefined) checkRowShape(OP, path, features.length, options.rowShape);
  return { columns, features, target, hasHeader };
}

/** A first line of numbers is data, unless it may just as well be the numbers of the columns. */
function looksLikeHeader(path: string, first: readonly string[]): boolean {
  const numbers = first.map(parseNumber);
  if (numbers.includes(undefined)) return true;
  const start = numbers[0] ?? NaN;
  const counts = first.length > 2 && (start === 0 || start === 1);
  if (counts && numbers.every((value, i) => value === start + i)) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: 'say whether its first line names the columns when it counts them',
      got: `a first line ${first.slice(0, 3).join(',')},...`,
      fix: 'Add #header=yes or #header=no.',
    });
  }
  return false;
}

function targetColumn(
  path: string,
  columns: readonly string[],
  hasHeader: boolean,
  target: string | undefined,
): number {
  if (target === undefined) return -1;
  const at = columns.indexOf(target);
  if (at >= 0 && columns.lastIndexOf(target) === at) return at;
  const shown =
    columns.length > 20 ? `${columns.slice(0, 20).join(', ')}, ...` : columns.join(', ');
  if (at >= 0) {
    const got = `several in ${shown}`;
    throw new DataError({ op: OP, arg: path, expected: `have one column '${target}'`, got });
  }
  throw new DataError({
    op: OP,
    arg: path,
    expected: `have a column '${target}'`,
    got: hasHeader ? `columns ${shown}` : `no header, only columns 1 to ${columns.length}`,
    fix: hasHeader ? 'Names are case-sensitive.' : 'Name the target by its number: #target=1.',
  });
}
