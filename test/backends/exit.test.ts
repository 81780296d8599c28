import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Run an ES module in a Node process of its own. */
function runModule(
  code: string,
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const options = ['--import', 'tsx', '--input-type=module', '--eval', code];
    const child = spawn(process.execPath, options, { cwd: ROOT, timeout: 45_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', fail);
    child.on('close', (status) => done({ status, stdout, stderr }));
  });
}

const START = `
  import * as tf from '@tensorflow/tfjs';
  import { startBackend } from './src/backends/index.ts';
`;
const COMPUTE = `
  const x = tf.randomUniform([300, 300]);
  const sum = await tf.sum(tf.matMul(x, x)).data();
  console.log(tf.getBackend(), sum[0] > 0);
`;

describe('processes end by themselves with status 0', () => {
  const present = inject('backends').filter(({ available }) => available);

  it.each(present.map(({ name }) => name))('after using %s', async (name) => {
    const code = `${START} await startBackend({ prefer: '${name}' }); ${COMPUTE}`;
    const { status, stdout, stderr } = await runModule(code);
    expect(stdout, stderr).toContain(`${name} true`);
    expect(status).toBe(0);
  });

  it('after using all of them in turn', async () => {
    const names = JSON.stringify(present.map(({ name }) => name));
    const code = `${START} for (const prefer of ${names}) { await startBackend({ prefer }); ${COMPUTE} }`;
    const { status, stdout, stderr } = await runModule(code);
    for (const { name } of present) expect(stdout, stderr).toContain(`${name} true`);
    expect(status).toBe(0);
  });

  it('after looking for all of them', async () => {
    const { status, stdout, stderr } = await runModule(
      `import { inspectBackends } from './src/backends/index.ts';
       console.log((await inspectBackends()).length);`,
    );
    expect(stdout, stderr).toContain('4');
    expect(status).toBe(0);
  });

  it('with the status of the program when it exits early', async () => {
    const code = `${START} await startBackend(); ${COMPUTE} process.exit(3);`;
    expect((await runModule(code)).status).toBe(3);
  });
});
