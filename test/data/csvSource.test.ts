import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataset, streamDataset } from '../../src/data/index.js';
import { PROPERTY } from '../support/arbitraries.js';
import { failureOf, gather, useTempFolder } from './files.js';

const files = useTempFolder();

const put = (text: string, name = 't.csv'): Promise<string> => files.put(name, text);

async function load(text: string, settings = ''): Promise<Awaited<ReturnType<typeof loadDataset>>> {
  return loadDataset(`${await put(text)}${settings}`);
}

const failing = async (text: string, settings = ''): Promise<string> =>
  failureOf(load(text, settings));

describe('csv', () => {
  it('golden: header found, target taken out by name, other columns in order', async () => {
    const { x, y } = await load('a,b,kind\n1,2,0\n3.5,-4e1,2\n', '#target=kind');
    expect([x.rowShape, Array.from(x.data)]).toEqual([[2], [1, 2, 3.5, -40]]);
    expect(y).toEqual({ kind: 'class', values: Int32Array.of(0, 2), classes: 3 });
  });

  it('golden: no header, CRLF, BOM, spaces, blank lines, quotes, no last line break', async () => {
    const { x } = await load('\ufeff1, 2\r\n\r\n"3",4');
    expect([x.count, Array.from(x.data)]).toEqual([2, [1, 2, 3, 4]]);
    const numbered = await load('1.5,2\n3,4\n', '#target=2#task=regression');
    expect(numbered.y).toEqual({ kind: 'real', values: Float32Array.of(2, 4) });
  });

  it('golden: tab-separated, gzipped, shape and scale', async () => {
    const tabs = await files.put('t.tsv', 'a\tb\n1\t2\n');
    expect(Array.from((await loadDataset(tabs)).x.data)).toEqual([1, 2]);
    const packed = await files.put('t.csv.gz', gzipSync('255,0\n51,255\n'));
    const { x } = await loadDataset(`${packed}#shape=1x2x1#scale=255`);
    expect(x.rowShape).toEqual([1, 2, 1]);
    expect(x.data).toEqual(Float32Array.of(1, 0, 0.2, 1));
  });

  it('golden: NaN and infinities are read, whatever their case', async () => {
    const { x } = await load('nan,inf,-Infinity\n1,2,3\n', '#header=no');
    expect(Array.from(x.data.subarray(0, 3))).toEqual([NaN, Infinity, -Infinity]);
  });

  it('golden: what a target is, by its values and by the task', async () => {
    const kind = async (values: string, task = ''): Promise<string | undefined> =>
      (await load(`x,t\n${values.replaceAll(' ', '\n')}\n`, `#target=t${task}`)).y?.kind;
    expect(await kind('1,0 1,999')).toBe('class');
    expect(await kind('1,0 1,1000')).toBe('real');
    expect(await kind('1,0 1,0.5')).toBe('real');
    expect(await kind('1,-1 1,1')).toBe('real');
    expect(await kind('1,0 1,1', '#task=regression')).toBe('real');
    expect(await kind('1,0 1,1000', '#task=classification')).toBe('class');
    const path = await put('x,t\n1,0\n');
    const asked = await loadDataset(`${path}#target=t`, { task: 'regression' });
    expect(asked.y?.kind).toBe('real');
  });

  it('property: streaming gives the rows and targets of loading, in blocks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.float({ noNaN: true }), fc.integer({ min: 0, max: 9 })), {
          minLength: 1,
          maxLength: 40,
        }),
        fc.integer({ min: 1, max: 50 }),
        async (rows, blockRows) => {
          const lines = rows.map(([value, label]) => `${String(value)},${label}`);
          const spec = `${await put(['v,label', ...lines].join('\n'))}#target=label`;
          const whole = await loadDataset(spec);
          const { blocks, x, y } = await gather(streamDataset(spec, { blockRows }));
          expect(x).toEqual(Array.from(whole.x.data));
          expect(y).toEqual(Array.from(whole.y?.values ?? []));
          expect(blocks[0].y).toMatchObject({ classes: Math.max(...rows.map(([, c]) => c)) + 1 });
          expect(blocks.slice(0, -1).every((block) => block.x.count === blockRows)).toBe(true);
        },
      ),
      PROPERTY,
    );
  });

  it('golden: standard input streams without targets, and with them when the task is given', async () => {
    const from = (text: string, settings = ''): ReturnType<typeof gather> =>
      gather(streamDataset(`-${settings}`, { blockRows: 2, stdin: Readable.from([text]) }));
    expect((await from('a,b\n1,2\n3,4\n5,6\n')).x).toEqual([1, 2, 3, 4, 5, 6]);
    const { y, blocks } = await from('a,b\n1,0\n3,1\n5,4\n', '#target=b#task=classification');
    expect(y).toEqual([0, 1, 4]);
    expect(blocks.map((block) => block.source)).toEqual(['standard input', 'standard input']);
    expect(await failureOf(from('a,b\n1,0\n', '#target=b'))).toMatch(/Add #task=classification or/);
  });

  it('golden: the blocks of a stream do not share memory', async () => {
    const { blocks } = await gather(streamDataset(await put('1.5\n2\n3\n'), { blockRows: 1 }));
    expect(blocks.map((block) => block.x.data[0])).toEqual([1.5, 2, 3]);
  });

  it('error: a cell that is not a number names line and column', async () => {
    expect(await failing('a,b\n1,2\n3,x\n')).toMatch(
      /^DataError: csv: .*t\.csv must hold a number in line 3, column 'b', got 'x'\./,
    );
    expect(await failing('a,b\n1,\n')).toContain("in line 2, column 'b', got an empty cell");
    expect(await failing('a\n0x10\n')).toContain("got '0x10'");
    expect(await failing('a,b\n1,2\n\n3,x\n')).toContain('line 4');
  });

  it('error: lines of different length, an open quote, no rows', async () => {
    expect(await failing('a,b\n1,2\n3\n')).toMatch(/same number of cells in every line.*line 3/);
    expect(await failing('a,b\n1,"2\n')).toContain('must be well-formed CSV');
    expect(await failing('')).toContain('must have at least one row, got an empty file');
    expect(await failing('a,b\n')).toContain('got a header only');
  });

  it('error: target missing, doubled, alone, or named without a header', async () => {
    expect(await failing('a,b\n1,2\n', '#target=B')).toMatch(
      /must have a column 'B', got columns a, b\. Names are case-sensitive\./,
    );
    expect(await failing('a,a,b\n1,2,3\n', '#target=a')).toContain("must have one column 'a'");
    expect(await failing('a\n1\n', '#target=a')).toContain('columns besides the target');
    expect(await failing('1.5,2\n', '#target=a')).toContain('no header, only columns 1 to 2');
  });

  it('error: unnamed columns and a first line that counts the columns', async () => {
    expect(await failing(',a\n0,1\n')).toContain('no name for column 1');
    expect(await failing('0,1,2\n5,6,7\n')).toContain('Add #header=yes or #header=no.');
    expect((await load('0,1,2\n5,6,7\n', '#header=yes')).x.count).toBe(1);
    expect((await load('0,1,2\n5,6,7\n', '#header=no')).x.count).toBe(2);
  });

  it('error: labels that are no classes, and a shape that does not fit', async () => {
    const labels = '#target=t#task=classification';
    expect(await failing('x,t\n1,0\n1,-2\n', labels)).toMatch(
      /^DomainError: targets: column 't' of .*t\.csv must hold class labels .*got -2 in row 1/,
    );
    expect(await failing('x,t\n1,0.5\n', labels)).toContain('got 0.5 in row 0');
    expect(await failing('1.5,2\n', '#shape=3')).toContain('rows of 3 values for #shape=3');
  });

  it('error: a stop signal ends a stream', async () => {
    const controller = new AbortController();
    const stream = streamDataset(await put('1.5\n2\n3\n4\n'), {
      blockRows: 1,
      signal: controller.signal,
    });
    await stream.next();
    controller.abort();
    expect(await failureOf(stream.next())).toContain('AbortError');
  });
});
