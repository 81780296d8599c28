import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFolderTarget, withStagedFolder } from '../../src/data/index.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

/** Fill a folder so that it counts as a run. */
const fillRun =
  (note: string) =>
  async (staged: string): Promise<void> => {
    await writeFile(join(staged, 'config.json'), '{"model":"toy"}');
    await writeFile(join(staged, 'note.txt'), note);
  };

const noteIn = (dir: string): Promise<string> => readFile(join(dir, 'note.txt'), 'utf8');

describe('withStagedFolder', () => {
  it('golden: the folder appears when it is filled, with its parents', async () => {
    const dir = files.path('a/b/run');
    await withStagedFolder(dir, async (staged) => {
      expect(await failureOf(readdir(dir))).toContain('ENOENT');
      await fillRun('one')(staged);
    });
    expect(await noteIn(dir)).toBe('one');
    expect(await readdir(files.path('a/b'))).toEqual(['run']);
  });

  it('error: a fill that throws leaves nothing, not even new parents', async () => {
    const broken = withStagedFolder(files.path('x/y/run'), async (staged) => {
      await fillRun('half')(staged);
      throw new RangeError('stop');
    });
    expect(await failureOf(broken)).toBe('RangeError: stop');
    expect(await files.list()).not.toContain('x');
  });

  it('property: an earlier run is replaced when allowed, and survives a failed overwrite', async () => {
    const dir = files.path('again/run');
    await withStagedFolder(dir, fillRun('one'));
    expect(await failureOf(withStagedFolder(dir, fillRun('two')))).toMatch(
      /^DataError: run folder: .*run must not hold a run already/,
    );
    const fails = (): Promise<void> => Promise.reject(new RangeError('stop'));
    expect(await failureOf(withStagedFolder(dir, fails, { overwrite: true }))).toContain('stop');
    expect(await noteIn(dir)).toBe('one');
    await withStagedFolder(dir, fillRun('two'), { overwrite: true });
    expect(await noteIn(dir)).toBe('two');
    expect(await readdir(files.path('again'))).toEqual(['run']);
  });

  it('property: an earlier run comes back when the new one cannot take its place', async () => {
    const dir = files.path('swap/run');
    await withStagedFolder(dir, fillRun('one'));
    const lost = withStagedFolder(
      dir,
      async (staged) => {
        const { rm } = await import('node:fs/promises');
        await rm(staged, { recursive: true });
      },
      { overwrite: true },
    );
    expect(await failureOf(lost)).toContain('DataError: run folder');
    expect(await noteIn(dir)).toBe('one');
    expect(await readdir(files.path('swap'))).toEqual(['run']);
  });

  it('golden: an empty folder is taken; through a link the folder itself is replaced', async () => {
    await mkdir(files.path('empty'));
    await withStagedFolder(files.path('empty'), fillRun('one'));
    await symlink(files.path('empty'), files.path('link'));
    await withStagedFolder(files.path('link'), fillRun('two'), { overwrite: true });
    expect(await noteIn(files.path('empty'))).toBe('two');
  });

  it('error: a folder that is not a run, or a file, is never replaced', async () => {
    await mkdir(files.path('mine'));
    await writeFile(files.path('mine/thesis.txt'), 'x');
    const overwrite = { overwrite: true };
    expect(await failureOf(withStagedFolder(files.path('mine'), fillRun('x'), overwrite))).toMatch(
      /must be a new or empty folder, or an earlier run, got a folder with other files/,
    );
    await writeFile(files.path('mine/config.json'), '[1]');
    expect(await failureOf(checkFolderTarget(files.path('mine'), overwrite))).toContain(
      'other files',
    );
    await writeFile(files.path('mine/config.json'), 'not json');
    expect(await failureOf(checkFolderTarget(files.path('mine'), overwrite))).toContain(
      'other files',
    );
    const file = await files.put('file', 'x');
    expect(await failureOf(checkFolderTarget(file, overwrite))).toContain('got a file');
    expect(await failureOf(withStagedFolder(`${file}/run`, fillRun('x')))).toMatch(
      /^DataError: run folder: .* must lie in a folder/,
    );
    expect(await readdir(files.path('mine'))).toEqual(['config.json', 'thesis.txt']);
  });

  it.each(['ENOSPC', 'EROFS', 'EACCES'])('error: %s while filling is a DataError', async (code) => {
    const full = withStagedFolder(files.path('full'), () =>
      Promise.reject(Object.assign(new Error(`${code}: refused, write`), { code })),
    );
    expect(await failureOf(full)).toMatch(
      new RegExp(`^DataError: run folder: .*full must .*, got ${code}: refused, write\\.`),
    );
    expect((await files.list()).filter((name) => name.includes('full'))).toEqual([]);
  });
});
