import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkRunFolder, formatHistory, writeRunFolder } from '../../src/cli/runFolder.js';
import type { RunFolder } from '../../src/cli/runFolder.js';

const FOLDER: RunFolder = {
  artifacts: {
    model: 'sage',
    formatVersion: 1,
    config: { k: 1 },
    arrays: { w: { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } },
  },
  run: { seed: 1 },
  history: [{ epoch: 1, stage: 'all', loss: 0.5 }],
  metrics: { testAccuracy: 1 },
  report: {
    title: 't',
    facts: [],
    sets: [],
    history: [],
    latent: [],
    kept: [],
    keptLabel: 'accuracy',
  },
};

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'run-folder-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('run folder', () => {
  it('appears complete, and leaves no other file', async () => {
    await writeRunFolder(join(dir, 'run'), FOLDER, false);
    expect(readdirSync(dir)).toEqual(['run']);
    expect(readdirSync(join(dir, 'run')).sort()).toEqual([
      'bank.safetensors',
      'config.json',
      'history.csv',
      'metrics.json',
      'report.html',
      'weights.safetensors',
    ]);
  });

  it('goes to the temporary folder when its own place fails, and says where', async () => {
    // A file where the run's parent should be: the write fails whoever runs it, root included.
    const blocked = join(dir, 'file');
    writeFileSync(blocked, '');
    const error: unknown = await writeRunFolder(join(blocked, 'run'), FOLDER, false).catch(
      (reason: unknown) => reason,
    );
    expect(String(error)).toMatch(/The finished run is kept in .*tfjs-latent-.*run\.$/);
    const kept = /kept in (.*)\.$/.exec(String(error))?.[1] ?? '';
    expect(existsSync(join(kept, 'weights.safetensors'))).toBe(true);
    rmSync(dirname(kept), { recursive: true });
  });

  it('is refused before the work starts where nothing can be written', async () => {
    const blocked = join(dir, 'file');
    writeFileSync(blocked, '');
    await expect(checkRunFolder(join(blocked, 'run'), false)).rejects.toThrow();
    await expect(checkRunFolder(join(dir, 'run'), false)).resolves.toBeUndefined();
    expect(readdirSync(dir)).toEqual(['file']);
  });

  it('history lists the columns of all rows', () => {
    const rows = [
      { epoch: 1, stage: 'a', loss: 1 },
      { epoch: 2, stage: 'b', loss: 2, taskLoss: 3 },
    ];
    expect(formatHistory(rows)).toBe('epoch,stage,loss,taskLoss\n1,a,1,\n2,b,2,3\n');
  });
});
