import { execFileSync, spawn } from 'node:child_process';
import { createReadStream, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  columnsToRows,
  createRowWriter,
  loadDataset,
  streamDataset,
} from '../../src/data/index.js';
import { GROUP_ROWS } from '../../src/data/parquetSink.js';
import { PROPERTY } from '../support/arbitraries.js';
import { failureOf, gather, useTempFolder } from './files.js';

const files = useTempFolder();
/** Written by pyarrow: scripts/golden/parquet.py. */
const golden = (name: string): string => `test/golden/${name}.parquet`;

const write = async (name: string, columns: Record<string, number[]>): Promise<string> => {
  const path = files.path(name);
  const writer = await createRowWriter(path, 'parquet', { columns: Object.keys(columns) });
  await writer.write(columnsToRows(Object.values(columns)));
  await writer.close();
  return path;
};

describe('parquet', () => {
  it('golden: numbers of every kind, compressed, in groups, as pyarrow wrote them', async () => {
    const { x, y } = await loadDataset(`${golden('numbers')}#target=l#task=regression`);
    expect([x.count, x.rowShape]).toEqual([5, [7]]);
    expect(Array.from(x.data.subarray(0, 14))).toEqual(
      [0.5, 0.1, 1, 255, 1, 1.25, 4, -1.25, 0.2, -2, 0, 0, -0.5, 4].map(Math.fround),
    );
    expect(y).toEqual({ kind: 'real', values: Float32Array.of(2 ** 40, 0, -7, 1, 2) });
  });

  it.each([1, 2, 3, 5, 9])('property: blocks of %i rows give what loading gives', async (rows) => {
    const spec = `${golden('numbers')}#target=same#scale=2`;
    const whole = await loadDataset(spec);
    const { blocks, x, y } = await gather(streamDataset(spec, { blockRows: rows }));
    expect(x).toEqual(Array.from(whole.x.data));
    expect(y).toEqual([4, 4, 4, 5, 5]);
    expect(
      blocks
        .map((block) => block.x.count)
        .slice(0, -1)
        .every((n) => n === rows),
    ).toBe(true);
  });

  it('property: what is written reads back as the same bits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.float(), fc.float()), { minLength: 1, maxLength: 30 }),
        async (rows) => {
          const path = await write('round.parquet', {
            a: rows.map(([a]) => a),
            b: rows.map(([, b]) => b),
          });
          const { x } = await loadDataset(path);
          expect(x.data).toEqual(Float32Array.from(rows.flat()));
        },
      ),
      { ...PROPERTY, numRuns: 30 },
    );
  });

  it('golden: groups end at their size, row numbers are integers of the caller', async () => {
    const path = files.path('groups.parquet');
    const writer = await createRowWriter(path, 'parquet', { columns: ['a'], counter: 'row' });
    const count = GROUP_ROWS + 3;
    for (let first = 0; first < count; first += 5000) {
      const some = Array.from({ length: Math.min(5000, count - first) }, (_, i) => first + i);
      await writer.write(
        columnsToRows([some.map((i) => i / 2)]),
        some.map((i) => 2 * i),
      );
    }
    await writer.close();
    let rows = 0;
    for await (const { x } of streamDataset(path, { blockRows: 4096 })) {
      for (let i = 0; i < x.count; i++, rows++) {
        if (x.data[2 * i] !== 2 * rows || x.data[2 * i + 1] !== rows / 2) {
          throw new Error(`row ${rows} is ${x.data[2 * i]}, ${x.data[2 * i + 1]}`);
        }
      }
    }
    expect(rows).toBe(count);
  });

  it('golden: on standard output, and without rows', async () => {
    const pieces: Buffer[] = [];
    const stdout = new Writable({
      write: (chunk: Buffer, _, done) => {
        pieces.push(chunk);
        done();
      },
    });
    const writer = await createRowWriter('-', 'parquet', { columns: ['a'], stdout });
    await writer.write(columnsToRows([[1, 2]]));
    await writer.close();
    const path = await files.put('stdout.parquet', Buffer.concat(pieces));
    expect(Array.from((await loadDataset(path)).x.data)).toEqual([1, 2]);
    const empty = await createRowWriter(files.path('empty.parquet'), 'parquet', { columns: ['a'] });
    await empty.close();
    expect(await failureOf(loadDataset(files.path('empty.parquet')))).toContain(
      'must have at least one row, got none',
    );
  });

  it('golden: a pipe is copied to a temporary file, which goes when it is read', async () => {
    const spooled = (): string[] =>
      readdirSync(tmpdir()).filter((f) => /^tfjs-latent-\w{6}$/.test(f));
    const before = spooled();
    const stdin = createReadStream(golden('numbers'));
    const blocks = streamDataset('-#format=parquet', { blockRows: 2, stdin });
    const { x } = await gather(blocks);
    expect(x).toEqual(Array.from((await loadDataset(golden('numbers'))).x.data));
    expect(spooled().filter((name) => !before.includes(name))).toEqual([]);
    const text = streamDataset('-#format=parquet', {
      blockRows: 2,
      stdin: Readable.from([Buffer.from('a,b')]),
    });
    expect(await failureOf(gather(text))).toContain(
      'standard input must begin and end with the bytes PAR1',
    );
    expect(spooled().filter((name) => !before.includes(name))).toEqual([]);
  });

  it('error: a missing value, with its row and column; or NaN', async () => {
    expect(await failureOf(loadDataset(golden('nulls')))).toContain(
      "must hold a number in row 2, column 'a', got a missing value",
    );
    const { x } = await loadDataset(golden('nulls'), { unreadable: 'nan' });
    expect(Array.from(x.data)).toEqual([1, 1, 2, 2, NaN, 3, 4, 4]);
  });

  it('error: text, a target that is not there, another file', async () => {
    expect(await failureOf(loadDataset(golden('text')))).toContain(
      "hold numbers in column 'name', got STRING",
    );
    expect(await failureOf(loadDataset(`${golden('nulls')}#target=c`))).toContain(
      "have a column 'c', got columns a, b",
    );
    expect(await failureOf(loadDataset(`${golden('nulls')}#header=no`))).toContain(
      'use the settings of parquet',
    );
    const other = await files.put('other.parquet', 'a,b\n1,2\n3,4\n');
    expect(await failureOf(loadDataset(other))).toContain('got 12 bytes of something else');
  });

  it('error: cut at any byte', async () => {
    const whole = readFileSync(golden('nulls'));
    for (let length = 0; length < whole.length; length += 7) {
      const path = await files.put('cut.parquet', whole.subarray(0, length));
      expect(await failureOf(loadDataset(path)), String(length)).toMatch(
        /DataError.*(truncated|something else)/,
      );
    }
    // The end of another file after half of this one: the metadata are no metadata.
    const torn = await files.put(
      'torn.parquet',
      Buffer.concat([whole.subarray(0, 100), whole.subarray(-8)]),
    );
    expect(await failureOf(loadDataset(torn))).toContain('DataError: parquet: ');
  });
});

