import { mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PendingFile } from '../../src/data/atomicFile.js';
import { writeFileAtomic } from '../../src/data/index.js';
import { failureOf, useTempFolder } from './files.js';

const files = useTempFolder();

describe('writeFileAtomic', () => {
  it('golden: writes, replaces, and leaves no temporary file', async () => {
    const path = files.path('a.txt');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, Uint8Array.of(116, 119, 111));
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await files.list()).toEqual(['a.txt']);
  });

  it('property: the old file stands until the new one is committed', async () => {
    const path = files.path('a.txt');
    await writeFileAtomic(path, 'old');
    const pending = await PendingFile.open(path);
    await pending.append('new');
    expect(await readFile(path, 'utf8')).toBe('old');
    await pending.abort();
    await pending.abort();
    expect(await files.list()).toEqual(['a.txt']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('golden: a link is written through', async () => {
    const path = await files.put('real.txt', 'old');
    await symlink(path, files.path('link.txt'));
    await writeFileAtomic(files.path('link.txt'), 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
  });

  it.runIf(existsSync('/dev/null'))('golden: a device is written to, not replaced', async () => {
    await writeFileAtomic('/dev/null', 'gone');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it.runIf(existsSync('/dev/full'))('error: a full disk', async () => {
    expect(await failureOf(writeFileAtomic('/dev/full', 'x'))).toMatch(
      /^DataError: write: \/dev\/full must have room left on its disk, got ENOSPC/,
    );
  });

  it('error: a folder, a missing folder, a file as folder', async () => {
    await mkdir(files.path('dir'));
    expect(await failureOf(writeFileAtomic(files.path('dir'), 'x'))).toContain('got a folder');
    expect(await failureOf(writeFileAtomic(files.path('no/a.txt'), 'x'))).toMatch(
      /^DataError: write: .*no\/a\.txt must exist, got ENOENT/,
    );
    const inside = `${await files.put('f', 'x')}/a.txt`;
    expect(await failureOf(writeFileAtomic(inside, 'x'))).toContain('must lie in a folder');
  });
});
