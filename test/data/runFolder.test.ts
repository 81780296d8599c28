import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  loadArtifacts,
  saveArtifacts,
  withStagedFolder,
  writeArtifacts,
} from '../../src/data/index.js';
import type { Artifacts, Json } from '../../src/util/artifacts.js';
import { PROPERTY } from '../support/arbitraries.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

const artifacts: Artifacts = {
  model: 'toy',
  formatVersion: 3,
  config: { latent: 8, layers: [64, 'relu', null, true], deep: { scale: 0.1 + 0.2 } },
  arrays: {
    'encoder/kernel': {
      dtype: 'float32',
      shape: [2, 2],
      data: Float32Array.of(NaN, -0, 1e-40, Infinity),
    },
    'bank/latents': { dtype: 'float32', shape: [1, 2], data: Float32Array.of(0.1, 0.2) },
    'bank/labels': { dtype: 'int32', shape: [1], data: Int32Array.of(-7) },
    scale: { dtype: 'float64', shape: [], data: Float64Array.of(0.1) },
  },
};

const changeConfig = async (dir: string, change: (config: string) => string): Promise<void> => {
  const path = join(dir, 'config.json');
  await writeFile(path, change(await readFile(path, 'utf8')));
};

/** A fresh saved run, changed by `damage`, and the error of loading it. */
async function damaged(damage: (dir: string) => Promise<void>): Promise<string> {
  const dir = files.path('damaged');
  await saveArtifacts(dir, artifacts, { overwrite: true });
  await damage(dir);
  const message = await failureOf(loadArtifacts(dir));
  await rm(dir, { recursive: true, force: true });
  return message;
}

describe('saveArtifacts and loadArtifacts', () => {
  it('golden: everything comes back, every bit of it', async () => {
    const dir = files.path('run');
    await saveArtifacts(dir, artifacts);
    const back = await loadArtifacts(dir);
    expect([back.model, back.formatVersion, back.config]).toEqual(['toy', 3, artifacts.config]);
    expect(Object.keys(back.arrays).sort()).toEqual(Object.keys(artifacts.arrays).sort());
    for (const [name, { dtype, shape, data }] of Object.entries(artifacts.arrays)) {
      const array = back.arrays[name];
      expect([array.dtype, array.shape]).toEqual([dtype, shape]);
      expect(new Uint8Array(array.data.buffer)).toEqual(new Uint8Array(data.buffer));
    }
  });

  it('property: any JSON configuration comes back', async () => {
    const json = fc.jsonValue({ noUnicodeString: false }).filter(
      // JSON writes -0 as 0, and "__proto__" is no name of a setting.
      (value) => !/-0|__proto__/.test(JSON.stringify(value)) && !hasNegativeZero(value),
    );
    await fc.assert(
      fc.asyncProperty(json, async (value) => {
        const config = { value: value as Json };
        const dir = files.path('json');
        await saveArtifacts(dir, { ...artifacts, config }, { overwrite: true });
        expect((await loadArtifacts(dir)).config).toEqual(config);
      }),
      PROPERTY,
    );
  });

  it('golden: config.json names versions, files, checksums, types and shapes', async () => {
    const dir = files.path('layout');
    await saveArtifacts(dir, artifacts);
    const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as unknown;
    expect(config).toMatchObject({
      layoutVersion: 1,
      model: 'toy',
      formatVersion: 3,
      libraryVersion: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      arrays: {
        'weights.safetensors': {
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
          tensors: { 'encoder/kernel': { dtype: 'float32', shape: [2, 2] } },
        },
        'bank.safetensors': { tensors: { 'bank/labels': { dtype: 'int32', shape: [1] } } },
      },
    });
  });

  it('golden: other files stand in the same staged folder', async () => {
    const dir = files.path('more');
    await withStagedFolder(dir, async (staged) => {
      await writeFile(join(staged, 'history.csv'), 'epoch\n');
      await writeArtifacts(staged, artifacts);
    });
    expect((await loadArtifacts(dir)).model).toBe('toy');
    expect(await readFile(join(dir, 'history.csv'), 'utf8')).toBe('epoch\n');
  });

  it('golden: a copied folder loads', async () => {
    await saveArtifacts(files.path('from'), artifacts);
    await cp(files.path('from'), files.path('to'), { recursive: true });
    expect((await loadArtifacts(files.path('to'))).config).toEqual(artifacts.config);
  });

  it('error: another layout version names both and the file', async () => {
    const message = await damaged((dir) =>
      changeConfig(dir, (text) => text.replace('"layoutVersion": 1', '"layoutVersion": 2')),
    );
    expect(message).toMatch(
      /^DataError: run folder: .*config\.json must have layoutVersion 1, got 2\. Load it with/,
    );
  });

  it('error: a missing, changed or truncated file of arrays', async () => {
    const weights = (dir: string): string => join(dir, 'weights.safetensors');
    expect(await damaged((dir) => rm(weights(dir)))).toMatch(/weights\.safetensors must exist/);
    expect(
      await damaged(async (dir) => {
        const bytes = await readFile(weights(dir));
        bytes[bytes.length - 1] ^= 1;
        await writeFile(weights(dir), bytes);
      }),
    ).toMatch(/weights\.safetensors must have the sha256 [0-9a-f]{64} that config\.json names/);
    expect(await damaged((dir) => truncate(weights(dir), 100))).toMatch(/truncated/);
    expect(await damaged((dir) => cp(join(dir, 'bank.safetensors'), weights(dir)))).toContain(
      'must have the sha256',
    );
  });

  it('error: an index that does not fit the arrays', async () => {
    const message = await damaged((dir) =>
      changeConfig(dir, (text) => text.replaceAll('"bank/labels"', '"bank/other"')),
    );
    expect(message).toMatch(/bank\.safetensors must hold the arrays that config\.json lists/);
    expect(
      await damaged((dir) =>
        changeConfig(dir, (text) => text.replace('"bank.safetensors"', '"../bank.safetensors"')),
      ),
    ).toContain('weights.safetensors and bank.safetensors only');
  });

  it('error: config.json damaged, of another kind, or missing; no folder; a file', async () => {
    expect(await damaged((dir) => changeConfig(dir, (text) => text.slice(0, -20)))).toContain(
      'config.json must be JSON',
    );
    expect(await damaged((dir) => changeConfig(dir, () => '{"layoutVersion":1}'))).toMatch(
      /config\.json must be as saveArtifacts wrote it, got model: /,
    );
    expect(await damaged((dir) => changeConfig(dir, () => '[]'))).toContain('its top level');
    expect(await damaged((dir) => rm(join(dir, 'config.json')))).toMatch(
      /damaged must hold a config\.json, got a folder without it \(not a run\)/,
    );
    expect(await failureOf(loadArtifacts(files.path('nowhere')))).toContain('nowhere must exist');
    const file = await files.put('plain', 'x');
    expect(await failureOf(loadArtifacts(file))).toContain('plain must be a folder, got a file');
  });

  it('error: numbers that JSON cannot hold are refused before anything is written', async () => {
    const bad = { ...artifacts, config: { fitted: { means: [1, NaN] } } };
    expect(await failureOf(saveArtifacts(files.path('nan'), bad))).toBe(
      'DomainError: run folder: config.fitted.means.1 must hold finite numbers only, as JSON does, got NaN.',
    );
    expect(await files.list()).not.toContain('nan');
  });
});

function hasNegativeZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasNegativeZero);
}
