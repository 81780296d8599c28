import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openRows } from '../../src/data/index.js';
import type { RowRange } from '../../src/data/index.js';
import { encodeNpy } from '../../src/data/npyWrite.js';
import { failureOf, useTempFolder } from './files.js';

const folder = useTempFolder();
const values = Float32Array.from({ length: 21 }, (_, i) => i / 4);

/** The same rows as a file of every kind. */
const KINDS: Readonly<Record<string, () => Promise<string>>> = {
  'npy float32': () => folder.put('r.npy', encodeNpy(values, [7, 3])),
  'npy of rank 3': () => folder.put('r3.npy', encodeNpy(values, [7, 3, 1])),
  'npy float64': () => folder.put('r64.npy', encodeNpy(Float64Array.from(values), [7, 3])),
  'npy gzip': () => folder.put('r.npy.gz', gzipSync(encodeNpy(values, [7, 3]))),
  csv: () => {
    const lines = Array.from({ length: 7 }, (_, i) => values.subarray(3 * i, 3 * i + 3).join());
    return folder.put('r.csv', `a,b,c\n${lines.join('\n')}\n`);
  },
};

async function read(spec: string, range: RowRange): Promise<{ sizes: number[]; data: number[] }> {
  const rows = await openRows(spec);
  const sizes: number[] = [];
  const data: number[] = [];
  for await (const block of rows.blocks(range)) {
    expect(block.rowShape).toEqual([3]);
    sizes.push(block.count);
    data.push(...block.data);
  }
  return { sizes, data };
}

describe.each(Object.entries(KINDS))('rows of %s', (kind, make) => {
  it('come in blocks, from any row to any other', async () => {
    const spec = await make();
    expect((await openRows(spec)).count).toBe(kind === 'csv' ? undefined : 7);
    const all = await read(spec, {});
    expect(all).toEqual({ sizes: [7], data: Array.from(values) });
    expect((await read(spec, { blockRows: 3 })).sizes).toEqual([3, 3, 1]);
    const part = await read(spec, { start: 2, end: 6, blockRows: 3 });
    expect(part.data).toEqual(Array.from(values.subarray(6, 18)));
    expect((await read(spec, { start: 3, end: 3 })).data).toEqual([]);
    expect((await read(spec, { start: 7 })).data).toEqual([]);
  });
});

describe('openRows', () => {
  it('stops when told, and says what is wrong', async () => {
    const spec = await folder.put('s.npy', encodeNpy(values, [7, 3]));
    const rows = await openRows(spec);
    const stopped = rows.blocks({ signal: AbortSignal.abort() }).next();
    expect(await failureOf(stopped)).toContain('abort');
    expect(await failureOf(rows.blocks({ start: -1 }).next())).toContain('start must be');
    expect(await failureOf(rows.blocks({ end: 8 }).next())).toContain('rows = 7], got 8');
    expect(await failureOf(rows.blocks({ blockRows: 0 }).next())).toContain('blockRows must be');
    expect(await failureOf(openRows('none.npy'))).toContain('none.npy must exist');
    const cut = await folder.put('cut.npy', encodeNpy(values, [7, 3]).subarray(0, 150));
    expect(await failureOf(openRows(cut))).toContain('truncated');
  });

  it('notices a file that shrinks while it is read', async () => {
    const spec = await folder.put('shrinks.npy', encodeNpy(values, [7, 3]));
    const rows = await openRows(spec);
    await folder.put('shrinks.npy', encodeNpy(values, [7, 3]).subarray(0, 150));
    const run = rows.blocks().next();
    expect(await failureOf(run)).toContain('truncated while it was read');
  });
});
