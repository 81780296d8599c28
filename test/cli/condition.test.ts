import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { Terminal } from '../../src/cli/terminal.js';
import { train as runTrain } from '../../src/cli/train.js';
import type { TrainOptions } from '../../src/cli/train.js';
import { openPart } from '../../src/cli/rowPart.js';
import {
  createRowWriter,
  loadArtifacts,
  loadDataset,
  splitRows,
  writeNpy,
} from '../../src/data/index.js';
import { ConditionalAutoencoder } from '../../src/models/index.js';
import type { Rows } from '../../src/util/rows.js';
import { testStreams } from './streams.js';

const ROWS = 90;
let dir = '';
const at = (name: string): string => join(dir, name);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(args: readonly string[], stdin = ''): Promise<Outcome> {
  const { streams, stdout, stderr } = testStreams(stdin);
  const code = await runCli([...args, '--backend', 'cpu'], streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

const rowsOf = (values: readonly (readonly number[])[]): Rows => ({
  data: Float32Array.from(values.flat()),
  count: values.length,
  rowShape: [values[0].length],
});

/** Points on lines through the origin; the condition is the direction, the class its half. */
const draws = Array.from({ length: ROWS }, (_, i) => [Math.PI * ((i * 0.618) % 1), i % 7]);
const x = rowsOf(draws.map(([a, t]) => [(t - 3) * Math.cos(a), (t - 3) * Math.sin(a)]));
const condition = rowsOf(draws.map(([a]) => [Math.cos(a), Math.sin(a), 1]));
const labels = draws.map(([a]) => (a > Math.PI / 2 ? 1 : 0));

const lines = (rows: Rows, head: string, more: (row: number) => string = () => ''): string => {
  const [size] = rows.rowShape;
  const row = (i: number): string => rows.data.subarray(i * size, (i + 1) * size).join();
  const body = Array.from({ length: rows.count }, (_, i) => row(i) + more(i));
  return `${[head, ...body].join('\n')}\n`;
};

const SETTINGS = ['--set', 'hidden=[8]', '--set', 'latentDim=1', '--set', 'batchSize=30'];
const TRAIN = ['--epochs', '3', '--seed', '1', ...SETTINGS];
const train = (data: string, ...more: string[]): string[] => [
  ...['train', 'conditional', '--data', at(data), ...TRAIN],
  ...more,
];
const given = (name: string): string[] => ['--condition', name === 'labels' ? name : at(name)];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latent-condition-'));
  await writeNpy(at('x.npy'), x.data, [ROWS, 2]);
  await writeNpy(at('c.npy'), condition.data, [ROWS, 3, 1]);
  const table = await createRowWriter(at('c.parquet'), 'parquet', { columns: ['a', 'b', 'c'] });
  await table.write(condition);
  await table.close();
  await writeNpy(at('short.npy'), condition.data.subarray(0, 30), [10, 3]);
  await writeNpy(at('narrow.npy'), x.data, [ROWS, 2]);
  writeFileSync(at('c.csv'), lines(condition, 'a,b,c'));
  const fewer = (rows: Rows): Rows => ({ ...rows, count: ROWS - 1 });
  writeFileSync(at('short.csv'), lines(fewer(condition), 'a,b,c'));
  writeFileSync(at('fewer.csv'), lines(fewer(x), 'x,y'));
  const label = (row: number): string => `,${labels[row]}`;
  writeFileSync(at('classes.csv'), lines(x, 'x,y,label', label));
  writeFileSync(
    at('third.csv'),
    lines(x, 'x,y,label', (row) => `,${row === 40 ? 2 : 0}`),
  );
  const run = await cli([...train('x.npy', '--out', at('run')), ...given('c.npy')]);
  expect(run.code, run.stderr).toBe(0);
  const classes = `classes.csv#target=label`;
  const styled = await cli([...train(classes, '--out', at('styled')), ...given('labels')]);
  expect(styled.code, styled.stderr).toBe(0);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('train with --condition', () => {
  it('gives the model that fit makes of the same rows, and says what it was given', async () => {
    const { fit, held } = splitRows({ x, condition }, 0.1, 1);
    const settings = { hidden: [8], latentDim: 1, batchSize: 30, epochs: 3, seed: 1 };
    const model = new ConditionalAutoencoder(settings);
    await model.fit(fit.x, { condition: fit.condition });
    const saved = ConditionalAutoencoder.fromArtifacts(await loadArtifacts(at('run')));
    const pass = { condition: held.condition };
    const latents = await saved.encode(held.x, pass);
    expect(latents).toEqual(await model.encode(held.x, pass));
    const errors = await saved.errors(held.x, pass);
    const metrics = JSON.parse(readFileSync(at('run/metrics.json'), 'utf8')) as object;
    const testError = errors.reduce((sum, error) => sum + error / errors.length, 0);
    expect(metrics).toMatchObject({ testError, heldOutRows: 9, latentDim: 1 });
    model.dispose();
    saved.dispose();
    const config = JSON.parse(readFileSync(at('run/config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ run: { condition: { spec: at('c.npy'), values: 3 } } });
    const page = readFileSync(at('run/report.html'), 'utf8');
    expect(page).toContain('under the condition of the first held-out row');
  });

  it('takes the classes of the rows as one-hot numbers', async () => {
    const { config } = await loadArtifacts(at('styled'));
    expect(config).toMatchObject({ fitted: { conditionShape: [2] } });
    const model = ConditionalAutoencoder.fromArtifacts(await loadArtifacts(at('styled')));
    const hot = rowsOf(labels.map((label) => [1 - label, label]));
    const want = await model.encode(x, { condition: hot });
    model.dispose();
    const input = `${at('classes.csv')}#target=label`;
    const args = ['encode', at('styled'), '--input', input, '--output', at('styled.npy')];
    const { code, stderr } = await cli([...args, ...given('labels'), '--block-rows', '20']);
    expect(code, stderr).toBe(0);
    expect((await loadDataset(at('styled.npy'))).x.data).toEqual(want.data);
  });
});

describe('an interrupted run', () => {
  it('goes on under the same condition only, and ends with the same bytes', async () => {
    writeFileSync(at('small.json'), JSON.stringify({ hidden: [8], latentDim: 1, batchSize: 30 }));
    const options = (out: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
      ...{ data: at('x.npy'), condition: at('c.npy'), out: at(out), config: at('small.json') },
      ...{ epochs: 40, seed: 2, backend: 'cpu', checkpointSeconds: 0, ...more },
    });
    const run = (wanted: TrainOptions, signal = new AbortController().signal): Promise<void> =>
      runTrain('conditional', wanted, { terminal: new Terminal(testStreams().streams), signal });
    await run(options('whole'));
    const controller = new AbortController();
    const timer = setInterval(() => {
      if (existsSync(at('cut.checkpoint'))) controller.abort(new Error('cut'));
    }, 1);
    await expect(run(options('cut'), controller.signal)).rejects.toThrow('cut');
    clearInterval(timer);
    const other = { resume: true, condition: at('c.csv') };
    await expect(run(options('cut', other))).rejects.toThrow(
      'must be the checkpoint of this run, got another condition.',
    );
    await run(options('cut', { resume: true }));
    const [cut, whole] = ['cut', 'whole'].map((name) =>
      readFileSync(at(`${name}/weights.safetensors`)),
    );
    expect(cut.equals(whole)).toBe(true);
  });
});

describe('encode, reconstruct and score with --condition', () => {
  it('give what the model gives, whatever the file and the blocks', async () => {
    const model = ConditionalAutoencoder.fromArtifacts(await loadArtifacts(at('run')));
    const want = {
      encode: (await model.encode(x, { condition })).data,
      reconstruct: (await model.reconstruct(x, { condition })).data,
      score: await model.errors(x, { condition }),
    };
    model.dispose();
    for (const [command, data] of Object.entries(want)) {
      const output = at(`${command}.npy`);
      const args = [command, at('run'), '--input', at('x.npy'), '--output', output];
      for (const more of [
        given('c.npy'),
        given('c.parquet'),
        [...given('c.csv'), '--block-rows', '7'],
      ]) {
        const { code, stderr } = await cli([...args, ...more]);
        expect(code, stderr).toBe(0);
        expect((await loadDataset(output)).x.data).toEqual(data);
      }
    }
    const stdin = readFileSync(at('c.csv'), 'utf8');
    const args = ['encode', at('run'), '--input', at('x.npy'), '--output', at('piped.npy')];
    const piped = await cli([...args, '--condition', '-', '--block-rows', '40'], stdin);
    expect(piped.code, piped.stderr).toBe(0);
    expect((await loadDataset(at('piped.npy'))).x.data).toEqual(want.encode);
  });

  it('leave out rows whose condition is no number with --on-error skip', async () => {
    writeFileSync(at('bad.csv'), lines(condition, 'a,b,c').replace(/\n[^\n]*,1\n/, '\nNaN,0,1\n'));
    const output = at('skipped.csv');
    const args = ['encode', at('run'), '--input', at('x.npy'), '--output', output];
    const failed = await cli([...args, ...given('bad.csv')]);
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain(`${at('bad.csv')} must be finite, got NaN at row 0, feature 0`);
    expect(existsSync(output)).toBe(false);
    const { code, stderr } = await cli([...args, ...given('bad.csv'), '--on-error', 'skip']);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('skipped 1 rows');
    expect(readFileSync(output, 'utf8').split('\n')[1]).toMatch(/^1,/);
  });

  it('do not go on after rows under another condition', async () => {
    const part = at('rows.part');
    const identity = { model: 'm', input: 'x', format: 'npy', columns: ['z0'], onError: 'fail' };
    await openPart('encode', part, { ...identity, condition: 'a' }, false);
    writeFileSync(part, '');
    const other = openPart('encode', part, { ...identity, condition: 'b' }, true);
    await expect(other).rejects.toThrow('got one of another condition.');
    expect(await openPart('encode', part, { ...identity, condition: 'a' }, true)).toBe('continue');
  });
});

describe('errors of --condition', () => {
  it.each([
    ['conditional', [], '--condition must be given for conditional, got none. Name rows'],
    ['conditional', ['short.npy'], 'must have one row per row of DIR/x.npy, 90, got 10'],
    ['conditional', ['labels'], 'must have class labels for --condition labels, got rows only'],
    ['conditional', ['missing.npy'], 'npy: DIR/missing.npy must'],
    ['vae', ['c.npy'], '--condition must be left out for vae, which has no condition'],
    ['sage', ['labels'], '--condition must be left out for sage, which has no condition'],
  ])('train %s %j', async (model, names, message) => {
    const args = ['train', model, '--data', at('x.npy'), '--out', at('never')];
    const { code, stderr } = await cli([...args, ...names.flatMap(given)]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message.replace('DIR', dir))]);
    expect(existsSync(at('never'))).toBe(false);
  });

  it.each([
    ['run', 'x.npy', [], 'must be given for the model of DIR/run, got none'],
    ['run', 'x.npy', ['short.npy'], 'must have one row per row of DIR/x.npy, 90, got 10'],
    [
      'run',
      'x.npy',
      ['short.csv'],
      'must have one row per row of DIR/x.npy, which has more, got 89',
    ],
    ['run', 'fewer.csv', ['c.csv'], 'must have one row per row of DIR/fewer.csv, 89, got more'],
    ['run', 'x.npy', ['narrow.npy'], 'must have rows of 3 values, as in training, got 2'],
    ['run', 'x.npy', ['labels'], 'must have class labels for --condition labels, got rows only'],
    [
      'styled',
      'third.csv#target=label',
      ['labels'],
      'must have labels 0 to 1, as in training, got 2',
    ],
  ])('encode %s %s %j', async (run, input, names, message) => {
    writeFileSync(at('kept.csv'), 'as it was');
    const args = ['encode', at(run), '--input', at(input), '--output', at('kept.csv')];
    const { code, stderr } = await cli([...args, ...names.flatMap(given)]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message.replace('DIR', dir))]);
    expect(readFileSync(at('kept.csv'), 'utf8')).toBe('as it was');
    expect(existsSync(at('kept.csv.part'))).toBe(false);
  });

  it('standard input for both, and a condition for a model without', async () => {
    const both = ['encode', at('run'), '--input', '-', '--output', '-', '--condition', '-'];
    expect(await cli(both)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('got standard input for both') as string,
    });
    const vae = ['train', 'vae', '--data', at('x.npy'), '--out', at('vae'), ...TRAIN];
    expect((await cli(vae)).code).toBe(0);
    const args = ['encode', at('vae'), '--input', at('x.npy'), '--output', '-', ...given('c.npy')];
    const { stderr } = await cli(args);
    expect(stderr).toContain(`--condition must be left out for the model of ${at('vae')}`);
  });
});
