import { pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { DataError } from '../errors.js';
import { asReadError, byteStream, openByteSource } from './byteReader.js';
import { inputName } from './streamInput.js';
import type { Input } from './streamInput.js';

const OP = 'csv';

/** One line of a CSV file. */
export interface CsvRecord {
  readonly cells: readonly string[];
  /** Number of the line in the file, from 1 (of its last line when a quoted cell spans several). */
  readonly line: number;
}

/** How lines are cut where it is not the plain way of CSV. */
export interface CsvLayout {
  /** What errors call the reader. Default 'csv'. */
  readonly op?: string;
  /** Between cells; several are all taken. Default: a tab for .tsv, a comma for others. */
  readonly delimiter?: string | string[];
  /** Lines that start with this are left out. Default: none. */
  readonly comment?: string;
  /** Lines may differ in length. Default false. */
  readonly ragged?: boolean;
}

/**
 * Records of a CSV file (or of a .tsv file, split at tabs), decompressed when it is gzip.
 * @throws DataError when it cannot be read, a quote is not closed, or lines differ in length.
 */
export async function* csvRecords(
  input: Input,
  signal?: AbortSignal,
  layout: CsvLayout = {},
): AsyncGenerator<CsvRecord> {
  const path = inputName(input);
  const { op = OP, delimiter = /\.tsv(\.gz)?$/.test(path) ? '\t' : ',' } = layout;
  const bytes =
    typeof input === 'string' ? byteStream(await openByteSource(op, input)) : input.stream;
  const parser = parse({
    bom: true,
    comment: layout.comment ?? null,
    comment_no_infix: true,
    delimiter,
    info: true,
    relax_column_count: layout.ragged ?? false,
    skip_empty_lines: true,
    trim: true,
  });
  // Errors reach the loop below through the parser; the callback keeps them from being unhandled.
  pipeline(bytes, parser, () => undefined);
  try {
    for await (const item of parser) {
      signal?.throwIfAborted();
      const { record, info } = item as { record: string[]; info: { lines: number } };
      yield { cells: record, line: info.lines };
    }
  } catch (error) {
    if (error instanceof CsvError) throw csvFault(op, path, error);
    throw asReadError(op, path, error);
  }
}

function csvFault(op: string, path: string, error: CsvError): DataError {
  const line = typeof error.lines === 'number' ? ` in line ${error.lines}` : '';
  const [expected, fix] =
    error.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH'
      ? ['have the same number of cells in every line', 'Add or remove cells in that line.']
      : ['be well-formed CSV (RFC 4180)', 'Check the quotes around there.'];
  const got = error.message.replace(/\s+/g, ' ').replace(/\.$/, '');
  return new DataError(
    { op, arg: path, expected, got: `an error${line}: ${got}`, fix },
    { cause: error },
  );
}
