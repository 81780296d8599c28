import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  columnsToRows,
  createRowWriter,
  loadDataset,
  ROW_FORMATS,
  rowFormatOf,
} from '../../src/data/index.js';
import type { RowFormat } from '../../src/data/index.js';
import { formatFloat32 } from '../../src/data/formatNumber.js';
import type { Rows } from '../../src/util/rows.js';
import { PROPERTY } from '../support/arbitraries.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

const rowsOf = (width: number, ...values: number[]): Rows => ({
  data: Float32Array.from(values),
  count: values.length / width,
  rowShape: [width],
});

/** A standard output that keeps what it gets; `slow` takes a while for each piece. */
class Sink extends Writable {
  readonly pieces: Buffer[] = [];
  isTTY = false;

  constructor(private readonly mode: 'fast' | 'slow' | 'gone' | 'full' = 'fast') {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.mode === 'gone' || this.mode === 'full') {
      const code = this.mode === 'gone' ? 'EPIPE' : 'ENOSPC';
      done(Object.assign(new Error(`${code}: write`), { code }));
      return;
    }
    this.pieces.push(chunk);
    if (this.mode === 'slow') setTimeout(done, 20);
    else done();
  }

  text(): string {
    return Buffer.concat(this.pieces).toString();
  }
}

describe('formatFloat32', () => {
  it('property: reads back as the same float32, and is short', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        expect(Math.fround(Number(formatFloat32(value)))).toBe(value);
      }),
      { ...PROPERTY, numRuns: 500 },
    );
    const texts = [0.1, 0.5 + 2 ** -24, 1e-10, 16777217, -0, 7].map((v) => formatFloat32(v));
    expect(texts).toEqual(['0.1', '0.50000006', '1e-10', '16777217', '-0', '7']);
  });
});

