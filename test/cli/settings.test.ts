import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applySettings, collect, integerFrom, readSettings } from '../../src/cli/settings.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latent-settings-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('applySettings', () => {
  it('parses values as JSON and falls back to text', () => {
    const settings = applySettings({}, ['a=8', 'b=[64,32]', 'c=manhattan', 'd=true', 'e=x=y']);
    expect(settings).toEqual({ a: 8, b: [64, 32], c: 'manhattan', d: true, e: 'x=y' });
  });

  it('sets dotted keys without touching its input', () => {
    const base = { loss: { centre: 0, task: 1 } };
    expect(applySettings(base, ['loss.centre=0.1'])).toEqual({ loss: { centre: 0.1, task: 1 } });
    expect(base.loss.centre).toBe(0);
  });

  it.each(['latentDim', '=3', 'a..b=3', '__proto__.x=1'])('rejects %s', (pair) => {
    expect(() => applySettings({}, [pair])).toThrow(/--set must be key=value .* got "/);
  });

  it('rejects a path through a plain value', () => {
    expect(() => applySettings({ a: 1 }, ['a.b=2'])).toThrow(/"a" is a plain value/);
  });
});

describe('readSettings', () => {
  it('reads an object and names the file when it is something else', async () => {
    const path = join(folder, 'config.json');
    await writeFile(path, '{"latentDim": 4}');
    await expect(readSettings(path)).resolves.toEqual({ latentDim: 4 });
    await writeFile(path, '[1]');
    await expect(readSettings(path)).rejects.toThrow(/config\.json must hold one JSON object/);
    await writeFile(path, '{');
    await expect(readSettings(path)).rejects.toThrow(/config\.json must be valid JSON/);
    await writeFile(path, '\uFEFF{"latentDim": 5}');
    await expect(readSettings(path)).resolves.toEqual({ latentDim: 5 });
    await writeFile(path, Buffer.from('{"latentDim": 5}', 'utf16le'));
    await expect(readSettings(path)).rejects.toThrow('config.json must be');
    await writeFile(path, Uint8Array.of(0xff, 0xfe, 0x7b));
    await expect(readSettings(path)).rejects.toThrow('config.json must be a file of UTF-8 text');
    await expect(readSettings(folder)).rejects.toThrow(`${folder} must be a file of UTF-8 text`);
    await expect(readSettings(join(folder, 'none'))).rejects.toThrow('got ENOENT');
  });

  it('takes the settings out of the config of a run, if it is of the model', async () => {
    const path = join(folder, 'run.json');
    const config = { latentDim: 3, fitted: { rowShape: [4] } };
    await writeFile(path, JSON.stringify({ layoutVersion: 1, model: 'vae', config, run: {} }));
    await expect(readSettings(path, 'vae')).resolves.toEqual({ latentDim: 3 });
    await expect(readSettings(path, 'lorae')).rejects.toThrow(
      'run.json must be of a run of \'lorae\', got one of "vae"',
    );
  });
});

describe('parsers of options', () => {
  it('integerFrom accepts integers in range only', () => {
    expect(integerFrom(1)('12')).toBe(12);
    for (const text of ['0', '1.5', 'x', '', '1e3']) {
      expect(() => integerFrom(1)(text)).toThrow('integer >= 1');
    }
  });

  it('collect keeps the order of repeated options', () => {
    expect(collect('b', collect('a', undefined))).toEqual(['a', 'b']);
  });
});
