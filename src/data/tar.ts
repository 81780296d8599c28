import { open } from 'node:fs/promises';
import { DataError } from '../errors.js';
import { ByteReader } from './byteReader.js';
import { withFileErrors } from './fileErrors.js';

const OP = 'tar';
const BLOCK = 512;
const PIECE_BYTES = 1 << 20;

/** Text up to the first zero byte. */
function field(header: Uint8Array, start: number, length: number): string {
  const bytes = header.subarray(start, start + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * Copy chosen files out of a tar archive (POSIX ustar, gzip or not).
 * @param wanted Name inside the archive -> path to write.
 * @throws DataError when the archive is damaged or lacks a file.
 */
export async function extractTar(
  path: string,
  wanted: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<void> {
  const missing = new Set(wanted.keys());
  const reader = await ByteReader.open(OP, path);
  try {
    while (missing.size > 0) {
      const header = await reader.readUpTo(BLOCK);
      // An archive ends with blocks of zeros.
      if (header.length < BLOCK || header.every((byte) => byte === 0)) break;
      const prefix = field(header, 345, 155);
      const name = `${prefix === '' ? '' : `${prefix}/`}${field(header, 0, 100)}`;
      const size = Number.parseInt(field(header, 124, 12), 8);
      if (!Number.isInteger(size)) {
        throw new DataError({
          op: OP,
          arg: path,
          expected: 'be a tar archive',
          got: 'a damaged header',
          fix: 'Fetch it again.',
        });
      }
      const target = wanted.get(name);
      await copy(reader, size, target, signal);
      await reader.read((BLOCK - (size % BLOCK)) % BLOCK, 'padding');
      missing.delete(name);
    }
  } finally {
    reader.close();
  }
  if (missing.size === 0) return;
  throw new DataError({
    op: OP,
    arg: path,
    expected: `hold ${[...wanted.keys()].join(', ')}`,
    got: `no ${[...missing].join(', ')}`,
    fix: 'Fetch it again.',
  });
}

async function copy(
  reader: ByteReader,
  size: number,
  target: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file =
    target === undefined ? undefined : await withFileErrors(OP, target, () => open(target, 'wx'));
  try {
    for (let left = size; left > 0;) {
      signal?.throwIfAborted();
      const piece = await reader.read(Math.min(left, PIECE_BYTES), 'an entry');
      if (file !== undefined && target !== undefined) {
        await withFileErrors(OP, target, () => file.writeFile(piece));
      }
      left -= piece.length;
    }
  } finally {
    await file?.close();
  }
}
