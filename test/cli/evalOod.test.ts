import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { evalOod } from '../../src/cli/evalOod.js';
import type { EvalOodOptions } from '../../src/cli/evalOod.js';
import { runCli } from '../../src/cli/program.js';
import { Terminal } from '../../src/cli/terminal.js';
import { loadArtifacts, loadDataset, splitRows, writeNpy } from '../../src/data/index.js';
import { oodMeasures } from '../../src/metrics/index.js';
import type { OodMeasures } from '../../src/metrics/index.js';
import { Sage } from '../../src/models/index.js';
import { scorers } from '../../src/scorers/index.js';
import { Rng } from '../../src/util/rng.js';
import { testStreams } from './streams.js';

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

interface Figure {
  readonly mean: number;
  readonly deviation: number | null;
  readonly values: number[];
}
type Figures = Record<keyof OodMeasures, Figure>;
interface Report {
  readonly id: { readonly spec: string; readonly rows: number; readonly accuracy?: Figure };
  readonly groups: Record<
    string,
    {
      readonly sets: { readonly spec: string; readonly rows: number }[];
      readonly scores: {
        readonly score: string;
        readonly from: string;
        readonly mean: Figures;
        readonly sets: Record<string, Figures>;
      }[];
    }
  >;
  readonly leftOut: { readonly scorer: string; readonly reason: string }[];
  readonly missing: { readonly spec: string; readonly group: string; readonly reason: string }[];
}

/** Images of 6 x 6, of class 0 with a bright upper, class 1 with a bright left half. */
async function images(name: string, count: number, seed: number): Promise<void> {
  const rng = new Rng(seed);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  const x = Float32Array.from({ length: 36 * count }, (_, s) => {
    const [i, p] = [Math.floor(s / 36), s % 36];
    const isBright = labels[i] === 0 ? p < 18 : p % 6 < 3;
    return Math.min(1, Math.max(0, (isBright ? 0.7 : 0.2) + 0.1 * rng.normal()));
  });
  await writeNpy(at(`${name}.npy`), x, [count, 6, 6, 1]);
  await writeNpy(at(`${name}.y.npy`), labels, [count]);
}

const spec = (name: string): string => `${at(`${name}.npy`)}#labels=${at(`${name}.y.npy`)}`;

async function train(out: string, seed: number, ...more: string[]): Promise<void> {
  const { code, stderr } = await cli([
    ...['--quiet', 'train', 'sage', '--data', spec('train'), '--out', at(out), '--backend', 'cpu'],
    ...['--seed', String(seed), '--epochs', '8', '--set', 'hidden=[8]', '--set', 'latentDim=4'],
    ...['--set', 'headHidden=[6]', '--set', 'batchSize=16', '--set', 'k=5', ...more],
  ]);
  expect([code, stderr.includes('error')]).toEqual([0, false]);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'eval-ood-'));
  vi.stubEnv('TFJS_LATENT_OFFLINE', '1');
  vi.stubEnv('TFJS_LATENT_DATA', '');
  vi.stubEnv('TFJS_LATENT_CACHE', at('cache'));
  await images('train', 120, 1);
  await images('test', 40, 2);
  await train('run', 1, '--set', 'activation=relu');
  await train('two', 2, '--set', 'activation=relu');
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

const evalArgs = (...more: string[]): string[] => [
  ...['--quiet', 'eval', 'ood', at('run'), '--backend', 'cpu', '--id', spec('test'), ...more],
];

async function report(...more: string[]): Promise<Report> {
  const { code, stdout, stderr } = await cli(['--json', ...evalArgs(...more)]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout) as Report;
}

const sets = (): string[] => [
  '--near',
  `${spec('test')}@hflip`,
  `${spec('test')}@noise-low`,
  '--far',
  'noise:uniform',
];

