import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Dataset } from '../../src/util/rows.js';

/** A folder that lives as long as the tests of a file; `path()` names a fresh file or the folder. */
export function useTempFolder(): {
  readonly path: (name?: string) => string;
  readonly put: (name: string, data: string | Uint8Array) => Promise<string>;
  readonly list: () => Promise<string[]>;
} {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tfjs-latent-test-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  return {
    path: (name = '') => join(folder, name),
    put: async (name, data) => {
      await writeFile(join(folder, name), data);
      return join(folder, name);
    },
    list: async () => (await readdir(folder)).sort(),
  };
}

/** An idx file: magic, dimensions, bytes. */
export function idxBytes(shape: readonly number[], data: readonly number[]): Uint8Array {
  const out = Buffer.alloc(4 + 4 * shape.length + data.length);
  out.set([0, 0, 8, shape.length]);
  shape.forEach((dim, i) => out.writeUInt32BE(dim, 4 + 4 * i));
  out.set(data, 4 + 4 * shape.length);
  return out;
}

/** A .npy file with a header of one's own making. */
export function npyBytes(
  header: string,
  data: Uint8Array = new Uint8Array(0),
  version: 1 | 2 | 3 = 1,
): Uint8Array {
  const text = Buffer.from(`${header}\n`);
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  const magic = Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  return Buffer.concat([magic, length, text, data]);
}

/** The error of a promise that must fail, as text. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => String(error),
  );
}

/** All blocks of a stream, put together as loadDataset would. */
export async function gather(stream: AsyncIterable<Dataset>): Promise<{
  blocks: Dataset[];
  x: number[];
  y: number[];
}> {
  const blocks: Dataset[] = [];
  for await (const block of stream) blocks.push(block);
  return {
    blocks,
    x: blocks.flatMap((block) => Array.from(block.x.data)),
    y: blocks.flatMap((block) => Array.from(block.y?.values ?? [])),
  };
}
