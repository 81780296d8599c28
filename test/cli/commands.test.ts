import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { writeNpy } from '../../src/data/index.js';
import { Rng } from '../../src/util/rng.js';
import { testStreams } from './streams.js';

const ROWS = 300;
let dir = '';
const at = (name: string): string => join(dir, name);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(args: readonly string[], stdin = ''): Promise<Outcome> {
  const { streams, stdout, stderr } = testStreams(stdin);
  const code = await runCli(args, streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Two classes, told apart by the first of three features. */
function toyRows(): { x: Float32Array; labels: Int32Array } {
  const rng = new Rng(1);
  const labels = Int32Array.from({ length: ROWS }, (_, i) => i % 2);
  const x = new Float32Array(ROWS * 3);
  for (let i = 0; i < x.length; i++) {
    x[i] = rng.normal() + (i % 3 === 0 ? 6 * labels[Math.floor(i / 3)] : 0);
  }
  return { x, labels };
}

const TRAIN = ['--epochs', '3', '--seed', '1', '--backend', 'cpu', '--set', 'hidden=[8]'];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cli-test-'));
  const { x, labels } = toyRows();
  await writeNpy(at('x.npy'), x, [ROWS, 3]);
  await writeNpy(at('y.npy'), labels, [ROWS]);
  const lines = Array.from(labels, (label, i) => [...x.subarray(3 * i, 3 * i + 3), label].join());
  writeFileSync(at('toy.csv'), `a,b,c,label\n${lines.join('\n')}\n`);
  const data = `${at('toy.csv')}#target=label`;
  const { code, stderr } = await cli([
    'train',
    'sage',
    '--data',
    data,
    '--out',
    at('run'),
    ...TRAIN,
  ]);
  expect(stderr).toContain(`wrote ${at('run')}`);
  expect(code).toBe(0);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('train', () => {
  it('writes a whole run folder with metrics and history', () => {
    expect(readdirSync(at('run')).sort()).toEqual([
      'bank.safetensors',
      'config.json',
      'history.csv',
      'metrics.json',
      'report.html',
      'weights.safetensors',
    ]);
    const metrics = JSON.parse(readFileSync(at('run/metrics.json'), 'utf8')) as {
      testAccuracy: number;
      backend: string;
      kept: { fraction: number; accuracy: number }[];
    };
    expect(metrics.testAccuracy).toBeGreaterThan(0.5);
    expect(metrics.backend).toBe('cpu');
    expect(metrics.kept.map(({ fraction }) => fraction)).toEqual([0.95, 0.9, 0.8]);
    expect(readFileSync(at('run/history.csv'), 'utf8').trim().split('\n')).toHaveLength(4);
  });

  it('takes npy rows with labels in a file of their own', async () => {
    const data = `${at('x.npy')}#labels=${at('y.npy')}`;
    const args = ['--json', 'train', 'sage', '--data', data, '--out', at('fromNpy'), ...TRAIN];
    const { code, stdout } = await cli(args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('testAccuracy');
  });

  it('reads integer targets as numbers when the model is a regression', async () => {
    const data = `${at('toy.csv')}#target=label`;
    const args = ['--json', 'train', 'sage', '--data', data, '--out', at('real'), ...TRAIN];
    const { code, stdout } = await cli([...args, '--set', 'task=regression']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('testRmse');
  });

  it.each([
    [
      ['train', 'nope', '--data', 'x', '--out', 'y'],
      'train: model must be one of sage, least-volume, lorae',
    ],
    [['train', 'sage', '--data', 'missing.csv', '--out', 'z'], 'missing.csv must exist'],
    [['train', 'sage', '--data', 'x', '--out', 'z', '--set', 'metric=l9'], 'config.metric must be'],
    [['train', 'sage', '--data', 'x', '--out', 'z', '--set', 'bogus=1'], "got 'bogus'"],
    [['train', 'sage', '--data', 'x', '--out', 'z', '--backend', 'tpu'], 'prefer must be one of'],
    [['score', 'missing', '--input', 'x.npy', '--output', '-'], 'missing must exist'],
  ])('error: %j ends with exit code 2 and one line', async (args, message) => {
    const { code, stderr } = await cli(['--quiet', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('refuses a run folder that exists, and leaves it as it was', async () => {
    const before = readFileSync(at('run/weights.safetensors'));
    const data = `${at('toy.csv')}#target=label`;
    const { code, stderr } = await cli(['train', 'sage', '--data', data, '--out', at('run')]);
    expect(code).toBe(2);
    expect(stderr).toContain('an earlier run');
    expect(readFileSync(at('run/weights.safetensors'))).toEqual(before);
  });
});

describe('score', () => {
  const score = (input: string, output: string, stdin = ''): Promise<Outcome> =>
    cli(['score', at('run'), '--input', input, '--output', output, '--backend', 'cpu'], stdin);

  it('gives the same bytes each time, whatever the block size', async () => {
    expect((await score(at('x.npy'), at('one.csv'))).code).toBe(0);
    const blocks = await cli([
      ...['score', at('run'), '--input', at('x.npy'), '--output', at('two.csv')],
      ...['--backend', 'cpu', '--block-rows', '7'],
    ]);
    expect(blocks.code).toBe(0);
    const one = readFileSync(at('one.csv'), 'utf8');
    expect(readFileSync(at('two.csv'), 'utf8')).toBe(one);
    expect(one.split('\n')[0]).toBe('row,score,distance,reconstruction,task,prediction');
    expect(one.trim().split('\n')).toHaveLength(ROWS + 1);
  });

  it('reads CSV from stdin and writes to stdout', async () => {
    const { code, stdout } = await score('-', '-', 'a,b,c\n0,0,0\n6,0,0\n90,90,90\n');
    expect(code).toBe(0);
    const rows = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').map(Number));
    expect(rows.map(([row]) => row)).toEqual([0, 1, 2]);
    // The far row is less like the training data than the two centres of the classes.
    expect(rows[2][1]).toBeLessThan(Math.min(rows[0][1], rows[1][1]));
  });

  it('error: bad rows leave no output', async () => {
    await writeNpy(at('nan.npy'), Float32Array.of(1, NaN, 2), [1, 3]);
    await writeNpy(at('narrow.npy'), Float32Array.of(1, 2), [1, 2]);
    const nan = await score(at('nan.npy'), at('out.csv'));
    expect([nan.code, nan.stderr]).toEqual([
      2,
      expect.stringContaining('got NaN at row 0, feature 1'),
    ]);
    const narrow = await score(at('narrow.npy'), at('out.csv'));
    expect([narrow.code, narrow.stderr]).toEqual([2, expect.stringContaining('[3] (3 features)')]);
    expect(existsSync(at('out.csv'))).toBe(false);
    expect(readdirSync(dir).filter((name) => name.includes('.part'))).toEqual([]);
  });
});

describe('demo', () => {
  it('scores digits, eight deformations and a strange file, and writes the report', async () => {
    const grey = new Float32Array(20 * 784).fill(0.5);
    await writeNpy(at('grey.npy'), grey, [20, 28, 28, 1]);
    const { code, stdout } = await cli([
      ...[
        'demo',
        '--train-rows',
        '400',
        '--score-rows',
        '60',
        '--epochs',
        '1',
        '--backend',
        'wasm',
      ],
      ...['--ood', at('grey.npy'), '--out', at('demo')],
    ]);
    expect(code).toBe(0);
    for (const set of ['mnist:test', 'invert', 'hflip', 'noise-high', at('grey.npy')]) {
      expect(stdout).toContain(set);
    }
    const metrics = JSON.parse(readFileSync(at('demo/metrics.json'), 'utf8')) as {
      auroc: Record<string, Record<string, number>>;
    };
    expect(Object.keys(metrics.auroc)).toHaveLength(9);
    expect(metrics.auroc[at('grey.npy')].ensemble).toBeGreaterThan(0.9);
    expect(readFileSync(at('demo/report.html'), 'utf8')).toContain('<svg');
  });
});
