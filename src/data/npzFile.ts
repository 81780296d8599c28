import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';
import { DataError, ShapeError } from '../errors.js';
import { formatShape, sizeOf } from '../util/shape.js';
import { PendingFile } from './atomicFile.js';
import { littleEndianBytes, toHostOrder } from './elements.js';
import { withFileErrors } from './fileErrors.js';
import {
  NPY_PREFIX,
  formatNpyHeader,
  npyHeaderLength,
  npyLengthBytes,
  parseNpyHeader,
} from './npyFormat.js';
import type { NpyData } from './npyWrite.js';
import {
  LOCAL_HEADER,
  LONGEST_END,
  crc32,
  findZipDirectory,
  parseZipDirectory,
  zipDataStart,
  zipEnd,
  zipLocalHeader,
} from './zipFormat.js';
import type { ZipEntry } from './zipFormat.js';

const OP = 'npz';

/** Bytes of one call to the disk: calls of 2 GiB and more are refused by some systems. */
const PIECE_BYTES = 1 << 28;

/** A member of an archive of arrays: an array, or a text file. */
export type NpzMember =
  { readonly data: NpyData; readonly shape: readonly number[] } | { readonly text: string };

/**
 * Write an .npz file: a ZIP archive of .npy files, stored as they are, which numpy.load reads. A text
 * member keeps its own name and comes out of numpy.load as bytes. The file appears complete or not at
 * all, and equal members give equal bytes.
 * @param members Arrays by name (without .npy), in this order.
 * @throws DataError when it cannot be written.
 * @example
 * await writeNpz('nn.npz', { indices: { data: indices, shape: [rows, k] } });
 */
export async function writeNpz(
  path: string,
  members: Readonly<Record<string, NpzMember>>,
): Promise<void> {
  const file = await PendingFile.open(path);
  try {
    await appendMembers(file, members);
  } catch (error) {
    await file.abort();
    throw error;
  }
  await file.commit();
}

async function appendMembers(
  file: PendingFile,
  members: Readonly<Record<string, NpzMember>>,
): Promise<void> {
  const entries: ZipEntry[] = [];
  let offset = 0;
  for (const [name, member] of Object.entries(members)) {
    const isText = 'text' in member;
    const pieces = isText
      ? [new TextEncoder().encode(member.text)]
      : npyPieces(member.data, member.shape);
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const entry = {
      name: isText ? name : `${name}.npy`,
      method: 0,
      crc: pieces.reduce((crc, piece) => crc32(piece, crc), 0),
      bytes,
      packedBytes: bytes,
      offset,
      isEncrypted: false,
    };
    const header = zipLocalHeader(entry);
    for (const piece of [header, ...pieces]) await file.append(piece);
    entries.push(entry);
    offset += header.length + bytes;
  }
  await file.append(zipEnd(entries, offset));
}

function npyPieces(data: NpyData, shape: readonly number[]): Uint8Array[] {
  if (sizeOf(shape) !== data.length) {
    throw new ShapeError({
      op: OP,
      arg: 'data',
      expected: `hold ${sizeOf(shape)} values for shape ${formatShape(shape)}`,
      got: String(data.length),
    });
  }
  const isFloat = data instanceof Float32Array;
  const dtype = isFloat ? 'float32' : data instanceof Int32Array ? 'int32' : 'float64';
  const bytes = littleEndianBytes(data);
  const pieces: Uint8Array[] = [formatNpyHeader(dtype, shape)];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    pieces.push(bytes.subarray(at, at + PIECE_BYTES));
  }
  return pieces;
}

/** An array of an archive. */
export interface NpzArray<Data> {
  readonly data: Data;
  readonly shape: readonly number[];
}

