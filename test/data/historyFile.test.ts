import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HistoryFile } from '../../src/data/historyFile.js';
import { DataError } from '../../src/errors.js';

let dir = '';
const path = (): string => join(dir, 'history.csv');
const text = (): string => readFileSync(path(), 'utf8');

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'latent-history-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('HistoryFile', () => {
  it('can be read after every line, and takes new columns', async () => {
    const file = await HistoryFile.open(path());
    expect(text()).toBe('');
    await file.append({ epoch: 1, stage: 'one', loss: 0.5 });
    expect(text()).toBe('epoch,stage,loss\n1,one,0.5\n');
    await file.append({ loss: 0.25, epoch: 2, stage: 'a,b' });
    expect(text()).toBe('epoch,stage,loss\n1,one,0.5\n2,a b,0.25\n');
    await file.append({ epoch: 3, validation: 7 });
    expect(text()).toBe('epoch,stage,loss,validation\n1,one,0.5,\n2,a b,0.25,\n3,,,7\n');
    expect(readdirSync(dir)).toEqual(['history.csv']);
  });

  it('goes on without repeated lines, and without one that a crash cut off', async () => {
    const first = await HistoryFile.open(path());
    for (const epoch of [1, 2, 3]) await first.append({ epoch, loss: epoch / 2 });
    appendFileSync(path(), '4,1.2');
    const again = await HistoryFile.open(path(), { keep: 2 });
    expect(text()).toBe('epoch,loss\n1,0.5\n2,1\n');
    await again.append({ epoch: 3, loss: 9 });
    expect(text()).toBe('epoch,loss\n1,0.5\n2,1\n3,9\n');
    // A line that was cut off is none, even when its epoch is to be kept.
    appendFileSync(path(), '4,1.2');
    await HistoryFile.open(path(), { keep: 4 });
    expect(text()).toBe('epoch,loss\n1,0.5\n2,1\n3,9\n');
  });

  it('begins anew where nothing is to be kept, or nothing is there', async () => {
    const first = await HistoryFile.open(path(), { keep: 5 });
    await first.append({ epoch: 1, loss: 1 });
    await HistoryFile.open(path());
    expect(text()).toBe('');
  });

  it('error: names the file', async () => {
    const missing = join(dir, 'none', 'history.csv');
    await expect(HistoryFile.open(missing)).rejects.toThrow(DataError);
    await expect(HistoryFile.open(missing)).rejects.toThrow(missing);
  });
});
