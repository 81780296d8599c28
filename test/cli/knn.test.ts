import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { readNeighbors, writeNpy } from '../../src/data/index.js';
import { normalRows } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { testStreams } from './streams.js';

let dir = '';
const at = (name: string): string => join(dir, name);

async function cli(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { streams, stdout, stderr } = testStreams();
  const code = await runCli(args, streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

const queries = normalRows(6, 3, 1);
const references = [...normalRows(40, 3, 2), ...queries];

const put = (name: string, rows: Matrix): Promise<void> =>
  writeNpy(at(name), Float32Array.from(rows.flat()), [rows.length, rows[0].length]);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cli-knn-'));
  await put('q.npy', queries);
  await put('r.npy', references);
  await put('wide.npy', normalRows(4, 5, 1));
  await put('variances.npy', [[0.5, 1, 2]]);
  await put('vi.npy', [[2, 0, 0], [0, 1, 0.5], [0, 0.5, 1]]); // prettier-ignore
  const lines = references.map((row) => row.join());
  writeFileSync(at('r.csv'), `a,b,c\n${lines.join('\n')}\n`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const knn = (output: string, ...more: readonly string[]): string[] => [
  ...['knn', '--queries', at('q.npy'), '--references', at('r.npy'), '--backend', 'cpu'],
  ...['--output', output === '-' ? '-' : at(output), ...more],
];

/** Indices and float32 distances of the nearest references by brute force. */
function brute(
  distance: (x: readonly number[], y: readonly number[]) => number,
  k: number,
): { indices: number[]; distances: number[] } {
  const rows = queries.map((query) =>
    references
      .map((row, index) => ({ index, value: Math.fround(distance(query, row)) }))
      .sort((a, b) => a.value - b.value || a.index - b.index)
      .slice(0, k),
  );
  return {
    indices: rows.flatMap((row) => row.map(({ index }) => index)),
    distances: rows.flatMap((row) => row.map(({ value }) => value)),
  };
}

const euclidean = (x: readonly number[], y: readonly number[]): number =>
  Math.sqrt(x.reduce((sum, value, f) => sum + (value - y[f]) ** 2, 0));

describe('knn', () => {
  it('writes the neighbours that brute force finds', async () => {
    const { code, stdout, stderr } = await cli(['--json', ...knn('nn.npz', '--k', '4')]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ queries: 6, references: 46, k: 4, backend: 'cpu' });
    expect(stderr).toContain('46 references');
    const { table, about } = await readNeighbors(at('nn.npz'));
    const want = brute(euclidean, 4);
    expect(Array.from(table.indices)).toEqual(want.indices);
    expect(Array.from(table.distances)).toEqual(want.distances);
    expect(about).toMatchObject({ queries: 6, references: 46, from: 0, to: 46 });
    expect(about.search).toEqual({ metric: 'euclidean', mode: 'exact', k: 4, excludeSelf: false });
  });

  it('gives the same bytes for any block size and source of the references', async () => {
    await cli(knn('a.npz', '--metric', 'l1', '--k', '3'));
    const want = readFileSync(at('a.npz'));
    for (const more of [
      ['--block-rows', '7'],
      ['--references', at('r.csv'), '--block-rows', '9'],
    ]) {
      const { code } = await cli(knn('b.npz', '--metric', 'manhattan', '--k', '3', ...more));
      expect(code).toBe(0);
      expect(readFileSync(at('b.npz')).equals(want)).toBe(true);
    }
  });

  it.each([
    ['euclidean'],
    ['innerProduct'],
    ['spherical'],
    ['minkowski', '--p', '3'],
    ['minkowski', '--p', 'Infinity'],
    ['seuclidean', '--variances', 'variances.npy'],
    ['mahalanobis', '--vi', 'vi.npy'],
    ['lorentz', '--c', '2'],
  ])('merges shards into the bytes of the whole: %s %s %s', async (metric, ...parameters) => {
    const more = ['--k', '5', '--metric', metric];
    more.push(...parameters.map((part) => (part.endsWith('.npy') ? at(part) : part)));
    expect(await cli(knn('whole.npz', ...more))).toMatchObject({ code: 0 });
    for (const shard of ['1/3', '2/3', '3/3']) {
      const name = `part${shard[0]}.npz`;
      expect(await cli(knn(name, ...more, '--shard', shard))).toMatchObject({ code: 0 });
    }
    const parts = ['part3.npz', 'part1.npz', 'part2.npz'].map(at);
    const { code, stderr } = await cli(['knn', 'merge', ...parts, '--output', at('merged.npz')]);
    expect(stderr).toContain('3 parts');
    expect(code).toBe(0);
    expect(readFileSync(at('merged.npz')).equals(readFileSync(at('whole.npz')))).toBe(true);
  });

  it('merges more shards than there are references', async () => {
    await put('few.npy', references.slice(0, 2));
    const few = ['--references', at('few.npy'), '--k', '2'];
    await cli(knn('whole2.npz', ...few));
    const parts = ['1/3', '2/3', '3/3'].map((shard) => [shard, `few${shard[0]}.npz`] as const);
    for (const [shard, name] of parts) await cli(knn(name, ...few, '--shard', shard));
    const files = parts.map(([, name]) => at(name));
    const { code } = await cli(['knn', 'merge', ...files, '--output', at('merged2.npz')]);
    expect(code).toBe(0);
    expect(readFileSync(at('merged2.npz')).equals(readFileSync(at('whole2.npz')))).toBe(true);
  });

  it('excludes queries themselves by their place', async () => {
    const args = ['--queries', at('r.npy'), '--exclude-self', '--k', '2'];
    expect(await cli(knn('self.npz', ...args, '--block-rows', '11'))).toMatchObject({ code: 0 });
    const { table } = await readNeighbors(at('self.npz'));
    const own = Array.from(table.indices).filter((index, s) => index === Math.floor(s / 2));
    expect(own).toEqual([]);
    expect(table.count).toBe(46);
  });

  it('prints CSV and writes NDJSON', async () => {
    const { stdout } = await cli(['--quiet', ...knn('-', '--k', '2')]);
    const want = brute(euclidean, 2);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toBe('query,rank,index,distance');
    expect(lines.slice(1).map((line) => line.split(',').map(Number))).toEqual(
      want.indices.map((index, s) => [
        Math.floor(s / 2),
        s % 2,
        index,
        expect.closeTo(want.distances[s], 6) as number,
      ]),
    );
    await cli(knn('nn.ndjson', '--k', '2'));
    const objects = readFileSync(at('nn.ndjson'), 'utf8').trim().split('\n');
    expect(JSON.parse(objects[0])).toMatchObject({ query: 0, indices: want.indices.slice(0, 2) });
  });

  it('leaves empty slots out of text and marks them in npz, with --pad', async () => {
    const few = ['--references', at('few.npy'), '--k', '3', '--pad'];
    const { stdout } = await cli(['--quiet', ...knn('-', ...few)]);
    expect(stdout.trim().split('\n')).toHaveLength(1 + 6 * 2);
    await cli(knn('padded.npz', ...few));
    const { table } = await readNeighbors(at('padded.npz'));
    expect([table.indices[2], table.distances[2]]).toEqual([-1, Infinity]);
  });
});

describe('knn in error', () => {
  it.each([
    [['--metric', 'l9'], 'metric must be one of'],
    [['--k', '0'], 'It must be an integer >= 1'],
    [['--k', '47'], '--k must be at most 46, the number of references, got 47'],
    [['--mode', 'quick'], 'Allowed choices are exact, fast, direct'],
    [['--shard', '3/2'], 'It must be i/n with 1 <= i <= n'],
    [['--metric', 'minkowski'], "p must be given for metric 'minkowski'"],
    [['--p', 'x'], 'It must be a number'],
    [['--references', 'none.npy'], 'none.npy must exist'],
  ])('ends with exit code 2 and one line: %j', async (more, message) => {
    const before = readdirSync(dir).sort();
    const { code, stderr } = await cli(['--quiet', ...knn('bad.npz', ...more)]);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
    expect(readdirSync(dir).sort()).toEqual(before);
  });

  it('names the files that do not fit', async () => {
    const wide = await cli([
      '--quiet',
      ...knn('bad.npz', '--references', at('wide.npy'), '--k', '1'),
    ]);
    expect(wide.stderr).toContain('wide.npy must have as many features as --queries, which has 3');
    const csv = await cli(knn('bad.npz', '--references', at('r.csv'), '--shard', '1/2'));
    expect(csv.stderr).toContain('r.csv must tell its number of rows');
    const text = await cli(knn('bad.csv', '--shard', '1/2'));
    expect(text.stderr).toContain('--output must be an .npz file with --shard');
    const unknown = await cli(knn('bad.txt'));
    expect(unknown.stderr).toContain('--output must end in .npz, .csv or .ndjson');
    const missing = await cli(['knn', '--queries', at('q.npy'), '--output', at('x.npz')]);
    expect(missing.stderr).toContain('--references must be given');
    expect([wide, csv, text, unknown, missing].map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
  });

  it('refuses parts that are not one search', async () => {
    const merge = (...args: string[]): ReturnType<typeof cli> =>
      cli(['--quiet', 'knn', 'merge', ...args, '--output', at('bad.npz')]);
    await cli(knn('s1.npz', '--shard', '1/2', '--k', '3'));
    await cli(knn('s2.npz', '--shard', '2/2', '--k', '3'));
    await cli(knn('other.npz', '--shard', '2/2', '--k', '4'));
    const lacking = await merge(at('s2.npz'));
    expect(lacking.stderr).toContain('got no part with rows 0 to 22');
    const twice = await merge(at('s1.npz'), at('s2.npz'), at('s1.npz'));
    expect(twice.stderr).toContain('rows from 0 twice');
    const mixed = await merge(at('s1.npz'), at('other.npz'));
    expect(mixed.stderr).toContain('other.npz must be of the same search');
    expect(mixed.stderr).toContain('with k 3, got 4');
    const wrong = await merge(at('q.npy'));
    expect(wrong.stderr).toContain('q.npy must be an .npz file');
    const option = await merge(at('s1.npz'), at('s2.npz'), '--k', '3');
    expect(option.stderr).toContain('--k must be left out');
    for (const { code, stderr } of [lacking, twice, mixed, wrong, option]) {
      expect(code).toBe(2);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    expect(readdirSync(dir)).not.toContain('bad.npz');
  });
});

describe('an interrupted knn', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)('leaves no file under its name on %s', async (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'cli-knn-kill-'));
    try {
      await writeNpy(join(folder, 'big.npy'), new Float32Array(2_000_000), [500_000, 4]);
      const options = [
        '--queries',
        join(folder, 'big.npy'),
        '--references',
        join(folder, 'big.npy'),
      ];
      const child = spawn(
        process.execPath,
        [
          ...['--import', 'tsx', 'src/cli/main.ts', 'knn', ...options, '--block-rows', '10'],
          ...['--backend', 'cpu', '--output', join(folder, 'nn.npz')],
        ],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      let isSent = false;
      child.stderr.on('data', (chunk: Buffer) => {
        if (isSent || !chunk.toString().includes('backend')) return;
        isSent = true;
        setTimeout(() => child.kill(name), 300);
      });
      const code = await new Promise<number | null>((done) => child.on('exit', done));
      expect(code).toBe(name === 'SIGINT' ? 130 : null);
      expect(readdirSync(folder)).toEqual(['big.npy']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
