import { existsSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { DataError, DomainError, ShapeError } from '../errors.js';
import { rowSize } from '../util/rows.js';
import type { Rows } from '../util/rows.js';
import { formatShape } from '../util/shape.js';
import { littleEndianBytes } from './elements.js';
import { formatFloat32 } from './formatNumber.js';
import { formatNpyHeader } from './npyFormat.js';
import { measureLines, measureRows, PartFile, partPath } from './partFile.js';
import type { PartLength } from './partFile.js';
import { ParquetPart, ParquetSink } from './parquetSink.js';
import { recordBytes, toRecords } from './rowRecords.js';
import { openFileSink, openSpooledSink, StreamSink } from './rowSink.js';
import type { RowSink } from './rowSink.js';

const OP = 'createRowWriter';

/** Formats of rows. */
export const ROW_FORMATS = ['csv', 'ndjson', 'npy', 'parquet'] as const;

/** One of ROW_FORMATS. */
export type RowFormat = (typeof ROW_FORMATS)[number];

/** Options of createRowWriter. */
export interface RowWriterOptions {
  /** Names of the columns, but for npy. Default x0, x1, ... */
  readonly columns?: readonly string[];
  /**
   * Name of a first column with the number of the row, from 0. Written as an integer (int64 in parquet),
   * so it is exact at any length; not in npy, where a row has its number by its place.
   */
  readonly counter?: string;
  /** What `-` writes to. Default process.stdout. */
  readonly stdout?: Writable & { readonly isTTY?: boolean };
  /**
   * Let `suspend` leave the rows that are written in `<target>.part`. 'new' begins anew; 'continue' goes on
   * after the whole rows of a part that is there. Needs `columns`. Not for `-`. Default: no part. A part
   * holds the rows as they will stand in the file, but for parquet, whose part holds them as records and
   * is turned into the file by `close`.
   */
  readonly part?: 'new' | 'continue';
}

/** The format that a file name asks for; undefined when it asks for none of them. */
export function rowFormatOf(path: string): RowFormat | undefined {
  const extension = /\.(\w+)$/.exec(path)?.[1].toLowerCase();
  if (extension === 'jsonl') return 'ndjson';
  return ROW_FORMATS.find((format) => format === extension);
}

/**
 * Columns of equal length side by side, as rows for a writer.
 * @throws ShapeError when there are none or their lengths differ.
 * @example
 * await writer.write(columnsToRows([scores.score, scores.distance]));
 */
export function columnsToRows(columns: readonly ArrayLike<number>[]): Rows {
  const count = columns.length === 0 ? 0 : columns[0].length;
  if (columns.length === 0 || columns.some((column) => column.length !== count)) {
    throw new ShapeError({
      op: 'columnsToRows',
      arg: 'columns',
      expected: 'be one or more arrays of equal length',
      got: `lengths ${formatShape(columns.map((column) => column.length))}`,
    });
  }
  const width = columns.length;
  const data = new Float32Array(count * width);
  columns.forEach((column, c) => {
    for (let row = 0; row < count; row++) data[row * width + c] = column[row];
  });
  return { data, count, rowShape: [width] };
}

/** Writes blocks of rows one after the other, in constant memory. */
export class RowWriter {
  private count = 0;
  private rowShape: readonly number[] | undefined;
  private columns: readonly string[] | undefined;
  private isOpen = true;

  /** Use createRowWriter. */
  constructor(
    private readonly sink: RowSink,
    private readonly format: RowFormat,
    columns: readonly string[] | undefined,
    private readonly counter: string | undefined,
    /** Rows that a part which is continued has already. */
    rows = 0,
  ) {
    this.columns = columns;
    this.count = rows;
    if (rows > 0 && columns !== undefined) this.rowShape = [columns.length];
  }

  /** True once the reader of a pipe is gone (`... | head`): the producer may stop. */
  get isStopped(): boolean {
    return this.sink.isStopped;
  }

  /** Rows written so far. */
  get rows(): number {
    return this.count;
  }

  /**
   * Append rows; resolves when the receiver has taken them.
   * @param rows All blocks have the same row shape, with one value per column.
   * @param numbers What the counter gives the rows, ascending. Default: the rows written before them, and
   * so on.
   * @throws ShapeError when the shape differs. @throws DataError when the disk is full.
   */
  async write(rows: Rows, numbers?: ArrayLike<number>): Promise<void> {
    this.checkOpen();
    const isFirst = this.rowShape === undefined;
    this.checkShape(rows, numbers);
    const own = numbers ?? Array.from({ length: rows.count }, (_, i) => this.count + i);
    if (this.format === 'parquet') {
      this.describe();
      await this.sink.append(toRecords(rows, own));
    } else if (this.format === 'npy') {
      if (isFirst) await this.sink.append(formatNpyHeader('float32', [0, ...rows.rowShape]));
      await this.sink.append(littleEndianBytes(rows.data));
    } else {
      const columns = this.columns ?? [];
      const header = isFirst && this.format === 'csv' ? this.csvHeader(columns) : '';
      const numbering = this.counter === undefined ? undefined : this.numbering(own);
      const lines = this.format === 'csv' ? csvLines(rows) : ndjsonLines(rows, columns);
      const body = numbering === undefined ? lines.join('') : lines.map(numbering).join('');
      await this.sink.append(header + body);
    }
    this.count += rows.count;
  }

  /**
   * Finish: a file appears under its name; standard output stays open for others.
   * @throws ShapeError when a file of npy, or of parquet without `columns`, has no rows, as their shape is
   * not known then.
   */
  async close(): Promise<void> {
    this.checkOpen();
    this.isOpen = false;
    try {
      await this.finish();
    } catch (error) {
      // What is written stays, where it can.
      if (this.count > 0 && this.sink.suspend !== undefined) await this.sink.suspend();
      else await this.sink.abort();
      throw error;
    }
    await this.sink.commit();
  }

  /** Give up: the temporary file is removed and nothing appears. Has no effect after close. */
  async abort(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.sink.abort();
  }

  /**
   * Give up for now: the whole rows stay in the part. Where there is none, as {@link abort}. Has no effect
   * after close.
   */
  async suspend(): Promise<void> {
    if (this.sink.suspend === undefined) return this.abort();
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.sink.suspend();
  }

  private async finish(): Promise<void> {
    if (this.format === 'parquet' && this.columns !== undefined) this.describe();
    else if (this.format === 'npy' || this.format === 'parquet') {
      if (this.rowShape === undefined) {
        const expected = 'be given at least one block';
        throw new ShapeError({ op: OP, arg: `${this.format} writer`, expected, got: 'none' });
      }
      await this.sink.patch(formatNpyHeader('float32', [this.count, ...this.rowShape]), 0);
    } else if (this.format === 'csv' && this.rowShape === undefined && this.columns !== undefined) {
      await this.sink.append(this.csvHeader(this.columns));
    }
  }

  /** Tell a sink that makes the file itself what its columns are. */
  private describe(): void {
    this.sink.describe?.({ columns: this.columns ?? [], counter: this.counter });
  }

  private csvHeader(columns: readonly string[]): string {
    const all = this.counter === undefined ? columns : [this.counter, ...columns];
    return `${all.map(quoteCell).join(',')}\n`;
  }

  /** Puts the number of the row in front of a line's own cells. */
  private numbering(numbers: ArrayLike<number>): (line: string, i: number) => string {
    if (this.format === 'csv') return (line, i) => `${numbers[i]},${line}`;
    const key = JSON.stringify(this.counter);
    return (line, i) => `{${key}:${numbers[i]},${line.slice(1)}`;
  }

  private checkOpen(): void {
    if (this.isOpen) return;
    throw new DomainError({ op: OP, arg: 'writer', expected: 'be open', got: 'a closed one' });
  }

  private checkShape(rows: Rows, numbers: ArrayLike<number> | undefined): void {
    if (numbers !== undefined && numbers.length !== rows.count) {
      const [expected, got] = [`hold ${rows.count} numbers, one a row`, String(numbers.length)];
      throw new ShapeError({ op: OP, arg: 'numbers', expected, got });
    }
    const width = rowSize(rows);
    const shape = this.rowShape ?? rows.rowShape;
    this.columns ??= Array.from({ length: width }, (_, i) => `x${i}`);
    const isNamed = this.format !== 'npy';
    if (formatShape(shape) !== formatShape(rows.rowShape)) {
      const got = formatShape(rows.rowShape);
      throw new ShapeError({ op: OP, arg: 'rows', expected: `be ${formatShape(shape)} each`, got });
    }
    if (rows.data.length !== rows.count * width || (isNamed && this.columns.length !== width)) {
      throw new ShapeError({
        op: OP,
        arg: 'rows',
        expected: `hold ${rows.count} x ${isNamed ? this.columns.length : width} values`,
        got: `${rows.data.length} values in rows of ${width}`,
      });
    }
    this.rowShape = rows.rowShape;
  }
}

/** A cell with a comma, a quote or a line break stands in quotes (RFC 4180). */
function quoteCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvLines(rows: Rows): string[] {
  const width = rowSize(rows);
  return Array.from({ length: rows.count }, (_, row) => {
    const cells = Array.from(rows.data.subarray(row * width, (row + 1) * width), formatFloat32);
    return `${cells.join(',')}\n`;
  });
}

/** JSON has no NaN and no infinities: they are written as null. */
function ndjsonLines(rows: Rows, columns: readonly string[]): string[] {
  const keys = columns.map((column) => `${JSON.stringify(column)}:`);
  return Array.from({ length: rows.count }, (_, row) => {
    const cells = keys.map((key, c) => {
      const value = rows.data[row * keys.length + c];
      return key + (Number.isFinite(value) ? formatFloat32(value) : 'null');
    });
    return `{${cells.join(',')}}\n`;
  });
}

/**
 * Open a writer of rows.
 *
 * - `csv`: a header, then one line per row; NaN and infinities as `NaN`, `Infinity`.
 * - `ndjson`: one JSON object per line; NaN and infinities as null.
 * - `npy`: one float32 array [rows, ...row shape].
 * - `parquet`: float columns in row groups of 131072 rows (snappy).
 *
 * Numbers in text are the shortest that read back as the same float32.
 *
 * @param target A path; the file appears there when the writer is closed. `-` is standard output.
 * @param format csv, ndjson, npy or parquet.
 * @param options Names of the columns, and of one that counts rows.
 * @returns The writer; call `close`, or `abort` after a failure.
 * @throws DataError when the file cannot be written, or npy or parquet would go to a terminal.
 * @throws DomainError for an unknown format.
 * @example
 * const writer = await createRowWriter('scores.csv', 'csv', { columns: ['score'] });
 * for await (const { x } of streamDataset('rows.npy', { blockRows: 1024 })) {
 *   await writer.write(columnsToRows([(await model.score(x)).score]));
 * }
 * await writer.close();
 */
export async function createRowWriter(
  target: string,
  format: RowFormat,
  options: RowWriterOptions = {},
): Promise<RowWriter> {
  if (!ROW_FORMATS.includes(format)) {
    const expected = `be one of ${ROW_FORMATS.join(', ')}`;
    throw new DomainError({ op: OP, arg: 'format', expected, got: `'${format as string}'` });
  }
  const { columns, counter, part } = options;
  if (part !== undefined && target !== '-') {
    const { rows, bytes } = part === 'new' ? NO_ROWS : await measurePart(target, format, columns);
    const opened = format === 'parquet' ? ParquetPart : PartFile;
    const sink = await opened.open(target, bytes);
    return new RowWriter(sink, format, columns, counter, rows);
  }
  const sink = await openSink(target, format, options.stdout);
  return new RowWriter(sink, format, columns, counter);
}

const NO_ROWS: PartLength = { rows: 0, bytes: 0 };

async function measurePart(
  target: string,
  format: RowFormat,
  columns: readonly string[] | undefined,
): Promise<PartLength> {
  const part = await partPath(target);
  if (columns === undefined || !existsSync(part)) return NO_ROWS;
  const width = columns.length;
  if (format === 'parquet') return measureRows(part, 0, recordBytes(width));
  const found =
    format === 'npy'
      ? await measureRows(part, formatNpyHeader('float32', [0, width]).length, 4 * width)
      : await measureLines(part, format === 'csv' ? 1 : 0);
  // Without a row the head is written again.
  return found.rows === 0 ? NO_ROWS : found;
}

async function openSink(
  target: string,
  format: RowFormat,
  stdout: RowWriterOptions['stdout'],
): Promise<RowSink> {
  const stream = stdout ?? process.stdout;
  if (target === '-' && stream.isTTY === true && (format === 'npy' || format === 'parquet')) {
    throw new DataError({
      op: OP,
      arg: 'standard output',
      expected: `be a file or a pipe for ${format}`,
      got: 'a terminal',
      fix: 'Name a file, or use csv.',
    });
  }
  if (format === 'npy' && target === '-') return openSpooledSink(stream);
  const sink = target === '-' ? new StreamSink(stream) : await openFileSink(target);
  return format === 'parquet' ? new ParquetSink(sink) : sink;
}
