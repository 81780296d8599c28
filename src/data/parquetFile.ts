import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import type { AsyncBuffer, ColumnData, FileMetaData, SchemaElement } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DataError, LatentError } from '../errors.js';
import { openByteSource } from './byteReader.js';
import { asDataError, withFileErrors } from './fileErrors.js';

const OP = 'parquet';

/** The first and the last four bytes of a file. */
const MAGIC = 'PAR1';
/** Magic, length of the metadata, magic. */
const SHORTEST = 12;

/** Annotations of integers and decimals that are still plain numbers. */
const NUMBER_ANNOTATIONS = /^(U?INT_(8|16|32|64)|DECIMAL)$/;
const NUMBER_TYPES = ['BOOLEAN', 'INT32', 'INT64', 'FLOAT', 'DOUBLE'];

/** Rows that stand together in a file. */
interface RowGroup {
  readonly start: number;
  readonly count: number;
}

/** A run of values of a column; what stands for a missing value is not a number. */
interface Piece {
  /** Number in the file of the first row. */
  readonly start: number;
  readonly values: ArrayLike<unknown>;
}

/** A parquet file whose metadata was read; its columns are numbers. */
export class ParquetFile {
  private constructor(
    readonly path: string,
    /** What errors call the file. */
    readonly name: string,
    private readonly handle: FileHandle,
    private readonly buffer: AsyncBuffer,
    private readonly metadata: FileMetaData,
    /** Names of the columns, in the order of the file. */
    readonly columns: readonly string[],
  ) {}

  /** @throws DataError when it is no such file, is truncated, or a column does not hold numbers. */
  static async open(path: string, name = path): Promise<ParquetFile> {
    const { fileBytes } = await openByteSource(OP, path);
    const handle = await withFileErrors(OP, path, () => open(path, 'r'));
    try {
      const buffer = bufferOf(handle, fileBytes, name);
      await checkMagic(buffer, name);
      const metadata = await parsed(name, () => parquetMetadataAsync(buffer));
      return new ParquetFile(path, name, handle, buffer, metadata, numberColumns(metadata, name));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get rows(): number {
    return Number(this.metadata.num_rows);
  }

  get groups(): RowGroup[] {
    let start = 0;
    return this.metadata.row_groups.map(({ num_rows }) => {
      const group = { start, count: Number(num_rows) };
      start += group.count;
      return group;
    });
  }

  /** The values of one column in rows [start, end), in pieces, possibly with others around them. */
  async read(column: string, start: number, end: number): Promise<Piece[]> {
    const pieces: Piece[] = [];
    await parsed(this.name, () =>
      parquetRead({
        file: this.buffer,
        metadata: this.metadata,
        columns: [column],
        rowStart: start,
        rowEnd: end,
        compressors,
        useOffsetIndex: true,
        onChunk: ({ columnData, rowStart }: ColumnData) =>
          void pieces.push({ start: rowStart, values: columnData }),
      }),
    );
    return pieces;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

function bufferOf(handle: FileHandle, byteLength: number, name: string): AsyncBuffer {
  return {
    byteLength,
    slice: async (start, end = byteLength) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, byteLength) - start));
      for (let at = 0; at < bytes.length;) {
        const { bytesRead } = await withFileErrors(OP, name, () =>
          handle.read(bytes, at, bytes.length - at, start + at),
        );
        if (bytesRead === 0) throw corrupt(name, 'an end of the file while it was read');
        at += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

async function checkMagic(buffer: AsyncBuffer, name: string): Promise<void> {
  const { byteLength } = buffer;
  const text = async (at: number): Promise<string> =>
    new TextDecoder('latin1').decode(await buffer.slice(at, at + MAGIC.length));
  const isWhole = byteLength >= SHORTEST;
  if (isWhole && (await text(0)) === MAGIC && (await text(byteLength - MAGIC.length)) === MAGIC) {
    return;
  }
  const isBegun = isWhole && (await text(0)) === MAGIC;
  throw new DataError({
    op: OP,
    arg: name,
    expected: `begin and end with the bytes ${MAGIC} of a parquet file`,
    got: isBegun ? 'no such end (truncated)' : `${byteLength} bytes of something else`,
    fix: 'Fetch or write the file again.',
  });
}

function corrupt(name: string, got: string, cause?: unknown): DataError {
  return new DataError(
    {
      op: OP,
      arg: name,
      expected: 'be a complete parquet file',
      got,
      fix: 'Fetch or write the file again.',
    },
    { cause },
  );
}

/** Run the parser; what it says of a file that it cannot read becomes a DataError. */
async function parsed<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const known = asDataError(OP, name, error);
    if (known instanceof LatentError || !(known instanceof Error)) throw known;
    throw corrupt(name, `an error: ${known.message}`, known);
  }
}

function numberColumns(metadata: FileMetaData, name: string): string[] {
  return parquetSchema(metadata).children.map(({ element, children }) => {
    if (children.length === 0 && isNumber(element)) return element.name;
    throw new DataError({
      op: OP,
      arg: name,
      expected: `hold numbers in column '${element.name}'`,
      got: children.length === 0 ? kindOf(element) : 'a nested column',
      fix: 'Encode text and dates as numbers, or leave the column out.',
    });
  });
}

function kindOf({ type, converted_type, logical_type, repetition_type }: SchemaElement): string {
  if (repetition_type === 'REPEATED') return 'a repeated column';
  return logical_type?.type ?? converted_type ?? type ?? 'no type';
}

function isNumber(element: SchemaElement): boolean {
  const { type, converted_type, logical_type, repetition_type } = element;
  if (repetition_type === 'REPEATED') return false;
  if (converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL') return true;
  if (logical_type?.type === 'FLOAT16') return true;
  if (converted_type !== undefined && !NUMBER_ANNOTATIONS.test(converted_type)) return false;
  if (logical_type !== undefined && logical_type.type !== 'INTEGER') return false;
  return type !== undefined && NUMBER_TYPES.includes(type);
}
