import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { DataError, DomainError } from '../errors.js';
import type { Rows } from '../util/rows.js';
import { sizeOf } from '../util/shape.js';
import { openArrayFile } from './arrayFile.js';
import type { ArrayFile } from './arrayFile.js';
import { openByteSource } from './byteReader.js';
import { toHostOrder } from './elements.js';
import { withFileErrors } from './fileErrors.js';
import { splitSteps } from './imageSteps.js';
import { openSource } from './openSource.js';
import type { OpenOptions } from './openSource.js';
import type { RowSource } from './rowSource.js';
import { formatOf, parseFileSpec } from './spec.js';
import { isPipe } from './streamInput.js';

/** Values of a block, unless the caller says how many rows: 8 MiB of float32, more is no faster. */
const BLOCK_VALUES = 1 << 21;

/** Rows of a block where their size is not known before they are read. */
const UNKNOWN_BLOCK_ROWS = 1 << 12;

export interface RowRange {
  /** Rows [start, end). Default: all. */
  readonly start?: number;
  readonly end?: number;
  /** Default: as many as make 8 MiB. */
  readonly blockRows?: number;
  readonly signal?: AbortSignal;
}

/** Rows of a data spec, any range of which can be read block by block. */
export interface RowStore {
  readonly source: string;
  /** Number of rows, where the file tells it. */
  readonly count: number | undefined;
  /** Rows [start, end) as flat rows of numbers. */
  readonly blocks: (range?: RowRange) => AsyncGenerator<Rows>;
}

/**
 * Open rows for reading in blocks of bounded memory, from any row on. A plain .npy file of float32 is
 * read in one call per block, from the block's place: the disk works while the caller computes. Any
 * other source is read from its start.
 * @param spec A data spec, as of loadDataset; targets are left aside, rows are flattened.
 * @throws DataError when the file is missing or no such file.
 * @example
 * const rows = await openRows('points.npy');
 * for await (const block of rows.blocks({ start: 1000 })) console.log(block.count);
 */
export async function openRows(spec: string, options: OpenOptions = {}): Promise<RowStore> {
  const plain = await openPlainNpy(spec);
  if (plain !== undefined) {
    return {
      source: plain.path,
      count: plain.count,
      blocks: (range = {}) => readPlain(plain, range),
    };
  }
  const source = await openSource(spec, options);
  return {
    source: source.source,
    count: source.count,
    blocks: (range = {}) => readSource(source, range),
  };
}

/**
 * Number of rows of a data spec where that is known without reading them; undefined for csv and ndjson, and for a
 * stream, which is not touched.
 * @throws DataError as {@link openRows}.
 */
export async function rowCountOf(
  spec: string,
  options: OpenOptions = {},
): Promise<number | undefined> {
  return (await isStream(spec)) ? undefined : (await openSource(spec, options)).count;
}

/** Whether a spec names standard input or a named pipe. */
async function isStream(spec: string): Promise<boolean> {
  // Paths end at the first setting; data sets by name are no paths that exist.
  const path = splitSteps(spec).base.split('#')[0];
  return path === '-' || (await isPipe(path));
}

/** The file of a spec, if its bytes are the rows as they stand in memory. */
async function openPlainNpy(spec: string): Promise<ArrayFile | undefined> {
  if (formatOf(spec.split('#')[0]) !== 'npy' || splitSteps(spec).steps.length > 0) return undefined;
  const { path, scale } = parseFileSpec(spec);
  if (scale !== undefined || (await isPipe(path))) return undefined;
  if ((await openByteSource('npy', path)).gzip) return undefined;
  const file = await openArrayFile(path, 'npy');
  return file.type.name === 'float32' && !file.type.bigEndian ? file : undefined;
}

function checkRange(count: number | undefined, { start = 0, end, blockRows }: RowRange): void {
  const fail = (arg: string, expected: string, got: number | undefined): DomainError =>
    new DomainError({ op: 'openRows', arg, expected, got: String(got) });
  if (!Number.isSafeInteger(start) || start < 0) throw fail('start', 'be an integer >= 0', start);
  const most = count ?? Infinity;
  if (end !== undefined && !(Number.isSafeInteger(end) && end >= start && end <= most)) {
    throw fail('end', `be an integer in [start = ${start}, rows = ${most}]`, end);
  }
  if (blockRows !== undefined && !(Number.isSafeInteger(blockRows) && blockRows > 0)) {
    throw fail('blockRows', 'be an integer >= 1', blockRows);
  }
}

async function* readPlain(file: ArrayFile, range: RowRange): AsyncGenerator<Rows> {
  const { path, rowSize, count } = file;
  checkRange(count, range);
  const { start = 0, end = count, signal } = range;
  const step = range.blockRows ?? Math.max(1, Math.floor(BLOCK_VALUES / rowSize));
  const handle = await withFileErrors('npy', path, () => open(path, 'r'));
  try {
    for (let row = start; row < end; row += step) {
      signal?.throwIfAborted();
      const rows = Math.min(step, end - row);
      const position = file.dataOffset + 4 * row * rowSize;
      const data = await readFloats(path, handle, position, rows * rowSize);
      yield { data, count: rows, rowShape: [rowSize] };
    }
  } finally {
    await handle.close();
  }
}

async function readFloats(
  path: string,
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Float32Array> {
  const bytes = new Uint8Array(4 * length);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await withFileErrors('npy', path, () =>
      handle.read(bytes, filled, bytes.length - filled, position + filled),
    );
    if (bytesRead === 0) {
      throw new DataError({
        op: 'npy',
        arg: path,
        expected: `hold ${position + bytes.length} bytes`,
        got: `${position + filled} (truncated while it was read)`,
      });
    }
    filled += bytesRead;
  }
  toHostOrder(bytes, 4);
  return new Float32Array(bytes.buffer);
}

async function* readSource(source: RowSource, range: RowRange): AsyncGenerator<Rows> {
  checkRange(source.count, range);
  const { start = 0, end = Infinity, signal, blockRows = UNKNOWN_BLOCK_ROWS } = range;
  let row = 0;
  for await (const block of source.blocks(blockRows, signal)) {
    const from = Math.max(0, start - row);
    const to = Math.min(block.count, end - row);
    row += block.count;
    if (to > from) {
      const size = sizeOf(block.rowShape);
      yield { data: block.x.subarray(from * size, to * size), count: to - from, rowShape: [size] };
    }
    if (row >= end) return;
  }
}
