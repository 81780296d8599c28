import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../../src/data/index.js';
import { PROPERTY } from '../support/arbitraries.js';
import { failureOf, idxBytes, useTempFolder } from './files.js';

const files = useTempFolder();

describe('idx', () => {
  it('property: images come back as bytes / 255, with labels, plain and gzipped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(fc.uint8Array({ minLength: 6, maxLength: 6 }), fc.integer({ min: 0, max: 4 })),
          { minLength: 1, maxLength: 10 },
        ),
        fc.boolean(),
        async (rows, isPacked) => {
          const pixels = rows.flatMap(([image]) => Array.from(image));
          const labels = rows.map(([, label]) => label);
          const end = isPacked ? '.gz' : '';
          const pack = (bytes: Uint8Array): Uint8Array => (isPacked ? gzipSync(bytes) : bytes);
          const x = await files.put(
            `p-idx3-ubyte${end}`,
            pack(idxBytes([rows.length, 2, 3], pixels)),
          );
          const y = await files.put(`p-idx1-ubyte${end}`, pack(idxBytes([rows.length], labels)));
          const data = await loadDataset(`${x}#labels=${y}`);
          expect(data.x.rowShape).toEqual([2, 3, 1]);
          expect(data.x.data).toEqual(Float32Array.from(pixels, (pixel) => pixel / 255));
          const classes = Math.max(...labels) + 1;
          expect(data.y).toEqual({ kind: 'class', values: Int32Array.from(labels), classes });
        },
      ),
      PROPERTY,
    );
  });

  it('golden: int32 and float64 elements are stored highest byte first', async () => {
    const ints = Buffer.from([0, 0, 0x0c, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0xff, 0xff, 0xff, 0xff]);
    expect(Array.from((await loadDataset(await files.put('a.idx', ints))).x.data)).toEqual([
      258, -1,
    ]);
    const double = Buffer.alloc(16);
    double.set([0, 0, 0x0e, 1, 0, 0, 0, 1]);
    double.writeDoubleBE(0.5, 8);
    expect(Array.from((await loadDataset(await files.put('b.idx', double))).x.data)).toEqual([0.5]);
  });

  it('error: cut at any byte', async () => {
    const whole = idxBytes([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    for (let cut = 0; cut < whole.length; cut++) {
      const path = await files.put('cut-idx3-ubyte', whole.subarray(0, cut));
      expect(await failureOf(loadDataset(path))).toMatch(
        /^DataError: idx: .*cut-idx3-ubyte must .*\(truncated\)/,
      );
    }
  });

  it('error: trailing bytes, wrong magic, unknown type, too many dimensions, no rows', async () => {
    const fail = async (bytes: Uint8Array): Promise<string> =>
      failureOf(loadDataset(await files.put('bad.idx', bytes)));
    expect(await fail(Buffer.concat([idxBytes([1], [1]), Buffer.alloc(3)]))).toContain(
      'must end after 1 bytes of data, got 3 more bytes',
    );
    expect(await fail(Buffer.from([1, 0, 8, 1, 0, 0, 0, 0]))).toContain('idx magic number');
    expect(await fail(Buffer.from([0, 0, 7, 1, 0, 0, 0, 0]))).toContain('got 0, 0, 7, 1');
    expect(await fail(Buffer.from([0, 0, 8, 9, 0, 0, 0, 0]))).toContain('1 to 8 dimensions');
    expect(await fail(idxBytes([0, 2], []))).toContain('at least one row');
    expect(await fail(Buffer.from([0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255]))).toContain(
      'dimensions that a file can hold',
    );
  });

  it('error: labels of another length, shape, or value', async () => {
    const x = await files.put('x-idx3-ubyte', idxBytes([2, 1, 1], [1, 2]));
    const y = await files.put('y-idx1-ubyte', idxBytes([3], [1, 2, 3]));
    expect(await failureOf(loadDataset(`${x}#labels=${y}`))).toMatch(
      /y-idx1-ubyte must hold 2 targets, as .*x-idx3-ubyte has rows, got 3/,
    );
    expect(await failureOf(loadDataset(`${y}#labels=${x}`))).toContain('hold 3 targets');
    const wide = await files.put('w.idx', idxBytes([2, 2], [1, 2, 3, 4]));
    expect(await failureOf(loadDataset(`${x}#labels=${wide}`))).toContain('one target per row');
    const signed = await files.put('s.idx', Buffer.from([0, 0, 9, 1, 0, 0, 0, 2, 3, 0xff]));
    expect(await failureOf(loadDataset(`${x}#labels=${signed}`))).toMatch(
      /^DomainError: targets: .*s\.idx must hold class labels .*, got -1 in row 1/,
    );
  });
});
