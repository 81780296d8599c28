import { readFileSync, writeFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { NpzReader, writeNpz } from '../../src/data/npzFile.js';
import { encodeNpy } from '../../src/data/npyWrite.js';
import {
  crc32,
  findZipDirectory,
  parseZipDirectory,
  zipEnd,
  zipLocalHeader,
} from '../../src/data/zipFormat.js';
import { failureOf, useTempFolder } from './files.js';

const folder = useTempFolder();

async function reading<T>(path: string, body: (file: NpzReader) => Promise<T>): Promise<T> {
  const file = await NpzReader.open(path);
  try {
    return await body(file);
  } finally {
    await file.close();
  }
}

const distances = { data: Float32Array.of(0, 1.5, Infinity, NaN), shape: [2, 2] };
const indices = { data: Int32Array.of(7, -1, 2 ** 31 - 1), shape: [3, 1] };

describe('an npz file', () => {
  it('gives back its arrays and texts', async () => {
    const path = folder.path('all.npz');
    await writeNpz(path, { distances, indices, 'about.json': { text: '{"é":1}' } });
    await reading(path, async (file) => {
      expect(file.names).toEqual(['distances', 'indices', 'about.json']);
      expect(await file.float32('distances', 2)).toEqual(distances);
      expect(await file.int32('indices', 2)).toEqual(indices);
      expect(await file.text('about.json')).toBe('{"é":1}');
      expect(await file.text('other.json')).toBeUndefined();
    });
  });

  it('has the same bytes for the same content, each member at its place', async () => {
    const [a, b] = [folder.path('a.npz'), folder.path('b.npz')];
    await writeNpz(a, { indices });
    await writeNpz(b, { indices });
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
    // A stored member stands in the file as the npy file that it is.
    const npy = Buffer.from(encodeNpy(indices.data, indices.shape));
    expect(readFileSync(a).indexOf(npy)).toBeGreaterThan(0);
  });

  it('is read when its members are deflated, as numpy.savez_compressed writes them', async () => {
    const npy = encodeNpy(distances.data, distances.shape);
    const packed = deflateRawSync(npy);
    const name = 'distances.npy';
    const plain = { name, crc: crc32(npy), bytes: npy.length, packedBytes: packed.length };
    const entry = { ...plain, method: 0, offset: 0, isEncrypted: false };
    const header = Buffer.from(zipLocalHeader({ ...entry, bytes: packed.length }));
    const end = Buffer.from(zipEnd([entry], header.length + packed.length));
    // Method 8 and the packed size, in the central directory.
    end.writeUInt16LE(8, 10);
    end.writeUInt32LE(packed.length, 20);
    const path = folder.path('deflated.npz');
    writeFileSync(path, Buffer.concat([header, packed, end]));
    expect(await reading(path, (file) => file.float32('distances', 2))).toEqual(distances);
  });

  it('refuses what is damaged, truncated, or something else', async () => {
    const path = folder.path('good.npz');
    await writeNpz(path, { distances });
    const good = readFileSync(path);
    const put = (name: string, bytes: Buffer): string => {
      writeFileSync(folder.path(name), bytes);
      return folder.path(name);
    };
    const flipped = Buffer.from(good);
    flipped[180] ^= 1;
    const open = (file: string): Promise<string> =>
      failureOf(reading(file, (npz) => npz.float32('distances', 2)));
    expect(await open(put('flipped.npz', flipped))).toContain(
      "must hold 'distances.npy' undamaged",
    );
    expect(await open(put('short.npz', good.subarray(0, 200)))).toContain('must be an .npz file');
    expect(await open(put('empty.npz', Buffer.alloc(0)))).toContain('got an empty file');
    expect(await open(put('text.npz', Buffer.from('query,rank\n')))).toContain('must be an .npz');
    expect(await open(folder.path('none.npz'))).toContain('must exist');
    const other = folder.path('other.npz');
    await writeNpz(other, { indices });
    expect(await open(other)).toContain("must hold the array 'distances', got indices");
    const kind = failureOf(reading(other, (npz) => npz.float32('indices', 2)));
    expect(await kind).toContain("must hold 'indices' as float32 of rank 2, got int32 of rank 2");
  });

  it('leaves nothing behind when an array and its shape do not fit', async () => {
    const path = folder.path('unfit.npz');
    const before = await folder.list();
    const failure = failureOf(writeNpz(path, { indices, wrong: { ...distances, shape: [3] } }));
    expect(await failure).toContain('data must hold 3 values for shape [3], got 4');
    expect(await folder.list()).toEqual(before);
  });
});

describe('the zip format', () => {
  it('has the checksum of ISO 3309', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(crc32(Buffer.from('6789'), crc32(Buffer.from('12345')))).toBe(0xcbf43926);
  });

  it('keeps sizes and places beyond 4 GiB', () => {
    const entries = [1e3, 5e9, 2 ** 33].map((bytes, i) => ({
      name: `member${i}.npy`,
      method: 0,
      crc: 0xffffffff - i,
      bytes,
      packedBytes: bytes,
      offset: 3e9 * i,
      isEncrypted: false,
    }));
    const offset = 2 ** 34;
    const end = zipEnd(entries, offset);
    const found = findZipDirectory(end, offset);
    expect(found).toMatchObject({ entries: 3, offset });
    expect(parseZipDirectory(end.subarray(0, found?.bytes), 3)).toEqual(entries);
  });

  it('knows a damaged directory', () => {
    const entry = { name: 'a', method: 0, crc: 1, bytes: 1, packedBytes: 1, offset: 0 };
    const end = zipEnd([{ ...entry, isEncrypted: false }], 40);
    expect(parseZipDirectory(end.subarray(0, 46), 1)).toBeUndefined();
    expect(parseZipDirectory(end, 2)).toBeUndefined();
    expect(findZipDirectory(end.subarray(0, end.length - 1), 40)).toBeUndefined();
  });
});
