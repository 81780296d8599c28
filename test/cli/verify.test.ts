import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import { runCli } from '../../src/cli/program.js';
import { Terminal } from '../../src/cli/terminal.js';
import { verify } from '../../src/cli/verify.js';
import type { VerifyMachine, VerifyOptions, VerifyReport } from '../../src/cli/verify.js';
import { knn } from '../../src/ops/knn.js';
import { pairwiseDistance } from '../../src/ops/pairwiseDistance.js';
import { rowDistance } from '../../src/ops/rowDistance.js';
import { testStreams } from './streams.js';

const MACHINE: VerifyMachine = {
  inspect: () =>
    Promise.resolve([
      { name: 'cpu', available: true, device: 'cpu', adapter: 'plain JavaScript', why: 'runs' },
      {
        name: 'webgpu',
        available: false,
        device: undefined,
        adapter: undefined,
        why: 'no adapter',
        fix: 'npm install webgpu',
      },
    ]),
  start: (prefer) => startBackend({ prefer }),
  ops: undefined,
};

const WRONG: VerifyMachine = {
  ...MACHINE,
  ops: {
    knn,
    pairwiseDistance,
    rowDistance: (x, y, options) => tf.tidy(() => tf.mul(rowDistance(x, y, options), 1.001)),
  },
};

async function run(
  options: VerifyOptions,
  {
    machine = MACHINE,
    json = false,
    quiet = false,
    file,
  }: {
    machine?: VerifyMachine;
    json?: boolean;
    quiet?: boolean;
    file?: string;
  } = {},
): Promise<{ error: unknown; stdout: string }> {
  const io = testStreams();
  const terminal = new Terminal(io.streams, { json, quiet });
  const context = { terminal, signal: new AbortController().signal };
  const error: unknown = await verify(file, options, context, machine).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, stdout: io.stdout() };
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latent-verify-'));
});
afterAll(() => rm(folder, { recursive: true }));

const SOME = { quick: true, ops: 'rowDistance', case: 'euclidean' } as const;

describe('verify', () => {
  it('prints a row for every case and form, and what was not verified', async () => {
    const { error, stdout } = await run(SOME);
    expect(error).toBeUndefined();
    expect(stdout).toMatch(/^rowDistance +kernel +euclidean d=3 +\d+\.\d\d +\S+ +16 .* pass$/m);
    expect(stdout).toMatch(/^rowDistance +composed +euclidean d=3 .* pass$/m);
    expect(stdout).toMatch(/^cpu +kernel +\d+ +0 /m);
    expect(stdout).toContain('webgpu: no adapter');
    expect(stdout.trim()).toMatch(/pass$/);
  });

  it('fails the check when an op is wrong and names what is', async () => {
    const { error, stdout } = await run(SOME, { machine: WRONG, quiet: true });
    expect(error).toMatchObject({ name: 'CheckFailed' });
    expect(String(error)).toMatch(/\d+ of \d+ cases are out of bound/);
    expect(stdout).toMatch(/^rowDistance .* FAIL row 0 of x, row 0 of y: /m);
    expect(stdout).not.toMatch(/ pass$/m);
  });

  it('--json prints the report', async () => {
    const { stdout } = await run(SOME, { json: true });
    const report = JSON.parse(stdout) as VerifyReport;
    expect(report.pass).toBe(true);
    expect(report.backends.map(({ name, verified }) => [name, verified])).toEqual([
      ['cpu', true],
      ['webgpu', false],
    ]);
    expect(report.rows[0]).toMatchObject({
      op: 'rowDistance',
      backend: 'cpu',
      form: 'kernel',
      bound: 16,
      pass: true,
    });
  });

  it('writes the report to a file and the text to stdout', async () => {
    const file = join(folder, 'verify.json');
    const { stdout } = await run(SOME, { json: true, file, machine: WRONG });
    const report = JSON.parse(await readFile(file, 'utf8')) as VerifyReport;
    expect(report.pass).toBe(false);
    expect(report.rows.filter(({ pass }) => !pass).length).toBeGreaterThan(0);
    expect(stdout).toContain('max ulp');
  });

  it.each([
    [
      { backends: 'webgpu' },
      '--backends must name backends that run here, out of cpu, got "webgpu" (no adapter)',
    ],
    [{ backends: 'metal' }, 'got "metal"'],
    [
      { ops: 'sort' },
      '--ops must name ops out of knn, pairwiseDistance, rowDistance, relationSteps, rowMap, got "sort"',
    ],
    [{ case: 'nothing' }, '--case must be part of the name of a case, got "nothing"'],
  ])('rejects %j', async (options, message) => {
    const { error } = await run(options);
    expect(error).toMatchObject({ name: 'DomainError' });
    expect(String(error)).toContain(message);
  });

  it('runs from the command line, with the code of the outcome', async () => {
    const io = testStreams();
    const file = join(folder, 'cli.json');
    const args = ['verify', '--json', file, '--backends', 'cpu', '--ops', 'knn', '--case', 'd=3'];
    expect(await runCli(args, io.streams)).toBe(0);
    expect((JSON.parse(await readFile(file, 'utf8')) as VerifyReport).pass).toBe(true);
    expect(await runCli(['verify', '--ops', 'sort'], testStreams().streams)).toBe(2);
  });
});