describe('createRowWriter', () => {
  it('golden: a counter numbers rows through all blocks, as integers and not in npy', async () => {
    const write = async (format: RowFormat): Promise<string> => {
      const path = files.path(`counted.${format}`);
      const writer = await createRowWriter(path, format, { columns: ['a'], counter: 'row' });
      await writer.write(rowsOf(1, 0.5, 2));
      await writer.write(rowsOf(1, NaN));
      await writer.close();
      return readFile(path, 'latin1');
    };
    expect(await write('csv')).toBe('row,a\n0,0.5\n1,2\n2,NaN\n');
    expect(await write('ndjson')).toBe('{"row":0,"a":0.5}\n{"row":1,"a":2}\n{"row":2,"a":null}\n');
    expect(await write('npy')).toContain("'shape': (3, 1)");
  });

  it('golden: csv and ndjson, in blocks, with names that need quotes, and NaN', async () => {
    const columns = ['a', 'b,"c"'];
    const write = async (format: RowFormat): Promise<string> => {
      const path = files.path(`out.${format}`);
      const writer = await createRowWriter(path, format, { columns });
      await writer.write(rowsOf(2, 0.1, 2));
      expect(existsSync(path)).toBe(false);
      await writer.write(rowsOf(2, NaN, -Infinity, 5, 6));
      expect(writer.rows).toBe(3);
      await writer.close();
      return readFile(path, 'utf8');
    };
    expect(await write('csv')).toBe('a,"b,""c"""\n0.1,2\nNaN,-Infinity\n5,6\n');
    expect(await write('ndjson')).toBe(
      '{"a":0.1,"b,\\"c\\"":2}\n{"a":null,"b,\\"c\\"":null}\n{"a":5,"b,\\"c\\"":6}\n',
    );
  });

  it.each(['csv', 'npy'] as const)('property: %s reads back as the same bits', async (format) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.float(), { minLength: 2, maxLength: 2 }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.integer({ min: 1, max: 20 }),
        async (rows, blockRows) => {
          const path = files.path(`round.${format}`);
          const writer = await createRowWriter(path, format);
          for (let at = 0; at < rows.length; at += blockRows) {
            await writer.write(rowsOf(2, ...rows.slice(at, at + blockRows).flat()));
          }
          await writer.close();
          const { x } = await loadDataset(path);
          expect(x.count).toBe(rows.length);
          expect(x.data).toEqual(Float32Array.from(rows.flat()));
        },
      ),
      PROPERTY,
    );
  });

  it('golden: npy keeps the shape of a row', async () => {
    const path = files.path('images.npy');
    const writer = await createRowWriter(path, 'npy');
    await writer.write({ data: new Float32Array(24), count: 2, rowShape: [2, 3, 2] });
    await writer.close();
    expect((await loadDataset(path)).x.rowShape).toEqual([2, 3, 2]);
  });

  it('property: an abandoned writer leaves nothing, an old file stays', async () => {
    const path = await files.put('kept.csv', 'old');
    for (const format of ROW_FORMATS) {
      const writer = await createRowWriter(path, format);
      await writer.write(rowsOf(1, 1));
      await writer.abort();
      await writer.abort();
      expect(await failureOf(writer.write(rowsOf(1, 1)))).toContain('writer must be open');
    }
    expect(await readFile(path, 'utf8')).toBe('old');
    expect((await files.list()).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('golden: standard output gets text at once and npy at the end, and stays open', async () => {
    const text = new Sink();
    const csv = await createRowWriter('-', 'csv', { stdout: text });
    await csv.write(rowsOf(2, 1, 2));
    expect(text.text()).toBe('x0,x1\n1,2\n');
    await csv.close();
    const binary = new Sink();
    const npy = await createRowWriter('-', 'npy', { stdout: binary });
    await npy.write(rowsOf(2, 1, 2));
    await npy.write(rowsOf(2, 3, 4));
    expect(binary.pieces).toEqual([]);
    await npy.close();
    expect([text.writableEnded, binary.writableEnded]).toEqual([false, false]);
    const path = await files.put('piped.npy', Buffer.concat(binary.pieces));
    expect(Array.from((await loadDataset(path)).x.data)).toEqual([1, 2, 3, 4]);
  });

  it('property: waits for a slow reader', async () => {
    const slow = new Sink('slow');
    const writer = await createRowWriter('-', 'csv', { stdout: slow });
    for (let i = 0; i < 3; i++) {
      await writer.write(rowsOf(1, i));
      expect(slow.writableLength).toBe(0);
    }
    await writer.close();
    expect(slow.text()).toBe('x0\n0\n1\n2\n');
  });

  it('golden: a reader that is gone ends the writing quietly; other failures do not', async () => {
    for (const format of ROW_FORMATS) {
      const writer = await createRowWriter('-', format, { stdout: new Sink('gone') });
      await writer.write(rowsOf(1, 1));
      await writer.write(rowsOf(1, 1));
      expect(writer.isStopped).toBe(format === 'csv' || format === 'ndjson');
      await writer.close();
    }
    const full = await createRowWriter('-', 'csv', { stdout: new Sink('full') });
    expect(await failureOf(full.write(rowsOf(1, 1)))).toMatch(
      /^DataError: write: standard output must have room left on its disk/,
    );
  });

  it('error: npy to a terminal, an unknown format, no block for npy', async () => {
    const terminal = new Sink();
    terminal.isTTY = true;
    expect(await failureOf(createRowWriter('-', 'npy', { stdout: terminal }))).toBe(
      'DataError: createRowWriter: standard output must be a file or a pipe for npy, got a terminal. Name a file, or use csv.',
    );
    const unknown = createRowWriter(files.path('x'), 'xlsx' as RowFormat);
    expect(await failureOf(unknown)).toContain(
      "format must be one of csv, ndjson, npy, parquet, got 'xlsx'",
    );
    const empty = await createRowWriter(files.path('empty.npy'), 'npy');
    expect(await failureOf(empty.close())).toContain('must be given at least one block');
    expect(await files.list()).not.toContain('empty.npy');
  });

  it('golden: csv without rows is its header', async () => {
    const path = files.path('none.csv');
    await (await createRowWriter(path, 'csv', { columns: ['a', 'b'] })).close();
    expect(await readFile(path, 'utf8')).toBe('a,b\n');
  });

  it('error: blocks of another shape or width', async () => {
    const writer = await createRowWriter(files.path('s.csv'), 'csv', { columns: ['a'] });
    expect(await failureOf(writer.write(rowsOf(2, 1, 2)))).toContain('must hold 1 x 1 values');
    await writer.write(rowsOf(1, 1));
    expect(await failureOf(writer.write(rowsOf(2, 1, 2)))).toContain('must be [1] each, got [2]');
    await writer.abort();
  });

  it.runIf(existsSync('/dev/full'))('error: a full disk', async () => {
    const writer = await createRowWriter('/dev/full', 'csv');
    expect(await failureOf(writer.write(rowsOf(1, 1)))).toContain(
      'must have room left on its disk',
    );
    await writer.abort();
  });

  it('golden: columns side by side, formats by name', () => {
    const rows = columnsToRows([Float32Array.of(1, 2), [3, 4], Int32Array.of(5, 6)]);
    expect([rows.count, rows.rowShape, Array.from(rows.data)]).toEqual([
      2,
      [3],
      [1, 3, 5, 2, 4, 6],
    ]);
    expect(() => columnsToRows([[1], [1, 2]])).toThrow('got lengths [1, 2]');
    expect(() => columnsToRows([])).toThrow('one or more arrays');
    expect(['a.csv', 'a.NPY', 'a.jsonl', 'a.txt', '-'].map(rowFormatOf)).toEqual([
      'csv',
      'npy',
      'ndjson',
      undefined,
      undefined,
    ]);
  });
});
