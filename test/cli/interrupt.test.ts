import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latent-interrupt-'));
  const rows = Array.from({ length: 200 }, (_, i) => [Math.sin(i), i % 2, i % 2].join(','));
  await writeFile(join(folder, 'toy.csv'), `a,b,label\n${rows.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Train without end in a process of its own; `signal` comes once the data is loaded. */
async function interruptTraining(
  signal: 'SIGINT' | 'SIGTERM',
): Promise<{ code: number | null; stderr: string }> {
  const data = `${join(folder, 'toy.csv')}#target=label`;
  const args = ['train', 'sage', '--data', data, '--out', join(folder, 'run')];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/cli/main.ts', ...args, '--epochs', '1000000', '--backend', 'cpu'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  let isSent = false;
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    if (isSent || !stderr.includes('load ')) return;
    isSent = true;
    setTimeout(() => child.kill(signal), 300);
  });
  const code = await new Promise<number | null>((done) => child.on('exit', done));
  return { code, stderr };
}

describe('an interrupted command', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends in order on %s and leaves only what --resume goes on with',
    async (name) => {
      const { code, stderr } = await interruptTraining(name);
      expect(stderr).toContain('only when they are complete');
      expect(code).toBe(130);
      expect(stderr).toMatch(/kept \S+run\.checkpoint: the same command with --resume/);
      expect((await readdir(folder)).sort()).toEqual(['run.checkpoint', 'toy.csv']);
      await rm(join(folder, 'run.checkpoint'), { recursive: true });
    },
  );
});
