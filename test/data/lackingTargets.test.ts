import { writeFile } from 'node:fs/promises';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { loadDataset, streamDataset, writeNpy } from '../../src/data/index.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();
const lenient = { mayLackTargets: true } as const;
const kinds = { class: 'Int32Array', real: 'Float32Array' } as const;

async function targetsOf(spec: string): Promise<readonly [string, number, number[]]> {
  const { y } = await loadDataset(spec, lenient);
  if (y === undefined) throw new Error('no targets');
  expect(y.values.constructor.name).toBe(kinds[y.kind]);
  return [y.kind, y.kind === 'class' ? y.classes : 0, Array.from(y.values)];
}

describe('targets that are not known for some rows', () => {
  it.each(['', '-1', 'NaN', 'nan'])('csv: %j among classes is class -1', async (cell) => {
    const path = files.path('classes.csv');
    await writeFile(path, `a,y\n0.5,1\n1.5,${cell}\n2.5,0\n`);
    expect(await targetsOf(`${path}#target=y`)).toEqual(['class', 2, [1, -1, 0]]);
    const task = `${path}#target=y#task=classification`;
    expect(await targetsOf(task)).toEqual(['class', 2, [1, -1, 0]]);
  });

  it('csv: an empty cell among real numbers is NaN, and -1 is a number', async () => {
    const path = files.path('real.csv');
    await writeFile(path, 'a,y\n0.5,1.25\n1.5,\n2.5,-1\n');
    expect(await targetsOf(`${path}#target=y`)).toEqual(['real', 0, [1.25, NaN, -1]]);
    await writeFile(path, 'a,y\n0.5,1\n1.5,\n2.5,-1\n');
    expect(await targetsOf(`${path}#target=y#task=regression`)).toEqual(['real', 0, [1, NaN, -1]]);
  });

  it('ndjson and parquet: null', async () => {
    const lines = files.path('rows.ndjson');
    await writeFile(lines, '{"a":1,"y":2}\n{"a":2,"y":null}\n{"a":3,"y":0}\n');
    expect(await targetsOf(`${lines}#target=y`)).toEqual(['class', 3, [2, -1, 0]]);
    const table = files.path('rows.parquet');
    parquetWriteFile({
      filename: table,
      columnData: [
        { name: 'a', data: Float64Array.of(1, 2, 3), type: 'DOUBLE' },
        { name: 'y', data: [2, null, 0], type: 'DOUBLE', nullable: true },
      ],
    });
    expect(await targetsOf(`${table}#target=y`)).toEqual(['class', 3, [2, -1, 0]]);
  });

  it('npy: -1 or NaN of classes, NaN of numbers', async () => {
    const rows = files.path('x.npy');
    const y = files.path('y.npy');
    await writeNpy(rows, Float32Array.of(1, 2, 3), [3, 1]);
    await writeNpy(y, Float32Array.of(1, NaN, -1), [3]);
    expect(await targetsOf(`${rows}#labels=${y}`)).toEqual(['class', 2, [1, -1, -1]]);
    expect(await targetsOf(`${rows}#targets=${y}`)).toEqual(['real', 0, [1, NaN, -1]]);
  });

  it('a stream has the same targets, and passes over them where they are left out', async () => {
    const path = files.path('stream.csv');
    await writeFile(path, 'a,y\n0.5,1\n1.5,\n2.5,0\n');
    const seen: number[] = [];
    for await (const { y } of streamDataset(`${path}#target=y`, { blockRows: 2, ...lenient })) {
      seen.push(...(y?.values ?? []));
    }
    expect(seen).toEqual([1, -1, 0]);
    let count = 0;
    const without = { blockRows: 2, withoutTargets: true };
    for await (const { x } of streamDataset(`${path}#target=y`, without)) count += x.count;
    expect(count).toBe(3);
  });

  it('error: they are refused unless they are asked for, and so are other bad classes', async () => {
    const path = files.path('bad.csv');
    await writeFile(path, 'a,y\n0.5,1\n1.5,\n');
    expect(await failureOf(loadDataset(`${path}#target=y`))).toContain('got an empty cell');
    await writeFile(path, 'a,y\n0.5,1\n1.5,-1\n');
    const task = `${path}#target=y#task=classification`;
    expect(await failureOf(loadDataset(task))).toContain('semiSupervised=true');
    await writeFile(path, 'a,y\n0.5,1\n1.5,-2\n');
    expect(await failureOf(loadDataset(task, lenient))).toContain('got -2 in row 1');
    await writeFile(path, 'a,y\n,1\n1.5,0\n');
    expect(await failureOf(loadDataset(task, lenient))).toContain("line 2, column 'a'");
  });
});
