import {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL_NAMES } from '../../src/cli/modelNames.js';
import { autoencoder, findModel, savedModel } from '../../src/cli/models.js';
import { runCli } from '../../src/cli/program.js';
import { Terminal } from '../../src/cli/terminal.js';
import { trainEntry } from '../../src/cli/train.js';
import type { TrainOptions } from '../../src/cli/train.js';
import { loadArtifacts, loadDataset, splitRows, writeNpy } from '../../src/data/index.js';
import { latentSpectrum } from '../../src/metrics/index.js';
import { LeastVolume } from '../../src/models/index.js';
import type { AutoencoderFitOptions } from '../../src/models/index.js';
import { DivergenceError } from '../../src/train/index.js';
import { Rng } from '../../src/util/rng.js';
import type { Rows, Targets } from '../../src/util/rows.js';
import { PlainAutoencoder } from '../models/autoencoder/plain.js';
import { testStreams } from './streams.js';

const [ROWS, WIDTH] = [120, 4];
let dir = '';
const at = (name: string): string => join(dir, name);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(...args: string[]): Promise<Outcome> {
  const { streams, stdout, stderr } = testStreams();
  const code = await runCli(args, streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Rows near a plane through four dimensions, with classes. */
function toyRows(): { readonly x: Rows; readonly targets: Targets } {
  const rng = new Rng(3);
  const data = new Float32Array(ROWS * WIDTH);
  for (let i = 0; i < ROWS; i++) {
    const [u, v] = [rng.normal(), rng.normal()];
    data.set([u, v, u + v, u - v + 0.01 * rng.normal()], i * WIDTH);
  }
  const values = Int32Array.from({ length: ROWS }, (_, i) => (data[i * WIDTH] > 0 ? 1 : 0));
  const x = { data, count: ROWS, rowShape: [WIDTH] };
  return { x, targets: { kind: 'class', values, classes: 2 } };
}

const SETTINGS = ['--set', 'hidden=[6]', '--set', 'latentDim=3', '--set', 'batchSize=20'];
const TRAIN = ['--epochs', '3', '--seed', '1', '--backend', 'cpu', ...SETTINGS];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latent-ae-'));
  const { x, targets } = toyRows();
  await writeNpy(at('x.npy'), x.data, [ROWS, WIDTH]);
  const lines = Array.from(targets.values, (label, i) =>
    [...x.data.subarray(i * WIDTH, (i + 1) * WIDTH), label].join(),
  );
  writeFileSync(at('toy.csv'), `a,b,c,d,label\n${lines.join('\n')}\n`);
  const data = `${at('toy.csv')}#target=label`;
  const done = await cli('train', 'least-volume', '--data', data, '--out', at('run'), ...TRAIN);
  expect(done.code, done.stderr).toBe(0);
  expect(done.stdout).toMatch(
    /^held-out mean squared error: \S+, \d of 3 latents live, effective rank [\d.]+ \(12 rows\)/,
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('train of an autoencoder', () => {
  it('writes a whole run folder', async () => {
    const names = ['config.json', 'history.csv', 'metrics.json', 'report.html'];
    expect(readdirSync(at('run'))).toEqual(expect.arrayContaining(names));
    const history = readFileSync(at('run/history.csv'), 'utf8').trim().split('\n');
    expect(history).toHaveLength(4);
    expect(history[0]).toBe('epoch,stage,loss,reconstructionLoss,penaltyLoss,live,effectiveRank');
    const metrics = JSON.parse(readFileSync(at('run/metrics.json'), 'utf8')) as {
      testMse: number;
      testError: number;
      explainedVariance: number;
      heldOutRows: number;
      liveLatents: number;
      latentDeviations: number[];
    };
    expect(metrics).toMatchObject({ heldOutRows: 12, latentDim: 3, backend: 'cpu' });
    const deviations = metrics.latentDeviations;
    expect(deviations).toEqual([...deviations].sort((a, b) => b - a));
    expect(metrics.liveLatents).toBe(
      deviations.filter((deviation) => deviation > 0.01 * deviations[0]).length,
    );
    expect(metrics.explainedVariance).toBeLessThan(1);
    expect((await loadArtifacts(at('run'))).model).toBe('leastVolume');
  });

  it('reports figures of the held-out rows as the model gives them', async () => {
    const { x } = toyRows();
    const { held } = splitRows({ x }, 0.1, 1);
    const model = LeastVolume.fromArtifacts(await loadArtifacts(at('run')));
    const made = await model.reconstruct(held.x);
    const errors = await model.errors(held.x);
    model.dispose();
    let sum = 0;
    made.data.forEach((value, i) => (sum += (value - held.x.data[i]) ** 2));
    const metrics = JSON.parse(readFileSync(at('run/metrics.json'), 'utf8')) as {
      testMse: number;
      testError: number;
    };
    expect(metrics.testMse).toBeCloseTo(sum / made.data.length, 5);
    expect(metrics.testError).toBeCloseTo(errors.reduce((a, b) => a + b) / errors.length, 5);
  });

  it('measures the directions of the latents, also after every epoch', async () => {
    const { x } = toyRows();
    const { held } = splitRows({ x }, 0.1, 1);
    const model = LeastVolume.fromArtifacts(await loadArtifacts(at('run')));
    const { effectiveRank } = latentSpectrum(await model.encode(held.x));
    const fit = { hidden: [6], latentDim: 3, batchSize: 20, epochs: 3 };
    const ranks: number[] = [];
    const again = new LeastVolume(fit);
    await again.fit(splitRows({ x }, 0.1, 1).fit.x, {
      onEpochEnd: async (_, encode) => {
        ranks.push(latentSpectrum(await encode(held.x)).effectiveRank);
        await expect(encode(x, { batchRows: 0 })).rejects.toThrow('batchRows must be');
      },
    });
    for (const used of [model, again]) used.dispose();
    const metrics = JSON.parse(readFileSync(at('run/metrics.json'), 'utf8')) as {
      effectiveRank: number;
    };
    expect(metrics.effectiveRank).toBe(effectiveRank);
    const lines = readFileSync(at('run/history.csv'), 'utf8').trim().split('\n').slice(1);
    expect(lines.map((line) => Number(line.split(',')[6]))).toEqual(ranks);
  });

  it('draws every figure', () => {
    const page = readFileSync(at('run/report.html'), 'utf8');
    for (const title of [
      'Loss per epoch',
      'Reconstructions',
      'Standard deviations of the latents',
      'Live latents per epoch',
      'Latent space',
      'Latent traversals',
    ]) {
      expect(page).toContain(`<h2>${title}</h2>`);
    }
    expect(page).not.toMatch(/<script/i);
  });

  it('takes a config file, and images, which are drawn as one PNG', async () => {
    const images = new Float32Array(24 * 36);
    for (let i = 0; i < images.length; i++) images[i] = (i % 36) / 36;
    await writeNpy(at('images.npy'), images, [24, 6, 6, 1]);
    writeFileSync(at('lorae.json'), JSON.stringify({ latentDim: 2, hidden: [4], epochs: 1 }));
    const { code, stdout, stderr } = await cli(
      ...['--json', 'train', 'lorae', '--data', at('images.npy'), '--out', at('images')],
      ...['--config', at('lorae.json'), '--backend', 'cpu', '--held-out', '0.25'],
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ heldOutRows: 6, latentDim: 2 });
    const page = readFileSync(at('images/report.html'), 'utf8');
    expect(page.match(/href="data:image\/png;base64,/g)).toHaveLength(2);
    expect(page).toContain('img-src data:');
    expect(page).toContain('Live latents per epoch');
  });

  it('goes on after an interruption and ends with the same bytes', async () => {
    const entry = autoencoder('plainAutoencoder', PlainAutoencoder);
    writeFileSync(at('plain.json'), JSON.stringify({ latentDim: 2, hidden: [4], batchSize: 20 }));
    const options = (out: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
      ...{ data: at('x.npy'), out: at(out), config: at('plain.json'), epochs: 40, seed: 2 },
      ...{ backend: 'cpu', checkpointSeconds: 0, ...more },
    });
    const run = async (wanted: TrainOptions, signal: AbortSignal): Promise<string> => {
      const { streams, stderr } = testStreams();
      await trainEntry('plain', entry, wanted, { terminal: new Terminal(streams), signal });
      return stderr();
    };
    await run(options('whole'), new AbortController().signal);
    const controller = new AbortController();
    const timer = setInterval(() => {
      if (existsSync(at('cut.checkpoint'))) controller.abort(new Error('cut'));
    }, 1);
    await expect(run(options('cut'), controller.signal)).rejects.toThrow('cut');
    clearInterval(timer);
    expect(existsSync(at('cut'))).toBe(false);
    const told = await run(options('cut', { resume: true }), new AbortController().signal);
    expect(told).toMatch(/going on after epoch \d+/);
    for (const file of ['weights.safetensors', 'history.csv']) {
      expect(readFileSync(at(`cut/${file}`)).equals(readFileSync(at(`whole/${file}`)))).toBe(true);
    }
    expect(existsSync(at('cut.checkpoint'))).toBe(false);
  });
});

describe('a loss that does not stay finite', () => {
  /** Fails after a fit that has made checkpoints. */
  class Diverging extends PlainAutoencoder {
    override async fit(x: Rows, options: AutoencoderFitOptions = {}): Promise<never> {
      await super.fit(x, options);
      const where = { stage: 'train', what: 'loss', value: NaN, step: 7, hasCheckpoints: true };
      throw new DivergenceError({ ...where, lastGood: 6 });
    }
  }

  it('leaves its checkpoint, and says how to go on from there', async () => {
    const entry = { ...autoencoder('plainAutoencoder', PlainAutoencoder) };
    const diverging = { ...entry, create: (settings: object) => new Diverging(settings) };
    writeFileSync(at('small.json'), JSON.stringify({ latentDim: 2, hidden: [4], epochs: 2 }));
    const options = {
      ...{ data: at('x.npy'), out: at('nan'), config: at('small.json'), backend: 'cpu' },
      checkpointSeconds: 0,
    };
    const { streams, stderr } = testStreams();
    const { signal } = new AbortController();
    const run = trainEntry('plain', diverging, options, {
      terminal: new Terminal(streams),
      signal,
    });
    await expect(run).rejects.toThrow('The checkpoint of step 6 is good.');
    expect(stderr()).toContain(
      `kept ${at('nan.checkpoint')}: the same command with --resume and a lower --set learningRate`,
    );
    expect(existsSync(at('nan.checkpoint'))).toBe(true);
    expect(existsSync(at('nan'))).toBe(false);
  });
});

describe('the table of models', () => {
  it.each(MODEL_NAMES.filter((name) => name !== 'sage'))(
    'makes %s, and finds it by its saved name',
    async (name) => {
      const entry = findModel('test', name);
      if (entry.kind !== 'autoencoder') throw new Error('not an autoencoder');
      const model = entry.create({ epochs: 1, latentDim: 2, hidden: [4], batchSize: 60 });
      const { x, targets } = toyRows();
      const pass = entry.conditioned ? { condition: x } : {};
      await model.fit(x, { ...pass, ...(entry.targets === 'none' ? {} : { targets }) });
      const artifacts = await model.toArtifacts();
      const before = await model.encode(x, pass);
      model.dispose();
      expect(savedModel('test', 'run', artifacts)).toBe(entry);
      const again = entry.load(artifacts);
      expect((await again.encode(x, pass)).data).toEqual(before.data);
      again.dispose();
    },
  );
});

describe('encode, reconstruct and score', () => {
  const rowsOf = (command: string, run: string, output: string, ...more: string[]) =>
    cli(
      ...[command, at(run), '--input', at('x.npy'), '--output', at(output)],
      ...['--backend', 'cpu', ...more],
    );

  it('write what the model gives, whatever the block size', async () => {
    const { x } = toyRows();
    const model = LeastVolume.fromArtifacts(await loadArtifacts(at('run')));
    const [latents, made] = [await model.encode(x), await model.reconstruct(x)];
    const errors = await model.errors(x);
    model.dispose();
    for (const [command, data, width] of [
      ['encode', latents.data, 3],
      ['reconstruct', made.data, WIDTH],
      ['score', errors, 1],
    ] as const) {
      const { code, stderr } = await rowsOf(command, 'run', `${command}.npy`);
      expect(code, stderr).toBe(0);
      expect(stderr).toContain(`${command} ${at('x.npy')}: `);
      const written = await loadDataset(at(`${command}.npy`));
      expect(written.x.rowShape).toEqual([width]);
      expect(written.x.data).toEqual(data);
      await rowsOf(command, 'run', `${command}.csv`);
      await rowsOf(command, 'run', `${command}-7.csv`, '--block-rows', '7');
      const csv = readFileSync(at(`${command}.csv`), 'utf8');
      expect(readFileSync(at(`${command}-7.csv`), 'utf8')).toBe(csv);
      const heads = { encode: 'row,z0,z1,z2', reconstruct: 'row,x0,x1,x2,x3', score: 'row,error' };
      expect(csv.split('\n')[0]).toBe(heads[command]);
    }
  });

  it('take runs of sage', async () => {
    const data = `${at('toy.csv')}#target=label`;
    const args = ['--epochs', '1', '--backend', 'cpu', ...SETTINGS];
    const trained = await cli('train', 'sage', '--data', data, '--out', at('sage'), ...args);
    expect(trained.code, trained.stderr).toBe(0);
    for (const [command, width] of [
      ['encode', 3],
      ['reconstruct', WIDTH],
    ] as const) {
      const { code, stderr } = await rowsOf(command, 'sage', `sage-${command}.ndjson`);
      expect(code, stderr).toBe(0);
      const lines = readFileSync(at(`sage-${command}.ndjson`), 'utf8')
        .trim()
        .split('\n');
      expect(lines).toHaveLength(ROWS);
      expect(Object.keys(JSON.parse(lines[0]) as object)).toHaveLength(1 + width);
    }
  });

  it('refuse to replace the rows that they read, under any name', async () => {
    const text = 'a,b,c,d\n1,2,3,4\n';
    writeFileSync(at('own.csv'), text);
    linkSync(at('own.csv'), at('link.csv'));
    for (const [input, output] of [
      [at('own.csv'), at('own.csv')],
      [`${at('own.csv')}#header=yes`, join(dir, '.', 'link.csv')],
      [`${at('x.npy')}#labels=${at('own.csv')}`, at('own.csv')],
    ]) {
      const files = ['--input', input, '--output', output];
      const { code, stderr } = await cli('encode', at('run'), ...files, '--backend', 'cpu');
      expect(code).toBe(2);
      expect(stderr).toContain('--output must be another file than the input, which it would');
    }
    expect(readFileSync(at('own.csv'), 'utf8')).toBe(text);
    expect(readdirSync(dir).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('leave bad rows out with --on-error skip, and fail on them without', async () => {
    writeFileSync(at('bad.csv'), 'a,b,c,d\n1,2,3,4\nNaN,1,1,1\n5,6,7,8\n');
    const args = ['--input', at('bad.csv'), '--output', at('bad-out.csv'), '--backend', 'cpu'];
    const failed = await cli('encode', at('run'), ...args);
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain('encode: ');
    expect(failed.stderr).toContain('got NaN at row 1, feature 0');
    expect(existsSync(at('bad-out.csv'))).toBe(false);
    const skipped = await cli('encode', at('run'), ...args, '--on-error', 'skip');
    expect(skipped.code, skipped.stderr).toBe(0);
    const lines = readFileSync(at('bad-out.csv'), 'utf8').trim().split('\n').slice(1);
    expect(lines.map((line) => Number(line.split(',')[0]))).toEqual([0, 2]);
  });
});

describe('errors', () => {
  const data = (name: string): string[] => ['--data', at(name), '--out', at('never')];

  it.each([
    [['train', 'vae', ...['--held-out', '1.5']], 'It must be a number in (0, 1), got "1.5"'],
    [['train', 'sage', ...['--held-out', '0.5']], 'train: --held-out must be left out for sage'],
    [['train', 'supervised'], 'must have targets, got rows only'],
    [['train', 'vae', '--set', 'bogus=1'], "got 'bogus'"],
  ])('%j', async (args, message) => {
    const { code, stderr } = await cli('--quiet', ...args, ...data('x.npy'), '--backend', 'cpu');
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(at('never'))).toBe(false);
  });

  it('a run folder with another model, or rows of another width', async () => {
    const config = JSON.parse(readFileSync(at('run/config.json'), 'utf8')) as object;
    const { cpSync } = await import('node:fs');
    cpSync(at('run'), at('other'), { recursive: true });
    writeFileSync(at('other/config.json'), JSON.stringify({ ...config, model: 'nope' }));
    const args = ['--input', at('x.npy'), '--output', '-', '--backend', 'cpu'];
    const other = await cli('encode', at('other'), ...args);
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringContaining('must hold a model that is one of sage, least-volume'),
    ]);
    await writeNpy(at('narrow.npy'), Float32Array.of(1, 2), [1, 2]);
    const ood = await cli('eval', 'ood', at('run'), '--id', at('x.npy'), '--near', at('x.npy'));
    expect([ood.code, ood.stderr]).toEqual([2, expect.stringContaining('a model that is sage')]);
    args[1] = at('narrow.npy');
    const narrow = await cli('reconstruct', at('run'), ...args);
    expect(narrow.code).toBe(2);
    expect(narrow.stderr).toContain('reconstruct: ');
    expect(narrow.stderr).toContain('[4] (4 features)');
  });
});
