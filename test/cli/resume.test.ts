import { spawn } from 'node:child_process';
import {
  appendFileSync,
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

let dir = '';
const at = (name: string): string => join(dir, name);

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** Run the command line in a process of its own, and end it once `ready` says so. */
async function cli(
  args: readonly string[],
  ready?: () => boolean,
  signal: 'SIGINT' | 'SIGKILL' = 'SIGINT',
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const timer = setInterval(() => {
    if (ready?.() !== true) return;
    clearInterval(timer);
    child.kill(signal);
  }, 5);
  const code = await new Promise<number | null>((done) => child.on('exit', done));
  clearInterval(timer);
  return { code, stderr };
}

const EPOCHS = '300';
const train = (out: string, ...more: string[]): string[] => [
  ...['train', 'sage', '--data', `${at('toy.csv')}#target=label`, '--out', out],
  ...['--epochs', EPOCHS, '--seed', '2', '--backend', 'cpu', '--set', 'hidden=[4]', ...more],
];
const score = (output: string, ...more: string[]): string[] => [
  ...['score', at('run'), '--input', at('rows.csv'), '--output', output],
  ...['--block-rows', '20', '--backend', 'cpu', ...more],
];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latent-resume-'));
  const rows = Array.from({ length: 120 }, (_, i) =>
    [Math.sin(i) + (i % 2), Math.cos(i)].join(','),
  );
  writeFileSync(
    at('toy.csv'),
    `a,b,label\n${rows.map((row, i) => `${row},${i % 2}`).join('\n')}\n`,
  );
  const many = Array.from({ length: 6000 }, (_, i) => rows[i % rows.length]);
  writeFileSync(at('rows.csv'), `a,b\n${many.join('\n')}\n`);
  const { code, stderr } = await cli(train(at('run')));
  expect(code, stderr).toBe(0);
  expect(readdirSync(dir).sort()).toEqual(['rows.csv', 'run', 'toy.csv']);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('train --resume', () => {
  const weights = (run: string): Buffer => readFileSync(join(at(run), 'weights.safetensors'));

  it('goes on after Ctrl-C and ends with the same bytes as an undisturbed run', async () => {
    const args = train(at('cut'), '--checkpoint-seconds', '0');
    const cut = await cli(args, () => existsSync(at('cut.checkpoint')));
    expect(cut.code).toBe(130);
    expect(cut.stderr).toContain(`kept ${at('cut.checkpoint')}: the same command with --resume`);
    expect(existsSync(at('cut'))).toBe(false);

    const refused = await cli(args);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('must not exist when a run begins');
    const other = await cli([...args, '--resume', '--set', 'hidden=[5]']);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('got another setting hidden');
    expect(existsSync(at('cut.checkpoint'))).toBe(true);

    const resumed = await cli([...args, '--resume']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/going on after epoch \d+/);
    expect(weights('cut').equals(weights('run'))).toBe(true);
    const history = readFileSync(join(at('cut'), 'history.csv'), 'utf8');
    expect(history).toBe(readFileSync(join(at('run'), 'history.csv'), 'utf8'));
    expect(existsSync(at('cut.checkpoint'))).toBe(false);
  });

  it('goes on within an epoch after it was killed, with the same bytes', async () => {
    // Losses are read, and checkpoints made, every 20 steps: five times in an epoch.
    const steps = ['--epochs', '4', '--set', 'batchSize=1', '--checkpoint-seconds', '0'];
    const whole = await cli(train(at('steps'), ...steps));
    expect(whole.code, whole.stderr).toBe(0);
    const args = train(at('killed'), ...steps);
    const killed = await cli(args, () => existsSync(at('killed.checkpoint')), 'SIGKILL');
    expect(killed.code).toBe(null);
    const resumed = await cli([...args, '--resume']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/going on after epoch [0-3], step \d+/);
    expect(weights('killed').equals(weights('steps'))).toBe(true);
    const history = readFileSync(join(at('killed'), 'history.csv'), 'utf8');
    expect(history).toBe(readFileSync(join(at('steps'), 'history.csv'), 'utf8'));
    expect(history.split('\n')).toHaveLength(6);
  });

  it('goes on with another learning rate, and says so in the run', async () => {
    const args = train(at('slower'), '--checkpoint-seconds', '0');
    await cli(args, () => existsSync(at('slower.checkpoint')));
    const change = ['--set', 'learningRate=0.0005', '--set', 'clipNorm=1'];
    const resumed = await cli([...args, '--resume', ...change]);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain('learningRate is 0.0005 from here on, and was 0.002');
    const text = readFileSync(join(at('slower'), 'config.json'), 'utf8');
    const { config, run } = JSON.parse(text) as {
      readonly config: { readonly learningRate: number };
      readonly run: { readonly changes: { readonly afterStep: number }[] };
    };
    expect(config.learningRate).toBe(0.0005);
    const afterStep = expect.any(Number) as number;
    expect(run.changes).toEqual([
      { setting: 'learningRate', from: 0.002, to: 0.0005, afterStep },
      { setting: 'clipNorm', from: null, to: 1, afterStep },
    ]);
    expect(run.changes[0].afterStep).toBeGreaterThan(0);
    expect(weights('slower').equals(weights('run'))).toBe(false);
  });

  it('goes on on another backend', async () => {
    const args = train(at('moved'), '--checkpoint-seconds', '0');
    await cli(args, () => existsSync(at('moved.checkpoint')));
    const elsewhere = args.map((arg) => (arg === 'cpu' ? 'wasm' : arg));
    const resumed = await cli([...elsewhere, '--resume']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain('backend: wasm');
  });

  it('begins anew where there is nothing to go on with, and with --overwrite', async () => {
    const args = train(at('fresh'), '--epochs', '2');
    const { code, stderr } = await cli([...args, '--resume']);
    expect(code).toBe(0);
    expect(stderr).toContain('the run begins anew');
  });
});

describe('score --resume', () => {
  const partSize = (name: string): number =>
    existsSync(at(`${name}.part`)) ? statSync(at(`${name}.part`)).size : 0;

  it.each(['scores.csv', 'scores.ndjson', 'scores.npy'])(
    'goes on after Ctrl-C and gives the same bytes: %s',
    async (name) => {
      const whole = await cli(score(at(`whole-${name}`)));
      expect(whole.code, whole.stderr).toBe(0);
      const cut = await cli(score(at(name)), () => partSize(name) > 4000);
      expect(cut.code).toBe(130);
      expect(cut.stderr).toMatch(/kept \d+ rows in .*\.part: the same command with --resume/);
      expect(existsSync(at(name))).toBe(false);

      const refused = await cli(score(at(name)));
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('Add --resume to go on after it');
      const other = await cli(
        score(at(name), '--resume').map((arg) => arg.replace('rows.csv', 'toy.csv')),
      );
      expect(other.code).toBe(2);
      expect(other.stderr).toContain('one of another input');

      // A crash may have cut the last row off.
      appendFileSync(at(`${name}.part`), '1');
      const resumed = await cli(score(at(name), '--resume'));
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(resumed.stderr).toMatch(/going on after \d+ rows/);
      expect(readFileSync(at(name)).equals(readFileSync(at(`whole-${name}`)))).toBe(true);
      expect(readdirSync(dir).filter((file) => file.includes('.part'))).toEqual([]);
    },
  );

  it('keeps nothing of bad input', async () => {
    writeFileSync(at('bad.csv'), `a,b\n${'1,2\n'.repeat(50)}NaN,1\n`);
    const args = score(at('bad-out.csv')).map((arg) => arg.replace('rows.csv', 'bad.csv'));
    const { code, stderr } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).toContain('row 50, feature 0');
    expect(readdirSync(dir).filter((file) => file.startsWith('bad-out'))).toEqual([]);
  });

  it('needs a file', async () => {
    const { code, stderr } = await cli(score('-', '--resume'));
    expect(code).toBe(2);
    expect(stderr).toContain('--resume must be given with an --output that is a file');
  });
});