describe('pipes', () => {
  const npy = async (): Promise<string> => {
    const path = files.path('rows.npy');
    const writer = await createRowWriter(path, 'npy');
    await writer.write(
      columnsToRows([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    await writer.close();
    return path;
  };

  it('golden: npy and ndjson on standard input', async () => {
    const stdin = createReadStream(await npy(), { highWaterMark: 7 });
    const read = await gather(streamDataset('-#format=npy', { blockRows: 2, stdin }));
    expect(read.x).toEqual([1, 4, 2, 5, 3, 6]);
    expect(read.blocks.length).toBe(2);
    const lines = Readable.from([Buffer.from('{"a":1,"b":2}\n{"b":'), Buffer.from('4,"a":3}')]);
    const text = await gather(streamDataset('-#format=ndjson', { blockRows: 9, stdin: lines }));
    expect(text.x).toEqual([1, 2, 3, 4]);
  });

  it('golden: a named pipe', async () => {
    const pipe = files.path('pipe');
    execFileSync('mkfifo', [pipe]);
    const path = await npy();
    const reading = gather(streamDataset(`${pipe}#format=npy`, { blockRows: 2 }));
    // Opening a pipe waits for its other end: not in this thread.
    spawn('sh', ['-c', 'cat "$0" > "$1"', path, pipe]);
    expect((await reading).x).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('error: an npy stream that is cut off, or too long', async () => {
    const bytes = readFileSync(await npy());
    const read = async (...pieces: Buffer[]): Promise<string> => {
      const stdin = Readable.from(pieces);
      return failureOf(gather(streamDataset('-#format=npy', { blockRows: 2, stdin })));
    };
    expect(await read(bytes.subarray(0, -3))).toContain('standard input must hold 8 bytes of data');
    expect(await read(bytes.subarray(0, 20))).toContain('(truncated)');
    expect(await read(bytes, Buffer.from('x'))).toContain('got some more bytes');
    expect(await read()).toContain('(truncated)');
  });

  it('error: an unknown format', async () => {
    expect(await failureOf(loadDataset('-#format=xlsx'))).toContain(
      'set format to csv, ndjson, parquet, npy, idx',
    );
    expect(await failureOf(loadDataset('rows.bin'))).toContain('needs #format=');
  });
});
