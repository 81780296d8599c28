import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { convolutionSide } from '../../../src/kernels/wasm/convolution.js';
import { instantiate, latentModule, Scratch } from '../../../src/kernels/wasm/module.js';
import { chunksByWorkers, runJob } from '../../../src/kernels/wasm/threads.js';
import { setThreads, threadInfo } from '../../../src/kernels/wasm/register.js';
import { normals, startWasm } from './start.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Run a program with tsx and give what it printed; fails when it does not end by itself. */
function runProgram(body: string, env: Record<string, string> = {}): string {
  const program = `
    import * as tf from '@tensorflow/tfjs';
    import { setThreads, threadInfo } from './src/kernels/wasm/register.js';
    import { chunksByWorkers } from './src/kernels/wasm/threads.js';
    await tf.setBackend('wasm');
    ${body}`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', program];
  return execFileSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  }).trim();
}

describe('threads of the wasm kernels', () => {
  beforeAll(startWasm);
  afterEach(() => {
    setThreads(undefined);
    delete process.env.TFJS_LATENT_THREADS;
  });

  it('uses worker threads for large work', async () => {
    setThreads(3);
    const before = chunksByWorkers();
    const a = tf.tensor2d(normals(512 * 512, 1), [512, 512]);
    for (let run = 0; run < 200 && chunksByWorkers() === before; run++) {
      tf.matMul(a, a).dispose();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    a.dispose();
    expect(threadInfo()).toEqual({ threads: 3, source: 'setThreads', why: '' });
    expect(chunksByWorkers()).toBeGreaterThan(before);
  });

  it('takes the number from the environment', () => {
    process.env.TFJS_LATENT_THREADS = '5';
    setThreads(undefined);
    expect(threadInfo()).toEqual({ threads: 5, source: 'TFJS_LATENT_THREADS', why: '' });
  });

  it('rejects numbers out of range', () => {
    expect(() => setThreads(0)).toThrow(
      'wasm threads: threads must be an integer from 1 to 256, got 0.',
    );
    process.env.TFJS_LATENT_THREADS = 'many';
    expect(() => {
      setThreads(undefined);
      threadInfo();
    }).toThrow("TFJS_LATENT_THREADS must be an integer from 1 to 256, got 'many'.");
  });

  it('throws when a chunk traps, and goes on working', () => {
    setThreads(2);
    // Rows at the far end of the address space, outside the memory.
    const wild = [0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000, 0, 64, 64, 64];
    expect(() => runJob('matMulBlock', [...wild, 0, 0, 0, 0, 4, 8, 0, 0, 0, 0], 128, true)).toThrow(
      'the wasm kernel matMulBlock trapped',
    );
    const product = tf.matMul(tf.ones([300, 300]), tf.ones([300, 300]));
    expect(product.dataSync()[0]).toBe(300);
    product.dispose();
  });

  it('runs jobs of more chunks than a ticket holds', () => {
    setThreads(2);
    const [height, width] = [600, 512];
    const x = Float32Array.from({ length: height * width * 8 }, (_, i) => Math.floor(i / 8));
    const copied = convolutionSide.during('ours', () => {
      // A filter of one pixel that takes the first channel: a copy, chunk by chunk.
      const first = tf.tensor4d([1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 8, 1]);
      return tf.conv2d(tf.tensor4d(x, [1, height, width, 8]), first, 1, 'valid');
    });
    expect(copied.dataSync()).toEqual(Float32Array.from({ length: height * width }, (_, i) => i));
    copied.dispose();
  });

  it('lets the process end by itself', () => {
    const printed = runProgram(`
      setThreads(3);
      const a = tf.ones([512, 512]);
      for (let run = 0; run < 20; run++) tf.matMul(a, a).dispose();
      console.log(threadInfo().threads);`);
    expect(printed).toBe('3');
  });

  it('works after the backend was started first', () => {
    const printed = runProgram(`
      const a = tf.ones([200, 200]);
      const before = chunksByWorkers();
      console.log((await tf.sum(tf.matMul(a, a, true, false)).data())[0], before);`);
    expect(printed).toBe('8000000 0');
  });

  it('works on one thread where Node has no worker threads to give', () => {
    const printed = runProgram(`
      delete process.versions; Object.defineProperty(process, 'getBuiltinModule', { value: undefined });
      setThreads(4);
      const a = tf.ones([200, 200]);
      console.log((await tf.sum(tf.matMul(a, a)).data())[0], JSON.stringify(threadInfo()));`);
    expect(printed).toContain('8000000');
    expect(printed).toContain('single thread only');
  });
});

describe('memory of the wasm kernels', () => {
  it('has a build for engines without shared memory', () => {
    const module = instantiate(false);
    expect(module.shared).toBe(false);
    expect(module.memory.buffer).toBeInstanceOf(ArrayBuffer);
    const names = WebAssembly.Module.exports(module.compiled).map(({ name }) => name);
    expect(names.sort()).toEqual(Object.keys(latentModule().exports).sort());
  });

  it('says clearly that 4 GiB are used up', () => {
    const scratch = new Scratch('knn', latentModule().memory);
    expect(() => scratch.allocate(5e9)).toThrow(/^knn: the working memory .* below 4 GiB/);
  });

  it('does not grow from call to call', () => {
    const a = tf.ones([300, 300]);
    tf.matMul(a, a).dispose();
    const before = latentModule().memory.buffer.byteLength;
    for (let run = 0; run < 20; run++) tf.matMul(a, a).dispose();
    a.dispose();
    expect(latentModule().memory.buffer.byteLength).toBe(before);
  });
});
