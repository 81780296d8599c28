import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Ended {
  try {
    const command = ['--import', 'tsx', MAIN, 'bench', ...args];
    const stdout = execFileSync(process.execPath, command, { encoding: 'utf8', stdio: 'pipe' });
    return { status: 0, stdout, stderr: '' };
  } catch (error) {
    return error as Ended;
  }
}

describe('tfjs-latent bench', () => {
  it('measures a suite and prints ratios', () => {
    const { status, stdout } = run(
      'matMul',
      '--backend',
      'wasm',
      '--threads',
      '1',
      '--case',
      'm=64',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/matMul: NN m=64 k=64 n=64\n {2}tfjs-latent .* GFLOP\/s .* x 1\.00/);
  });

  it.each([
    [['nothing'], 'bench: no suite nothing; there are knn,'],
    [['knn', '--budget', 'x'], 'bench: --budget must be a number of seconds above 0'],
    [['knn', '--backends', 'abacus'], 'bench: backend abacus does not run here'],
    [['knn', '--speed'], "bench: Unknown option '--speed'"],
  ])('ends with code 2 for %j', (args, message) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });

  it('has help', () => {
    const { status, stdout } = run('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('--budget <s>');
  });
});
