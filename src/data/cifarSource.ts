import { DataError } from '../errors.js';
import { ByteReader, openByteSource } from './byteReader.js';
import type { RowBlock, RowSource } from './rowSource.js';

const OP = 'cifar10';
const SIDE = 32;
const CHANNELS = 3;
const PLANE = SIDE * SIDE;
const IMAGE = PLANE * CHANNELS;
/** One label byte, then the red, the green and the blue plane. */
const RECORD = 1 + IMAGE;
const CLASSES = 10;

/**
 * Rows of CIFAR-10 binary files, one after the other: images [32, 32, 3] in [0, 1], channels last.
 * @throws DataError when a file cannot be read or does not hold whole records.
 */
export async function openCifarSource(
  paths: readonly string[],
  options: { readonly name: string; readonly source: string },
): Promise<RowSource> {
  let rows = 0;
  let isCounted = true;
  for (const path of paths) {
    const { gzip, fileBytes } = await openByteSource(OP, path);
    if (gzip) isCounted = false;
    else if (fileBytes % RECORD !== 0 || fileBytes === 0) throw partial(path, fileBytes);
    rows += fileBytes / RECORD;
  }

  async function* blocks(blockRows: number, signal?: AbortSignal): AsyncGenerator<RowBlock> {
    for (const path of paths) {
      const reader = await ByteReader.open(OP, path);
      try {
        for (;;) {
          signal?.throwIfAborted();
          const bytes = await reader.readUpTo(blockRows * RECORD);
          if (bytes.length % RECORD !== 0) throw partial(path, reader.position);
          if (bytes.length === 0) break;
          yield decodeRecords(path, bytes);
        }
        if (reader.position === 0) throw partial(path, 0);
      } finally {
        reader.close();
      }
    }
  }

  return {
    ...options,
    ...(isCounted ? { count: rows } : {}),
    targets: { kind: 'class', classes: CLASSES, where: paths.join(', ') },
    blocks,
  };
}

function partial(path: string, bytes: number): DataError {
  return new DataError({
    op: OP,
    arg: path,
    expected: `hold whole records of ${RECORD} bytes, at least one`,
    got: `${bytes} bytes (truncated)`,
    fix: 'Fetch the file again.',
  });
}

function decodeRecords(path: string, bytes: Uint8Array): RowBlock {
  const count = bytes.length / RECORD;
  const x = new Float32Array(count * IMAGE);
  const y = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const start = row * RECORD;
    y[row] = bytes[start];
    if (y[row] >= CLASSES) {
      throw new DataError({
        op: OP,
        arg: path,
        expected: `start each record with a label below ${CLASSES}`,
        got: `${y[row]} in record ${row} of its block`,
        fix: 'It is not a CIFAR-10 binary file, or it is corrupt.',
      });
    }
    for (let channel = 0; channel < CHANNELS; channel++) {
      const plane = start + 1 + channel * PLANE;
      const out = row * IMAGE + channel;
      for (let i = 0; i < PLANE; i++) x[out + i * CHANNELS] = bytes[plane + i] / 255;
    }
  }
  return { x, count, rowShape: [SIDE, SIDE, CHANNELS], y };
}
