import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { Rng } from '../../src/util/rng.js';
import { testStreams } from './streams.js';

let folder = '';
let toy = '';
let run = '';

async function cli(
  args: readonly string[],
  stdin: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const io = testStreams(stdin);
  const code = await runCli([...args, '--quiet', '--backend', 'cpu'], io.streams);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

/** Two classes of three features, and a real target; one cell can be replaced. */
function toyCsv(rows: number, cell?: { readonly row: number; readonly text: string }): string {
  const rng = new Rng(1);
  const lines = Array.from({ length: rows }, (_, i) => {
    const [a, b, c] = [0, 1, 2].map(() => (i % 2) + rng.normal() / 4);
    return [a, i === cell?.row ? cell.text : b, c, i % 2].join(',');
  });
  return `a,b,c,label\n${lines.join('\n')}\n`;
}

/** A command that must fail on its input: code 2, one line, nothing on stdout or in the folder. */
async function expectRefused(args: readonly string[], message: RegExp, stdin = ''): Promise<void> {
  const before = await readdir(folder);
  const { code, stdout, stderr } = await cli(args, stdin);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(await readdir(folder)).toEqual(before);
}

function trainArgs(data: string, out: string, ...options: string[]): string[] {
  const small = ['--set', 'hidden=[8]', '--set', 'latentDim=2', '--epochs', '2'];
  return ['train', 'sage', '--data', data, '--out', join(folder, out), ...small, ...options];
}

function scoreArgs(output: string, input: string): string[] {
  return ['score', run, '--input', input, '--output', join(folder, output)];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latent-input-'));
  toy = join(folder, 'toy.csv');
  run = join(folder, 'run');
  await writeFile(toy, toyCsv(100));
  const { code, stderr } = await cli(trainArgs(`${toy}#target=label`, 'run'), '');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('train refuses', () => {
  it('data without targets, without that column, or without rows', async () => {
    await expectRefused(trainArgs(toy, 'new'), /toy\.csv must have targets/);
    await expectRefused(trainArgs(`${toy}#target=nope`, 'new'), /toy\.csv.*nope/);
    await writeFile(join(folder, 'empty.csv'), 'a,b,c,label\n');
    const empty = join(folder, 'empty.csv#target=label');
    await expectRefused(trainArgs(empty, 'new'), /empty\.csv.* must .*row/);
  });

  it('a value that is not finite, naming its row in the file', async () => {
    const path = join(folder, 'nan.csv');
    await writeFile(path, toyCsv(100, { row: 70, text: 'NaN' }));
    const data = `${path}#target=label`;
    await expectRefused(trainArgs(data, 'new'), /nan\.csv.* got NaN at row 70, feature 1/);
  });

  it('more neighbours than training rows', async () => {
    const args = trainArgs(`${toy}#target=label`, 'new', '--set', 'k=500');
    await expectRefused(args, /k must .*got 500/);
  });

  it('a place that cannot be written, before any work', async () => {
    await expectRefused(trainArgs(`${toy}#target=label`, 'toy.csv/new'), /must/);
  });
});

describe('train', () => {
  it('takes settings from a file, then --set, then --epochs and --seed', async () => {
    const file = join(folder, 'settings.json');
    await writeFile(file, '{"k": 5, "batchSize": 32, "seed": 8}');
    const options = ['--config', file, '--set', 'k=2', '--set', 'seed=7', '--seed', '3'];
    const { code } = await cli(trainArgs(`${toy}#target=label`, 'layers', ...options), '');
    expect(code).toBe(0);
    const text = await readFile(join(folder, 'layers', 'config.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({
      config: { k: 2, batchSize: 32, seed: 3, epochs: 2 },
      run: { seed: 3, backend: 'cpu', data: [{ rows: 100 }] },
    });
  });

  it('replaces a run with --overwrite', async () => {
    const args = trainArgs(`${toy}#target=label`, 'twice');
    expect((await cli(args, '')).code).toBe(0);
    expect((await cli(args, '')).code).toBe(2);
    expect((await cli([...args, '--overwrite'], '')).code).toBe(0);
  });
});

describe('score refuses', () => {
  it('a value that is not finite, naming its row in the input and not in the block', async () => {
    const args = [...scoreArgs('x.csv', '-'), '--block-rows', '2'];
    const rows = 'a,b,c\n1,2,3\n1,2,3\n1,2,3\n1,2,NaN\n';
    await expectRefused(args, /- must be finite, got NaN at row 3, feature 2/, rows);
  });

  it('rows of another shape or no rows, and keeps an output that was there', async () => {
    const output = join(folder, 'old.csv');
    await writeFile(output, 'old');
    await expectRefused(scoreArgs('old.csv', '-'), /3 features.* got .*2 features/, 'a,b\n1,2\n');
    await expectRefused(scoreArgs('old.csv', '-'), /must/, '');
    expect(await readFile(output, 'utf8')).toBe('old');
  });

  it('a run folder that is damaged, of another version, or none', async () => {
    const copy = join(folder, 'copy');
    const args = ['score', copy, '--input', toy, '--output', join(folder, 'x.csv')];
    await cp(run, copy, { recursive: true });
    await truncate(join(copy, 'weights.safetensors'), 100);
    await expectRefused(args, /weights\.safetensors must/);
    await cp(run, copy, { recursive: true, force: true });
    const path = join(copy, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, formatVersion: 99 }));
    await expectRefused(args, /99/);
    await writeFile(path, JSON.stringify({ ...config, layoutVersion: 99 }));
    await expectRefused(args, /layoutVersion 1, got 99/);
    await rm(path);
    await expectRefused(args, /copy must hold a config\.json/);
  });

  it('an output in a folder that does not exist', async () => {
    await expectRefused(scoreArgs('none/x.csv', toy), /x\.csv must/);
  });
});
