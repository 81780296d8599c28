import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createRowWriter, loadDataset } from '../../src/data/index.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

const load = async (
  text: string,
  settings = '',
  unreadable: 'fail' | 'nan' = 'fail',
): Promise<Awaited<ReturnType<typeof loadDataset>>> =>
  loadDataset(`${await files.put('t.ndjson', text)}${settings}`, { unreadable });

describe('ndjson', () => {
  it('golden: objects in the order of the first, booleans, blank lines, CRLF, a target', async () => {
    const { x, y } = await load(
      '{"a":1,"kind":0,"b":true}\r\n\r\n{"b":false,"a":-2.5,"kind":1}',
      '#target=kind',
    );
    expect([x.rowShape, Array.from(x.data)]).toEqual([[2], [1, 1, -2.5, 0]]);
    expect(y).toEqual({ kind: 'class', values: Int32Array.of(0, 1), classes: 2 });
  });

  it('golden: arrays, numbered columns, shape, scale, gzip', async () => {
    const path = await files.put('t.jsonl.gz', gzipSync('[2,4,1]\n[6,8,0]\n'));
    const { x, y } = await loadDataset(`${path}#target=3#shape=1x2#scale=2`);
    expect([x.rowShape, Array.from(x.data)]).toEqual([
      [1, 2],
      [1, 2, 3, 4],
    ]);
    expect(y?.values).toEqual(Int32Array.of(1, 0));
  });

  it('property: reads what the writer wrote, but for NaN', async () => {
    const path = files.path('own.ndjson');
    const writer = await createRowWriter(path, 'ndjson', { columns: ['a', 'b'] });
    await writer.write({ data: Float32Array.of(0.1, 1e-30, 3, 4e20), count: 2, rowShape: [2] });
    await writer.close();
    expect((await loadDataset(path)).x.data).toEqual(Float32Array.of(0.1, 1e-30, 3, 4e20));
  });

  it('error: lines that hold something else, with line and column; or NaN', async () => {
    const fail = async (text: string): Promise<string> => failureOf(load(text));
    expect(await fail('{"a":1}\n{"a":null}\n')).toContain(
      "hold a number in line 2, column 'a', got null",
    );
    expect(await fail('{"a":1}\n{"b":1}\n')).toContain("in line 2, column 'a', got no such column");
    expect(await fail('{"a":1}\n{"a":1,"b":2}\n')).toContain(
      '1 columns of the first line in line 2, got 2',
    );
    expect(await fail('{"a":1}\n{"a":')).toContain('array of numbers in line 2, got \'{"a":\'');
    expect(await fail('7\n')).toContain("array of numbers in line 1, got '7'");
    expect(await fail('\n')).toContain('must have at least one row');
    const { x } = await load('{"a":1}\n{"a":"x"}\n{"a":1,"b":2}\n{"a":', '', 'nan');
    expect(Array.from(x.data)).toEqual([1, NaN, NaN, NaN]);
  });
});
