import { DataError } from '../errors.js';
import { asReadError, byteStream, openByteSource } from './byteReader.js';
import type { RowSource } from './rowSource.js';
import { inputName } from './streamInput.js';
import type { Input } from './streamInput.js';
import { tableLayout, tableSource } from './tableLayout.js';
import type { TableLayout, TableOptions, TableRow } from './tableLayout.js';

const OP = 'ndjson';

/** Longest line that is kept in memory, in characters. */
const LONGEST_LINE = 1 << 26;

/**
 * Rows of an .ndjson file: one JSON object of numbers per line, with the same keys in every line, or one
 * array of numbers. Columns stand in the order of the first line; true and false are 1 and 0.
 * @throws DataError at the first line that is no such thing, naming line and column.
 */
export function ndjsonSource(input: Input, options: TableOptions): RowSource {
  return tableSource(input, options, (signal) => ndjsonRows(input, options, signal));
}

async function* ndjsonRows(
  input: Input,
  options: TableOptions,
  signal?: AbortSignal,
): AsyncGenerator<TableRow> {
  const path = inputName(input);
  const mayFail = options.unreadable !== 'nan';
  let layout: TableLayout | undefined;
  let line = 0;
  for await (const text of textLines(input, signal)) {
    line++;
    if (text.trim() === '') continue;
    const record = recordIn(path, text, line, mayFail);
    if (layout === undefined) {
      if (record === undefined) throw noRecord(path, text, line);
      const columns = Object.keys(record).map((key, i) =>
        Array.isArray(record) ? `${i + 1}` : key,
      );
      layout = tableLayout(OP, path, columns, options, !Array.isArray(record));
    }
    yield { layout, values: numbersIn(path, record, layout, line, options) };
  }
  if (layout === undefined) {
    throw new DataError({
      op: OP,
      arg: path,
      expected: 'have at least one row',
      got: 'an empty file',
    });
  }
}

/** Lines of a text, in constant memory. */
async function* textLines(input: Input, signal?: AbortSignal): AsyncGenerator<string> {
  const path = inputName(input);
  const decoder = new TextDecoder();
  let rest = '';
  try {
    const bytes =
      typeof input === 'string' ? byteStream(await openByteSource(OP, input)) : input.stream;
    for await (const chunk of bytes) {
      signal?.throwIfAborted();
      const text: string =
        typeof chunk === 'string' ? chunk : decoder.decode(chunk as Uint8Array, { stream: true });
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST_LINE) {
        const got = 'a longer line';
        throw new DataError({
          op: OP,
          arg: path,
          expected: `have lines of at most ${LONGEST_LINE} characters`,
          got,
        });
      }
      yield* lines;
    }
  } catch (error) {
    throw asReadError(OP, path, error);
  }
  if (rest !== '') yield rest;
}

type JsonRecord = Readonly<Record<string, unknown>> | readonly unknown[];

/** The object or array of a line; undefined where it is none and that is no error. */
function recordIn(
  path: string,
  text: string,
  line: number,
  mayFail: boolean,
): JsonRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null) return value as JsonRecord;
  if (mayFail) throw noRecord(path, text, line);
  return undefined;
}

function noRecord(path: string, text: string, line: number): DataError {
  return new DataError({
    op: OP,
    arg: path,
    expected: `hold one JSON object or array of numbers in line ${line}`,
    got: `'${text.trim().slice(0, 40)}'`,
    fix: 'A last line like this may have been cut off: write the file again.',
  });
}

function numbersIn(
  path: string,
  record: JsonRecord | undefined,
  { columns, target }: TableLayout,
  line: number,
  { unreadable, mayLackTargets }: TableOptions,
): Float64Array {
  const mayFail = unreadable !== 'nan';
  const values = new Float64Array(columns.length).fill(NaN);
  if (record === undefined) return values;
  const own = Array.isArray(record) ? undefined : (record as Readonly<Record<string, unknown>>);
  const cells = own === undefined ? (record as readonly unknown[]) : columns.map((key) => own[key]);
  const length = Object.keys(record).length;
  if (length !== columns.length) {
    if (!mayFail) return values;
    throw new DataError({
      op: OP,
      arg: path,
      expected: `have the ${columns.length} columns of the first line in line ${line}`,
      got: String(length),
    });
  }
  cells.forEach((cell, i) => {
    if (typeof cell === 'number') values[i] = cell;
    else if (typeof cell === 'boolean') values[i] = cell ? 1 : 0;
    else if (mayFail && !(i === target && mayLackTargets === true && cell === null)) {
      throw new DataError({
        op: OP,
        arg: path,
        expected: `hold a number in line ${line}, column '${columns[i]}'`,
        got: cell === undefined ? 'no such column' : JSON.stringify(cell).slice(0, 40),
        fix: 'Encode text as numbers and fill or remove missing values first.',
      });
    }
  });
  return values;
}
