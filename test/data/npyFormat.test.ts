import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataset, writeNpy } from '../../src/data/index.js';
import { encodeNpy } from '../../src/data/npyWrite.js';
import { formatNpyHeader } from '../../src/data/npyFormat.js';
import { PROPERTY } from '../support/arbitraries.js';
import { failureOf, npyBytes, useTempFolder } from './files.js';

const files = useTempFolder();

const header = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`;

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe('npy', () => {
  it('property: float32 rows come back with the same bits, plain and gzipped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.float(), { minLength: 3, maxLength: 3 }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.boolean(),
        async (rows, isPacked) => {
          const data = Float32Array.from(rows.flat());
          const bytes = encodeNpy(data, [rows.length, 3]);
          const path = await files.put('p.npy', isPacked ? gzipSync(bytes) : bytes);
          const { x } = await loadDataset(path);
          expect(x.rowShape).toEqual([3]);
          expect(bytesOf(x.data)).toEqual(bytesOf(data));
        },
      ),
      PROPERTY,
    );
  });

  it.each([
    ["'<f4'", new Float32Array([1.5, -2]), [1.5, -2]],
    ["'<f8'", new Float64Array([1.5, -2]), [1.5, -2]],
    ["'|u1'", new Uint8Array([7, 255]), [7, 255]],
    ["'|i1'", new Int8Array([-7, 7]), [-7, 7]],
    ["'|b1'", new Uint8Array([0, 2]), [0, 1]],
    ["'<i2'", new Int16Array([-300, 300]), [-300, 300]],
    ["'<u2'", new Uint16Array([1, 65535]), [1, 65535]],
    ["'<i4'", new Int32Array([-70000, 1]), [-70000, 1]],
    ["'<u4'", new Uint32Array([4294967040, 1]), [4294967040, 1]],
    ["'<i8'", new BigInt64Array([-5n, 5n]), [-5, 5]],
  ] as const)('golden: reads elements of type %s', async (descr, data, expected) => {
    const path = await files.put('t.npy', npyBytes(header(descr, '(2, 1)'), bytesOf(data)));
    expect(Array.from((await loadDataset(path)).x.data)).toEqual(expected);
  });

  it('golden: versions 2 and 3, one axis, and data that is not aligned', async () => {
    const data = bytesOf(new Float32Array([1, 2, 3]));
    for (const version of [2, 3] as const) {
      const path = await files.put('v.npy', npyBytes(header("'<f4'", '(3,)'), data, version));
      const { x } = await loadDataset(path);
      expect([x.count, x.rowShape, Array.from(x.data)]).toEqual([3, [1], [1, 2, 3]]);
    }
  });

  it('golden: bytes with height and width are images in [0, 1] with a channel', async () => {
    const data = new Uint8Array([0, 51, 102, 255]);
    const grey = await files.put('g.npy', npyBytes(header("'|u1'", '(1, 2, 2)'), data));
    const colour = await files.put('c.npy', npyBytes(header("'|u1'", '(1, 1, 2, 2)'), data));
    const { x } = await loadDataset(grey);
    expect(x.rowShape).toEqual([2, 2, 1]);
    expect(x.data).toEqual(Float32Array.from([0, 0.2, 0.4, 1]));
    expect((await loadDataset(colour)).x.rowShape).toEqual([1, 2, 2]);
    const plain = await loadDataset(`${grey}#scale=1#shape=4`);
    expect([plain.x.rowShape, Array.from(plain.x.data)]).toEqual([[4], [0, 51, 102, 255]]);
  });

  it('golden: float sequences keep their shape', async () => {
    const data = bytesOf(new Float32Array(12));
    const path = await files.put('s.npy', npyBytes(header("'<f4'", '(2, 3, 2)'), data));
    expect((await loadDataset(path)).x.rowShape).toEqual([3, 2]);
  });

  it('golden: NaN and infinities are read as they are', async () => {
    await writeNpy(files.path('n.npy'), Float32Array.of(NaN, Infinity), [2, 1]);
    expect(Array.from((await loadDataset(files.path('n.npy'))).x.data)).toEqual([NaN, Infinity]);
  });

  it('golden: writes float64 and int32 under their own type', async () => {
    await writeNpy(files.path('i.npy'), Int32Array.of(1, -2));
    await writeNpy(files.path('d.npy'), Float64Array.of(0.1));
    expect((await readFile(files.path('i.npy'))).toString('latin1')).toContain("'descr': '<i4'");
    expect((await readFile(files.path('d.npy'))).toString('latin1')).toContain("'descr': '<f8'");
  });

  it('property: the header is aligned and as long for any row count', () => {
    const lengths = [0, 1, 9_999_999, 2 ** 52].map(
      (n) => formatNpyHeader('float32', [n, 4]).length,
    );
    expect(new Set(lengths).size).toBe(1);
    expect(lengths[0] % 64).toBe(0);
  });

  it('error: a file cut at any byte is a DataError naming it', async () => {
    const whole = encodeNpy(Float32Array.of(1, 2, 3, 4), [2, 2]);
    const cuts = [0, 1, 5, 6, 8, 9, 10, 30, whole.length - 17, whole.length - 16, whole.length - 1];
    for (const cut of cuts) {
      const path = await files.put('cut.npy', whole.subarray(0, cut));
      const message = await failureOf(loadDataset(path));
      expect(message).toMatch(/^DataError: npy: .*cut\.npy must .*\(truncated\)/);
    }
  });

  it('error: a gzipped file cut short, or gzip of a cut file', async () => {
    const whole = encodeNpy(
      Float32Array.from({ length: 500 }, (_, i) => Math.sqrt(i)),
      [100, 5],
    );
    const half = await files.put('half.npy.gz', gzipSync(whole).subarray(0, 700));
    expect(await failureOf(loadDataset(half))).toMatch(
      /^DataError: gzip: .*half\.npy\.gz must be a complete gzip file, got unexpected end of file/,
    );
    const tail = await files.put('tail.npy.gz', gzipSync(whole).subarray(0, -3));
    expect(await failureOf(loadDataset(tail))).toContain('must be a complete gzip file');
    const inner = await files.put('inner.npy.gz', gzipSync(whole.subarray(0, 1000)));
    expect(await failureOf(loadDataset(inner))).toMatch(/inner\.npy\.gz must .*\(truncated\)/);
    const fake = await files.put('fake.npy.gz', whole);
    expect(await failureOf(loadDataset(fake))).toContain('must start with the bytes 1f 8b');
  });

  it('error: bytes after the data', async () => {
    const whole = encodeNpy(Float32Array.of(1, 2), [2, 1]);
    const longer = Buffer.concat([whole, Buffer.from('x')]);
    const plain = await files.put('long.npy', longer);
    const packed = await files.put('long.npy.gz', gzipSync(longer));
    expect(await failureOf(loadDataset(plain))).toContain('must end after 8 bytes of data, got 1');
    expect(await failureOf(loadDataset(packed))).toContain('must end after 8 bytes of data');
  });

  it('error: a header that asks for more than the file can hold is refused before allocation', async () => {
    const bytes = npyBytes(header("'<f4'", '(1000000000000, 4)'), new Uint8Array(8));
    const path = await files.put('huge.npy', bytes);
    const packed = await files.put('huge.npy.gz', gzipSync(bytes));
    expect(await failureOf(loadDataset(path))).toContain('(truncated)');
    expect(await failureOf(loadDataset(packed))).toContain('(truncated)');
  });

  it.each([
    ['not npy', Buffer.from('hello, world'), 'start with the bytes 93 4e 55'],
    [
      'version 4',
      Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 4, 0, 0, 0]),
      'version 1.0, 2.0',
    ],
    [
      'no shape',
      npyBytes("{'descr': '<f4', 'fortran_order': False}"),
      "'fortran_order' and 'shape'",
    ],
    ['Fortran order', npyBytes(header("'<f4'", '(2, 2)', 'True')), 'ascontiguousarray'],
    ['big-endian', npyBytes(header("'>f4'", '(2, 2)')), "astype('<f4')"],
    ['half', npyBytes(header("'<f2'", '(2, 2)')), "got '<f2'"],
    ['structured', npyBytes(header("[('a', '<f4')]", '(2,)')), 'a structured type'],
    ['no rows', npyBytes(header("'<f4'", '(0, 2)')), 'at least one row'],
    ['a scalar', npyBytes(header("'<f4'", '()'), new Uint8Array(4)), 'at least one row'],
    ['endless', npyBytes(header("'<f4'", '(99999999, 99999999)')), 'shape that a file can hold'],
  ])('error: %s', async (_, bytes, words) => {
    const path = await files.put('bad.npy', bytes);
    const message = await failureOf(loadDataset(path));
    expect(message).toMatch(/^DataError: npy: .*bad\.npy must /);
    expect(message).toContain(words);
    expect(message).not.toContain('\n');
  });
});