describe('eval ood', () => {
  it('reference: figures are those of the model and the scorers used by hand', async () => {
    const { id, groups } = await report(...sets());
    const sage = Sage.fromArtifacts(await loadArtifacts(at('run')));
    const trainSet = await loadDataset(spec('train'));
    const test = await loadDataset(spec('test'));
    const far = await loadDataset('noise:uniform#shape=6x6x1#rows=40', { seed: 0 });
    if (trainSet.y === undefined) throw new Error('labelled');
    const { fit } = splitRows({ x: trainSet.x, y: trainSet.y }, sage.config.calibrationFraction, 1);
    const [bank, like, unlike] = await Promise.all(
      [fit.x, test.x, far.x].map((x) => sage.features(x)),
    );
    const head = await sage.head();
    const labels = fit.y?.values ?? [];
    const known = groups.far.scores;
    const figure = (name: string): Figures => {
      const line = known.find(({ score }) => score === name);
      if (line === undefined) throw new Error(`no line of ${name}`);
      return line.sets['noise:uniform'];
    };
    const check = (name: string, idScores: ArrayLike<number>, ood: ArrayLike<number>): void => {
      const want = oodMeasures({ id: idScores, ood });
      for (const measure of ['auroc', 'auprIn', 'auprOut', 'fprIdPositive'] as const) {
        expect(figure(name)[measure].mean, `${measure} of ${name}`).toBe(want[measure]);
      }
    };
    const [a, b] = await Promise.all([sage.score(test.x), sage.score(far.x)]);
    const negated = (values: Float64Array): Float64Array => values.map((v) => -v);
    check('sage', negated(a.ranking), negated(b.ranking));
    check('sage task', a.raw.task, b.raw.task);
    const mahalanobis = scorers.mahalanobis();
    await mahalanobis.fit({ features: bank.latents, labels });
    check(
      'mahalanobis',
      await mahalanobis.score({ features: like.latents }),
      await mahalanobis.score({ features: unlike.latents }),
    );
    const react = scorers.react();
    if (head === undefined) throw new Error('a classifier has a head');
    await react.fit({ features: bank.features, head });
    check(
      'react',
      await react.score({ features: like.features }),
      await react.score({ features: unlike.features }),
    );
    expect([id.rows, id.accuracy?.values]).toEqual([
      40,
      [a.prediction.filter((p, i) => p === test.y?.values[i]).length / 40],
    ]);
    for (const each of [mahalanobis, react, sage]) each.dispose();
  });

  it('every scorer is in the table or left out with a reason', async () => {
    const { groups, leftOut } = await report(...sets());
    const names = groups.near.scores.map(({ score }) => score);
    for (const name of Object.keys(scorers)) {
      expect(names.includes(name) || leftOut.some(({ scorer }) => scorer === name), name).toBe(
        true,
      );
    }
    expect(names).toEqual(expect.arrayContaining(['sage', 'sage distance', 'ash', 'scale', 'vim']));
    // The bank of 108 rows is large enough for k = 100.
    expect(leftOut).toEqual([]);
    const areas = groups.near.scores.map(({ mean }) => mean.auroc.mean);
    expect(areas).toEqual([...areas].sort((x, y) => y - x));
    const line = groups.near.scores[0];
    const each = Object.values(line.sets).map(({ auroc }) => auroc.mean);
    expect(each).toHaveLength(2);
    expect(line.mean.auroc.mean).toBeCloseTo((each[0] + each[1]) / 2, 12);
    const recon = groups.far.scores.find(({ score }) => score === 'sage reconstruction');
    expect(recon?.mean.auroc.mean).toBeGreaterThan(0.9);
  });

  it('one pass: rows of all sets go through the network once, and files are read once', async () => {
    const seen: number[] = [];
    const original = Object.getOwnPropertyDescriptor(Sage.prototype, 'features')?.value as (
      ...args: Parameters<Sage['features']>
    ) => ReturnType<Sage['features']>;
    vi.spyOn(Sage.prototype, 'features').mockImplementation(function (this: Sage, x, options) {
      seen.push(x.count);
      return original.call(this, x, options);
    });
    const others = (['score', 'encode', 'predict', 'reconstruct'] as const).map((name) =>
      vi.spyOn(Sage.prototype, name),
    );
    // Standard input can be read only once: both deformations come from one reading.
    const lines = Array.from({ length: 30 }, (_, i) =>
      Array.from({ length: 36 }, (__, p) => ((i * 7 + p * 3) % 10) / 10).join(','),
    );
    const stdin = '-#shape=6x6x1';
    const { code, stdout } = await cli(
      [
        ...['--json', ...evalArgs('--near', stdin, '--near', `${stdin}@hflip`)],
        ...['--near', `${stdin}@blur`, '--far', 'noise:gaussian', '--block-rows', '16'],
      ],
      `${lines.join('\n')}\n`,
    );
    expect(code).toBe(0);
    const { groups } = JSON.parse(stdout) as Report;
    expect(groups.near.sets.map(({ rows }) => rows)).toEqual([30, 30, 30]);
    expect(seen.reduce((sum, rows) => sum + rows, 0)).toBe(120 + 40 + 3 * 30 + 40);
    expect(Math.max(...seen)).toBe(16);
    for (const spy of others) expect(spy).not.toHaveBeenCalled();
  });

  it('gives the same figures for any block size', async () => {
    const [small, large] = [await report(...sets(), '--block-rows', '7'), await report(...sets())];
    expect(small.groups).toEqual(large.groups);
    expect(small.id).toEqual(large.id);
  });

  it('several runs give mean and standard deviation', async () => {
    const one = await report(...sets());
    const args = ['--json', ...evalArgs(...sets())];
    args.splice(args.indexOf(at('run')) + 1, 0, at('two'));
    const { stdout } = await cli(args);
    const both = JSON.parse(stdout) as Report;
    const find = ({ groups }: Report): Figures | undefined =>
      groups.near.scores.find(({ score }) => score === 'sage distance')?.mean;
    const figure = find(both)?.auroc;
    const [a, b] = figure?.values ?? [];
    expect(a).toBe(find(one)?.auroc.mean);
    expect(figure?.mean).toBeCloseTo((a + b) / 2, 12);
    expect(figure?.deviation).toBeCloseTo(Math.abs(a - b) / Math.SQRT2, 12);
    expect(find(one)?.auroc.deviation).toBeNull();
    expect(both.id.accuracy?.values).toHaveLength(2);
  });

  it('prints a table, and writes md, csv and json whole', async () => {
    for (const ending of ['md', 'csv', 'json']) {
      const output = at(`table.${ending}`);
      const { code, stdout } = await cli(evalArgs(...sets(), '--output', output));
      expect(code).toBe(0);
      expect(stdout).toContain('Near sets: ');
      expect(stdout).toMatch(/^sage +all +[01]\.\d{4} /m);
      expect(stdout).toMatch(/ID set: .*test\.npy.* \(40 rows\), accuracy [01]\.\d{4}\./);
      const text = readFileSync(output, 'utf8');
      if (ending === 'json') {
        expect((JSON.parse(text) as Report).groups.far.sets[0].spec).toBe('noise:uniform');
      } else if (ending === 'csv') {
        const lines = text.trim().split('\n');
        expect(lines[0]).toBe('group,set,rows,score,from,measure,mean,deviation,runs');
        // Two groups with a mean each, three sets, five measures.
        expect((lines.length - 1) % (5 * 5)).toBe(0);
        expect(text).toMatch(/^far,noise:uniform,40,sage,all,auroc,[\d.]+,,1$/m);
      } else {
        expect(text).toContain('| score | from | mean AUROC |');
        expect(text).toContain('| sage | all |');
        expect(text).toContain('### ');
      }
    }
    expect(readdirSync(dir).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('leaves out what cannot be fed, with the reason', async () => {
    await train('leaky', 1);
    const args = evalArgs(...sets(), '--bank', spec('test'));
    args[args.indexOf(at('run'))] = at('leaky');
    const { stdout } = await cli(['--json', ...args]);
    const { leftOut } = JSON.parse(stdout) as Report;
    const reason = (name: string): string =>
      leftOut.find(({ scorer }) => scorer === name)?.reason ?? '';
    expect(reason('ash')).toContain('features must be >= 0, as after a ReLU');
    expect(reason('scale')).toContain('features must be >= 0, as after a ReLU');
    expect(reason('nnguide')).toContain('40');
    expect(reason('temperatureScaling')).toContain('with --bank they are not known');
    const { stdout: text } = await cli(args);
    expect(text).toContain('Left out ash: ash.score: features must be');
  });

  it('a regression has scores of features and errors only', async () => {
    const rng = new Rng(5);
    const line = (shift: number): string => {
      const [a, b] = [rng.normal() + shift, rng.normal()];
      return [a, b, 2 * a - b + 0.5].join(',');
    };
    for (const [name, rows, shift] of [
      ['reg', 80, 0],
      ['regTest', 30, 0],
      ['regFar', 30, 8],
    ] as const) {
      const body = Array.from({ length: rows }, () => line(shift)).join('\n');
      writeFileSync(at(`${name}.csv`), `a,b,t\n${body}\n`);
    }
    const data = (name: string): string => `${at(`${name}.csv`)}#target=t`;
    const trained = await cli([
      ...['--quiet', 'train', 'sage', '--data', data('reg'), '--out', at('regRun')],
      ...['--backend', 'cpu', '--epochs', '5', '--set', 'hidden=[8]', '--set', 'k=5'],
      ...['--set', 'task=regression', '--set', 'latentDim=2'],
    ]);
    expect(trained.code).toBe(0);
    const { code, stdout } = await cli([
      ...['--json', '--quiet', 'eval', 'ood', at('regRun'), '--backend', 'cpu'],
      ...['--id', data('regTest'), '--ood', data('regFar')],
    ]);
    expect(code).toBe(0);
    const { groups, leftOut, id } = JSON.parse(stdout) as Report;
    expect(id).toHaveProperty('rmse');
    const names = groups.ood.scores.map(({ score }) => score);
    expect(names).toEqual(expect.arrayContaining(['sage', 'knn', 'gmm', 'reconstruction']));
    expect(names).not.toContain('msp');
    expect(leftOut).toContainEqual({
      scorer: 'msp',
      reason: 'needs logits, and the model is a regression',
    });
    expect(
      groups.ood.scores.find(({ score }) => score === 'reconstruction')?.mean.auroc.mean,
    ).toBeGreaterThan(0.9);
  });

  it('a missing set is an error that names it, or is left out on request', async () => {
    const given = ['--near', 'kmnist:test', at('gone.npy'), '--far', 'noise:uniform'];
    const { code, stdout, stderr } = await cli(evalArgs(...given));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('kmnist:test must be in one of the places for data sets');
    const skipped = await cli(evalArgs(...given, '--skip-missing'));
    expect(skipped.code).toBe(0);
    expect(skipped.stderr.trim().split('\n')).toHaveLength(2);
    expect(skipped.stdout).toContain('Missing near set kmnist:test: data: kmnist:test must be');
    expect(skipped.stdout).toContain(`Missing near set ${at('gone.npy')}: `);
    expect(skipped.stdout).not.toContain('Near sets');
    expect(skipped.stdout).toContain('Far sets');
    writeFileSync(at('broken.npy'), 'no such header');
    const broken = await cli(evalArgs('--near', at('broken.npy'), ...sets(), '--skip-missing'));
    expect(broken.code).toBe(2);
    expect(broken.stderr).toContain('broken.npy');
  });

  it.each<[string, () => string[], string]>([
    ['no ID set', () => ['eval', 'ood', at('run'), '--ood', 'noise:uniform'], '--id must be given'],
    ['no set', () => evalArgs(), '--near, --far, --shifted or --ood must name a set, got none'],
    [
      'a set twice',
      () => evalArgs('--near', 'noise:uniform', '--far', 'noise:uniform'),
      "--far must name each set once, got 'noise:uniform' twice",
    ],
    ['the ID set itself', () => evalArgs('--far', spec('test')), 'must differ from the ID set'],
    [
      'another ending',
      () => evalArgs(...sets(), '--output', at('table.xls')),
      '--output must end in .md, .csv, .json',
    ],
    ['no folder', () => evalArgs(...sets(), '--output', at('no/t.md')), 'must exist'],
    [
      'another shape',
      () => evalArgs('--near', `${spec('test')}@4x4`),
      'must have rows of shape [6, 6, 1] (36 features), as in training, got rows of shape [4, 4, 1] (16 features). Add steps such as @grey@28x28 to the spec.',
    ],
    ['an unknown step', () => evalArgs('--near', 'mnist:test@fog'), "after @, got 'fog'"],
    ['no run', () => ['eval', 'ood', at('nothing'), '--id', 'x.npy'], 'must exist'],
  ])('error: %s', async (_, args, message) => {
    const { code, stdout, stderr } = await cli(args());
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('error: rows that are not those of the training, and NaN with its own row number', async () => {
    const { x } = await loadDataset(spec('test'));
    const data = x.data.slice();
    data[36 * 20 + 3] = NaN;
    await writeNpy(at('nan.npy'), data, [40, 6, 6, 1]);
    const bad = await cli(evalArgs('--near', at('nan.npy'), '--block-rows', '8'));
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('nan.npy must be finite, got NaN at row 20, feature 3');
    const before = readFileSync(at('train.npy'));
    const changed = Buffer.from(before);
    changed.writeFloatLE(0.5, changed.length - 4);
    writeFileSync(at('train.npy'), changed);
    const other = await cli(evalArgs(...sets()));
    writeFileSync(at('train.npy'), before);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain(
      `must hold the 120 rows that ${at('run')} was trained on, got other values. Name the training data by --bank.`,
    );
  });

  it('an interrupt ends it in order: nothing is written', async () => {
    const { streams, stdout } = testStreams();
    const controller = new AbortController();
    vi.spyOn(Sage.prototype, 'scoreFeatures').mockImplementation(() => {
      controller.abort();
      return Promise.reject(controller.signal.reason as Error);
    });
    const options: EvalOodOptions = {
      id: spec('test'),
      far: ['noise:uniform'],
      features: 'latents',
      blockRows: 64,
      seed: 0,
      backend: 'cpu',
      output: at('never.md'),
    };
    const context = { terminal: new Terminal(streams), signal: controller.signal };
    await expect(evalOod([at('run')], options, context)).rejects.toThrow('aborted');
    expect(existsSync(at('never.md'))).toBe(false);
    expect(stdout()).toBe('');
  });
});
