import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors.js';
import { asDataError, withFileErrors } from './fileErrors.js';

/** Bytes asked of the disk at a time: large enough that the cost of a call does not show. */
const CHUNK_BYTES = 1 << 20;

/** Deflate cannot shrink data by more than this factor (zlib's technical notes). */
const DEFLATE_LIMIT = 1032;

/** A file that is read from start to end, decompressed on the way when it is gzip. */
export interface ByteSource {
  readonly path: string;
  readonly gzip: boolean;
  /** Bytes on disk; Infinity where that is not known, for a stream. */
  readonly fileBytes: number;
}

/**
 * Look at a file without reading it all: its size, and whether its first bytes are gzip's.
 * @throws DataError when it cannot be read, is a folder, or is named .gz and is not gzip.
 */
export async function openByteSource(op: string, path: string): Promise<ByteSource> {
  return withFileErrors(op, path, async () => {
    const file = await open(path, 'r');
    try {
      const facts = await file.stat();
      if (facts.isDirectory()) {
        throw new DataError({
          op,
          arg: path,
          expected: 'be a file',
          got: 'a folder',
          fix: 'Name a file in it.',
        });
      }
      if (!facts.isFile()) {
        throw new DataError({
          op,
          arg: path,
          expected: 'be a regular file',
          got: 'a pipe or a device',
          fix: 'Save it to a file first, or send CSV to standard input and name it -.',
        });
      }
      const head = new Uint8Array(2);
      await file.read(head, 0, 2, 0);
      const gzip = head[0] === 0x1f && head[1] === 0x8b;
      if (path.endsWith('.gz') && !gzip) {
        throw new DataError({
          op: 'gzip',
          arg: path,
          expected: 'start with the bytes 1f 8b of a gzip file',
          got: facts.size === 0 ? 'an empty file' : hex(head),
          fix: 'Fetch the file again, or rename it if it is not compressed.',
        });
      }
      return { path, gzip, fileBytes: facts.size };
    } finally {
      await file.close();
    }
  });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** The decompressed bytes of a file as a stream; errors name the file. */
export function byteStream({ path, gzip }: ByteSource): Readable {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  if (!gzip) return file;
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES });
  // The reader of `unpacked` sees the error; this callback only keeps it from being unhandled.
  pipeline(file, unpacked, () => undefined);
  return unpacked;
}

/** Failures of the disk and of decompression as DataErrors that name the file. */
export function asReadError(op: string, path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return new DataError(
      {
        op: 'gzip',
        arg: path,
        expected: 'be a complete gzip file',
        got: message,
        fix: 'Fetch the file again.',
      },
      { cause: error },
    );
  }
  return asDataError(op, path, error);
}

/** Reads a stream of bytes in pieces of the caller's choice; holds one chunk at a time. */
export class ByteReader {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  private used = 0;
  private ended = false;
  /** Bytes handed out so far. */
  position = 0;

  private constructor(
    private readonly op: string,
    readonly source: ByteSource,
    private readonly stream: Readable,
  ) {
    this.iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  static async open(op: string, path: string): Promise<ByteReader> {
    const source = await openByteSource(op, path);
    return new ByteReader(op, source, byteStream(source));
  }

  /** Read a stream that is not a file of ours; how long it is shows at its end. */
  static over(op: string, stream: Readable, name: string): ByteReader {
    return new ByteReader(op, { path: name, gzip: false, fileBytes: Infinity }, stream);
  }

  /** Up to `length` bytes in a fresh buffer; fewer only at the end of the file. */
  async readUpTo(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(length);
    let filled = 0;
    while (filled < length && (await this.fillChunk())) {
      const count = Math.min(length - filled, this.chunk.length - this.used);
      out.set(this.chunk.subarray(this.used, this.used + count), filled);
      this.used += count;
      filled += count;
    }
    this.position += filled;
    return filled === length ? out : out.subarray(0, filled);
  }

  /** Exactly `length` bytes. @throws DataError when the file ends before. */
  async read(length: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
    const start = this.position;
    const bytes = await this.readUpTo(length);
    if (bytes.length < length) throw this.truncated(length, start, bytes.length, what);
    return bytes;
  }

  /**
   * Refuse a file that cannot hold `length` more bytes, before memory for them is set aside; an
   * uncompressed file must not hold more either.
   */
  expectRemaining(length: number, what: string): void {
    const { gzip, fileBytes } = this.source;
    if (fileBytes === Infinity) return;
    const most = gzip ? fileBytes * DEFLATE_LIMIT : fileBytes;
    if (this.position + length > most) {
      throw this.truncated(length, this.position, fileBytes - this.position, what);
    }
    if (!gzip && this.position + length < fileBytes) {
      throw this.trailing(length, fileBytes - this.position - length, what);
    }
  }

  /** @throws DataError when bytes are left. */
  async expectEnd(length: number, what: string): Promise<void> {
    const rest = await this.readUpTo(1);
    if (rest.length > 0) throw this.trailing(length, undefined, what);
  }

  /** Stop reading and let go of the file. */
  close(): void {
    this.stream.destroy();
  }

  private truncated(length: number, start: number, found: number, what: string): DataError {
    const packed = this.source.gzip ? ' once decompressed' : '';
    const got = Math.max(0, Math.min(found, length));
    return new DataError({
      op: this.op,
      arg: this.source.path,
      expected: `hold ${length} bytes of ${what} from byte ${start}${packed}`,
      got: `${got === found ? String(got) : 'fewer'} (truncated)`,
      fix: 'Fetch or write the file again.',
    });
  }

  private trailing(length: number, extra: number | undefined, what: string): DataError {
    return new DataError({
      op: this.op,
      arg: this.source.path,
      expected: `end after ${length} bytes of ${what}`,
      got: `${extra ?? 'some'} more byte${extra === 1 ? '' : 's'}`,
      fix: 'The header does not fit the data; write the file again.',
    });
  }

  private async fillChunk(): Promise<boolean> {
    while (this.used >= this.chunk.length) {
      if (this.ended) return false;
      let result: IteratorResult<Uint8Array>;
      try {
        result = await this.iterator.next();
      } catch (error) {
        throw asReadError(this.op, this.source.path, error);
      }
      if (result.done === true) {
        this.ended = true;
        return false;
      }
      this.chunk = result.value;
      this.used = 0;
    }
    return true;
  }
}
