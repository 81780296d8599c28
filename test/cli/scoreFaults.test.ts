import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { loadDataset } from '../../src/data/index.js';
import { testStreams } from './streams.js';

const ROWS = 4000;
/** Rows of the input that hold no finite number, and how they spell that. */
const BAD = new Map([
  [0, 'NaN,1'],
  [7, '1,inf'],
  [1500, 'x,1'],
  [2999, '1'],
]);

let dir = '';
const at = (name: string): string => join(dir, name);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run the command line here. */
async function cli(...args: string[]): Promise<Ended> {
  const { streams, stdout, stderr } = testStreams();
  const code = await runCli(args, streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Run it in a process of its own that is killed once `ready` says so; `limit` caps its files, in KiB. */
async function child(
  args: readonly string[],
  { ready, limit }: { readonly ready?: () => boolean; readonly limit?: number },
): Promise<Ended> {
  const command = [process.execPath, '--import', 'tsx', 'src/cli/main.ts', ...args];
  const script = `trap '' XFSZ; ulimit -f ${limit ?? 'unlimited'}; exec "$@"`;
  const running = spawn('bash', ['-c', script, 'bash', ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Files of the cache must not be cut by the limit.
    env: limit === undefined ? process.env : { ...process.env, TSX_DISABLE_CACHE: '1' },
  });
  let stderr = '';
  running.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const timer = setInterval(() => {
    if (ready?.() !== true) return;
    clearInterval(timer);
    running.kill('SIGKILL');
  }, 2);
  const code = await new Promise<number | null>((done) => running.on('exit', done));
  clearInterval(timer);
  return { code, stdout: '', stderr };
}

const score = (input: string, output: string, ...more: string[]): string[] => [
  ...['score', at('run'), '--input', at(input), '--output', at(output)],
  ...['--block-rows', '20', '--backend', 'cpu', ...more],
];
const partSize = (name: string): number =>
  existsSync(at(`${name}.part`)) ? statSync(at(`${name}.part`)).size : 0;

const rowAt = (i: number): string => [Math.sin(i) + (i % 2), Math.cos(i)].join(',');
const table = (rows: number, bad: ReadonlyMap<number, string> = new Map()): string =>
  `a,b\n${Array.from({ length: rows }, (_, i) => bad.get(i) ?? rowAt(i)).join('\n')}\n`;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latent-faults-'));
  const toy = Array.from({ length: 60 }, (_, i) => `${rowAt(i)},${i % 2}`).join('\n');
  writeFileSync(at('toy.csv'), `a,b,label\n${toy}\n`);
  writeFileSync(at('rows.csv'), table(ROWS));
  writeFileSync(at('bad.csv'), table(ROWS, BAD));
  writeFileSync(at('few.csv'), table(40, new Map([[3, 'NaN,1']])));
  const { code, stderr } = await cli(
    ...['train', 'sage', '--data', `${at('toy.csv')}#target=label`, '--out', at('run')],
    // k is as large as it may be: the size of the bank.
    ...['--epochs', '2', '--seed', '2', '--backend', 'cpu', '--set', 'hidden=[4]'],
    ...['--set', 'k=40', '--set', 'bankLimit=40'],
  );
  expect(code, stderr).toBe(0);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('score, killed in the middle', () => {
  it.each(['csv', 'npy', 'parquet'])(
    'goes on without losing or repeating a row, bad rows skipped: %s',
    async (format) => {
      const [whole, cut] = [`whole.${format}`, `cut.${format}`];
      const undisturbed = await cli(...score('bad.csv', whole, '--on-error', 'skip'));
      expect(undisturbed.code, undisturbed.stderr).toBe(0);
      const args = score('bad.csv', cut, '--on-error', 'skip');
      const killed = await child(args, { ready: () => partSize(cut) > 4000 });
      expect(killed.code).not.toBe(0);
      expect(existsSync(at(cut))).toBe(false);
      const resumed = await cli(...args, '--resume');
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(resumed.stderr).toMatch(/going on after \d+ rows/);
      expect(resumed.stderr).toContain('skipped 4 rows');
      expect(readFileSync(at(cut)).equals(readFileSync(at(whole)))).toBe(true);
      expect(readdirSync(dir).filter((file) => file.includes('.part'))).toEqual([]);
    },
  );

  it.each(['csv', 'parquet'])('keeps what is written on a full disk: %s', async (format) => {
    const [whole, cut] = [`enough.${format}`, `full.${format}`];
    const full = await child(score('rows.csv', cut), { limit: 48 });
    expect(full.code).toBe(2);
    expect(full.stderr).toContain('must fit the largest file of its disk');
    expect(full.stderr).toMatch(/kept \d+ rows in .*\.part: the same command with --resume/);
    expect(existsSync(at(cut))).toBe(false);
    const resumed = await cli(...score('rows.csv', cut, '--resume'));
    expect(resumed.code, resumed.stderr).toBe(0);
    expect((await cli(...score('rows.csv', whole))).code).toBe(0);
    expect(readFileSync(at(cut)).equals(readFileSync(at(whole)))).toBe(true);
  });
});

describe('score, bad rows', () => {
  it('rejects the first, with its number, unless told to skip', async () => {
    const failed = await cli(...score('few.csv', 'few-fail.csv'));
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain('got NaN at row 3, feature 0');
    expect(failed.stderr).toContain('--on-error skip');
    expect(existsSync(at('few-fail.csv'))).toBe(false);
  });

  it('skips and counts them; the other rows keep their numbers and scores', async () => {
    const skipped = await cli(...score('bad.csv', 'skipped.csv', '--on-error', 'skip', '--json'));
    expect(skipped.code, skipped.stderr).toBe(0);
    expect(skipped.stderr).toContain(
      'skipped 4 rows with a value that is no finite number: 0, 7, 1500, 2999\n',
    );
    expect(JSON.parse(skipped.stdout)).toMatchObject({
      rows: ROWS - BAD.size,
      skipped: { count: 4, rows: [0, 7, 1500, 2999] },
    });
    await cli(...score('rows.csv', 'all.csv'));
    const lines = readFileSync(at('all.csv'), 'utf8').split('\n');
    const kept = lines.filter((line) => !BAD.has(Number(line.split(',')[0] || NaN)));
    expect(readFileSync(at('skipped.csv'), 'utf8')).toBe(kept.join('\n'));
  });

  it('writes rows of NaN for them in npy, and their numbers in parquet', async () => {
    const args = ['--on-error', 'skip'];
    expect((await cli(...score('few.csv', 'few.npy', ...args))).code).toBe(0);
    expect((await cli(...score('few.csv', 'few.parquet', ...args))).code).toBe(0);
    const npy = await loadDataset(at('few.npy'));
    const parquet = await loadDataset(at('few.parquet'));
    expect([npy.x.count, parquet.x.count]).toEqual([40, 39]);
    expect(npy.x.data.subarray(15, 20).every(Number.isNaN)).toBe(true);
    for (let i = 0; i < 39; i++) {
      const row = i < 3 ? i : i + 1;
      const [number, ...scores] = parquet.x.data.subarray(6 * i, 6 * i + 6);
      expect(number).toBe(row);
      expect(scores).toEqual(Array.from(npy.x.data.subarray(5 * row, 5 * row + 5)));
    }
  });

  it('scores where no row is good', async () => {
    writeFileSync(at('none.csv'), 'a,b\nNaN,1\nx,2\n');
    const { code, stderr } = await cli(...score('none.csv', 'none-out.csv', '--on-error', 'skip'));
    expect(code).toBe(0);
    expect(stderr).toContain('skipped 2 rows');
    expect(readFileSync(at('none-out.csv'), 'utf8')).toBe(
      'row,score,distance,reconstruction,task,prediction\n',
    );
  });
});

describe('score, input that is cut off', () => {
  const fails = async (name: string, bytes: string | Uint8Array): Promise<string> => {
    writeFileSync(at(name), bytes);
    const { code, stderr } = await cli(...score(name, `${name}.csv`));
    expect(code).toBe(2);
    expect(existsSync(at(`${name}.csv`))).toBe(false);
    return stderr;
  };

  it('says what is missing, in every format', async () => {
    expect(await fails('cut.in.csv', 'a,b\n1,2\n3')).toContain(
      'same number of cells in every line',
    );
    expect(await fails('cut.in.ndjson', '{"a":1,"b":2}\n{"a":1,')).toContain('in line 2');
    await cli(...score('few.csv', 'two.npy', '--on-error', 'skip'));
    const npy = readFileSync(at('two.npy'));
    expect(await fails('cut.in.npy', npy.subarray(0, -1))).toContain('(truncated)');
    const parquet = readFileSync('test/golden/nulls.parquet');
    expect(await fails('cut.in.parquet', parquet.subarray(0, -1))).toContain('(truncated)');
  });
});
