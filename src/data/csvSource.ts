import { DataError } from '../errors.js';
import { csvRecords } from './csvRecords.js';
import type { CsvRecord } from './csvRecords.js';
import type { RowSource } from './rowSource.js';
import { inputName } from './streamInput.js';
import type { Input } from './streamInput.js';
import { tableLayout, tableSource } from './tableLayout.js';
import type { TableLayout, TableOptions, TableRow } from './tableLayout.js';

const OP = 'csv';

/** How a CSV file becomes rows. */
export interface CsvSourceOptions extends TableOptions {
  /** Whether the first line holds names. Default: it does when a cell of it is not a number. */
  readonly header?: boolean | undefined;
}

/** Where features and target stand in a record. */
interface Layout extends TableLayout {
  readonly hasHeader: boolean;
}

/**
 * Rows of a CSV file: every column but the target is a feature.
 *
 * Cells are numbers; `NaN` and `inf` are read as such (a model refuses them, naming row and
 * feature). Values are rounded to float32.
 * @throws DataError at the first cell that is not a number, naming line and column.
 */
export function csvSource(input: Input, options: CsvSourceOptions): RowSource {
  return tableSource(input, options, (signal) => csvRows(input, options, signal));
}

/** Records below the header as numbers, with the layout that the first record gives. */
async function* csvRows(
  input: Input,
  options: CsvSourceOptions,
  signal?: AbortSignal,
): AsyncGenerator<TableRow> {
  const path = inputName(input);
  const ragged = options.unreadable === 'nan';
  let layout: Layout | undefined;
  let rows = 0;
  for await (const record of csvRecords(input, signal, { ragged })) {
    if (layout === undefined) {
      layout = layoutOf(path, record.cells, options);
      if (layout.hasHeader) continue;
    }
    rows++;
    yield { layout, values: numbersIn(path, record, layout, options) };
  }
  if (rows === 0) {
    const got = layout === undefined ? 'an empty file' : 'a header only';
    throw new DataError({ op: OP, arg: path, expected: 'have at least one row', got });
  }
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

/** The numbers of a record; where it may not fail, NaN for a cell, or all cells of a torn line. */
function numbersIn(
  path: string,
  { cells, line }: CsvRecord,
  { columns, target }: Layout,
  { unreadable, mayLackTargets }: CsvSourceOptions,
): Float64Array {
  const values = new Float64Array(columns.length);
  if (cells.length !== columns.length) return values.fill(NaN);
  for (let i = 0; i < values.length; i++) {
    const value = parseNumber(cells[i]);
    const isLacking = i === target && mayLackTargets === true && cells[i] === '';
    if (value === undefined && unreadable !== 'nan' && !isLacking) {
      throw noNumber(path, `line ${line}, column '${columns[i]}'`, cells[i]);
    }
    values[i] = value ?? NaN;
  }
  return values;
}

function noNumber(path: string, where: string, cell: string): DataError {
  return new DataError({
    op: OP,
    arg: path,
    expected: `hold a number in ${where}`,
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
  return { ...tableLayout(OP, path, columns, options, hasHeader), hasHeader };
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
