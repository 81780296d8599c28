import { DataError } from '../errors.js';
import { formatShape, sizeOf } from '../util/shape.js';
import { ByteReader } from './byteReader.js';
import { decodeElements } from './elements.js';
import { IDX_MAGIC, idxRank, parseIdxHeader } from './idxFormat.js';
import { NPY_PREFIX, npyHeaderLength, npyLengthBytes, parseNpyHeader } from './npyFormat.js';
import type { ArrayHeader } from './npyFormat.js';
import type { Input } from './streamInput.js';

/** Formats of one array per file. */
export type ArrayFormat = 'npy' | 'idx';

/** An array file whose header was read. */
export interface ArrayFile extends ArrayHeader {
  readonly path: string;
  readonly format: ArrayFormat;
  /** Rows along the first axis. */
  readonly count: number;
  /** Elements per row. */
  readonly rowSize: number;
}

async function readHeader(
  reader: ByteReader,
  format: ArrayFormat,
  path: string,
): Promise<ArrayHeader> {
  if (format === 'idx') {
    const magic = await reader.read(IDX_MAGIC, 'magic number');
    const dims = await reader.read(4 * idxRank(path, magic), 'dimensions');
    return parseIdxHeader(path, magic, dims);
  }
  const lengthBytes = npyLengthBytes(path, await reader.read(NPY_PREFIX, 'magic number'));
  const length = npyHeaderLength(path, await reader.read(lengthBytes, 'header length'));
  const text = new TextDecoder().decode(await reader.read(length, 'header'));
  return parseNpyHeader(path, text, reader.position);
}

/** The header as rows, checked against what is known of the length. */
async function fileOf(reader: ByteReader, format: ArrayFormat, path: string): Promise<ArrayFile> {
  const header = await readHeader(reader, format, path);
  const { shape, type } = header;
  if (shape.length === 0 || sizeOf(shape) === 0) {
    throw new DataError({
      op: format,
      arg: path,
      expected: 'hold at least one row of at least one value',
      got: `shape ${formatShape(shape)}`,
    });
  }
  reader.expectRemaining(sizeOf(shape) * type.bytes, 'data');
  const [count, ...rest] = shape;
  return { ...header, path, format, count, rowSize: sizeOf(rest) };
}

/**
 * Read the header of an array file and check it against the size of the file.
 * @throws DataError when it is not such a file, when it is truncated or too long, or has no rows.
 */
export async function openArrayFile(path: string, format: ArrayFormat): Promise<ArrayFile> {
  const reader = await ByteReader.open(format, path);
  try {
    return await fileOf(reader, format, path);
  } finally {
    reader.close();
  }
}

/** An array whose header was read, and how to get at its rows. */
export interface OpenArray {
  readonly file: ArrayFile;
  /** Starts at the first row; a stream has it once. */
  readonly cursor: () => Promise<ArrayCursor>;
}

/** Open an array file, or a stream with the bytes of one. @throws as openArrayFile. */
export async function openArray(input: Input, format: ArrayFormat): Promise<OpenArray> {
  if (typeof input === 'string') {
    const file = await openArrayFile(input, format);
    return { file, cursor: () => ArrayCursor.open(file) };
  }
  const reader = ByteReader.over(format, input.stream, input.name);
  const file = await fileOf(reader, format, input.name);
  return { file, cursor: () => Promise.resolve(ArrayCursor.over(file, reader)) };
}

/** Reads the rows of an array file in order; holds one block at a time. */
export class ArrayCursor {
  private row = 0;

  private constructor(
    private readonly file: ArrayFile,
    private readonly reader: ByteReader,
  ) {}

  static async open(file: ArrayFile): Promise<ArrayCursor> {
    const reader = await ByteReader.open(file.format, file.path);
    try {
      await reader.read(file.dataOffset, 'header');
      return new ArrayCursor(file, reader);
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  /** Read on from the first row of a stream whose header was read. */
  static over(file: ArrayFile, reader: ByteReader): ArrayCursor {
    return new ArrayCursor(file, reader);
  }

  /** Rows that are left. */
  get remaining(): number {
    return this.file.count - this.row;
  }

  /** Decode the next rows into `out`, which holds a whole number of rows. */
  async next(out: Float32Array | Float64Array, divisor = 1): Promise<void> {
    const { type, rowSize, count } = this.file;
    const bytes = await this.reader.read(out.length * type.bytes, 'data');
    decodeElements(type, bytes, out, divisor);
    this.row += out.length / rowSize;
    if (this.row === count) await this.reader.expectEnd(count * rowSize * type.bytes, 'data');
  }

  close(): void {
    this.reader.close();
  }
}