/** An .npz file whose members can be read one at a time; call `close`. */
export class NpzReader {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly entries: readonly ZipEntry[],
  ) {}

  /** @throws DataError when it is no archive, or one that we do not read. */
  static async open(path: string): Promise<NpzReader> {
    return withFileErrors(OP, path, async () => {
      const file = await open(path, 'r');
      try {
        return new NpzReader(path, file, await readDirectory(path, file));
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  get names(): readonly string[] {
    return this.entries.map(({ name }) => name.replace(/\.npy$/, ''));
  }

  /** The text of a member; undefined when there is none of that name. */
  async text(name: string): Promise<string | undefined> {
    const bytes = await this.bytes(name);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  /** A float32 array of that rank. @throws DataError when there is none. */
  async float32(name: string, rank: number): Promise<NpzArray<Float32Array>> {
    const { buffer, shape } = await this.elements(name, 'float32', rank);
    return { data: new Float32Array(buffer), shape };
  }

  /** An int32 array of that rank. @throws DataError when there is none. */
  async int32(name: string, rank: number): Promise<NpzArray<Int32Array>> {
    const { buffer, shape } = await this.elements(name, 'int32', rank);
    return { data: new Int32Array(buffer), shape };
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  /** The elements of an array of 4-byte numbers, in the host's byte order. */
  private async elements(
    name: string,
    dtype: 'float32' | 'int32',
    rank: number,
  ): Promise<{ readonly buffer: ArrayBuffer; readonly shape: readonly number[] }> {
    const bytes = await this.bytes(`${name}.npy`);
    if (bytes === undefined) {
      throw this.failure(`hold the array '${name}'`, this.names.join(', ') || 'no arrays');
    }
    const { path } = this;
    const start = NPY_PREFIX + npyLengthBytes(path, bytes);
    const length = npyHeaderLength(path, bytes.subarray(NPY_PREFIX, start));
    const text = new TextDecoder().decode(bytes.subarray(start, start + length));
    const { shape, type } = parseNpyHeader(path, text, start + length);
    if (type.name !== dtype || shape.length !== rank) {
      const got = `${type.name} of rank ${shape.length}`;
      throw this.failure(`hold '${name}' as ${dtype} of rank ${rank}`, got);
    }
    const values = bytes.slice(start + length);
    if (values.length !== 4 * sizeOf(shape)) {
      throw this.failure(`hold ${4 * sizeOf(shape)} bytes of '${name}'`, String(values.length));
    }
    toHostOrder(values, 4);
    return { buffer: values.buffer, shape };
  }

  private failure(expected: string, got: string): DataError {
    return new DataError({ op: OP, arg: this.path, expected, got, fix: 'Write the file again.' });
  }

  private async bytes(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const entry = this.entries.find((candidate) => candidate.name === name);
    if (entry === undefined) return undefined;
    if (entry.isEncrypted || (entry.method !== 0 && entry.method !== 8)) {
      const got = entry.isEncrypted ? 'an encrypted one' : `method ${entry.method}`;
      throw this.failure(`hold '${name}' stored or deflated`, got);
    }
    const { path, file } = this;
    return withFileErrors(OP, path, async () => {
      const header = await readAt(path, file, entry.offset, LOCAL_HEADER);
      const skip = zipDataStart(header);
      if (skip === undefined) throw this.failure(`have a header of '${name}'`, 'other bytes');
      const packed = await readAt(path, file, entry.offset + skip, entry.packedBytes);
      const bytes = entry.method === 0 ? packed : this.inflate(packed, entry);
      if (bytes.length !== entry.bytes || crc32(bytes) !== entry.crc) {
        throw this.failure(`hold '${name}' undamaged`, 'another checksum');
      }
      return bytes;
    });
  }

  private inflate(packed: Uint8Array, { name, bytes }: ZipEntry): Uint8Array<ArrayBuffer> {
    try {
      return Uint8Array.from(inflateRawSync(packed, { maxOutputLength: Math.max(1, bytes) }));
    } catch (error) {
      const got = error instanceof Error ? error.message : String(error);
      throw this.failure(`hold '${name}' undamaged`, got);
    }
  }
}

async function readDirectory(path: string, file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const start = Math.max(0, size - LONGEST_END);
  const directory = findZipDirectory(await readAt(path, file, start, size - start), start);
  const fits = directory !== undefined && directory.offset + directory.bytes <= size;
  const entries = fits
    ? parseZipDirectory(
        await readAt(path, file, directory.offset, directory.bytes),
        directory.entries,
      )
    : undefined;
  if (entries !== undefined) return entries;
  throw new DataError({
    op: OP,
    arg: path,
    expected: 'be an .npz file (a ZIP archive of arrays)',
    got: size === 0 ? 'an empty file' : 'other or incomplete bytes',
    fix: 'Write it with numpy.savez or `tfjs-latent knn`.',
  });
}

async function readAt(
  path: string,
  file: FileHandle,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await file.stat();
  if (position + length > size) {
    const got = `${size} (truncated)`;
    const expected = `hold ${position + length} bytes`;
    throw new DataError({ op: OP, arg: path, expected, got, fix: 'Fetch or write it again.' });
  }
  const out = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const piece = Math.min(PIECE_BYTES, length - filled);
    const { bytesRead } = await file.read(out, filled, piece, position + filled);
    if (bytesRead === 0) throw new Error(`${path} shrank while it was read`);
    filled += bytesRead;
  }
  return out;
}
