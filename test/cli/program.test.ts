import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { packageVersion } from '../../src/cli/version.js';
import { testStreams } from './streams.js';

/** Run the command line in this process. */
async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const io = testStreams();
  const code = await runCli(args, io.streams);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latent-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('help and version', () => {
  it('--version prints the version of package.json', async () => {
    expect(await cli('--version')).toEqual({
      code: 0,
      stdout: `${packageVersion()}\n`,
      stderr: '',
    });
    expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });

  it.each(['demo', 'train', 'score', 'encode', 'reconstruct', 'doctor', 'verify'])(
    '%s --help has examples',
    async (command) => {
      const { code, stdout } = await cli(command, '--help');
      expect(code).toBe(0);
      expect(stdout).toContain('Examples:');
      expect(stdout).toContain('--quiet');
    },
  );

  it('score --help says what the sign means', async () => {
    expect((await cli('score', '--help')).stdout).toContain('high = like the training data');
  });
});

describe('wrong usage ends with code 2 and one line', () => {
  it.each([
    [['trian'], /unknown command 'trian' \(Did you mean train\?\)/],
    [['train', 'sage'], /required option '--data <spec>'/],
    [['demo', '--nope'], /unknown option '--nope'/],
    [['demo', '--epochs', '0'], /'--epochs <n>' argument '0' is invalid.*integer >= 1/],
    [['score', 'run', '--input', 'a', '--output', 'b', '--format', 'xml'], /csv, ndjson, npy/],
    [
      ['train', 'nope', '--data', 'a', '--out', 'b'],
      /train: model must be one of sage, .*conditional, got "nope"/,
    ],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await cli(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
  });

  it('prints a stack with --debug only', async () => {
    const args = ['train', 'nope', '--data', 'a', '--out', 'b'];
    expect((await cli(...args)).stderr).not.toMatch(/\n\s+at /);
    expect((await cli(...args, '--debug')).stderr).toMatch(/\n\s+at /);
  });
});
