import { mkdir, readFile, readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import { siblingName } from './atomicFile.js';
import { systemCode, withFileErrors } from './fileErrors.js';

const OP = 'run folder';

/** Name of the file that makes a folder a run folder. */
export const CONFIG_FILE = 'config.json';

/** What may happen to a folder that is there already. */
export interface OverwriteOptions {
  /** Replace an earlier run. Default false. A folder that is not a run is never replaced. */
  readonly overwrite?: boolean;
}

/** What stands under a name. */
type Found = 'nothing' | 'empty folder' | 'run folder' | 'other folder' | 'file';

async function lookAt(dir: string): Promise<Found> {
  const facts = await stat(dir).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (facts === undefined) return 'nothing';
  if (!facts.isDirectory()) return 'file';
  if ((await readdir(dir)).length === 0) return 'empty folder';
  return (await isRunFolder(dir)) ? 'run folder' : 'other folder';
}

async function isRunFolder(dir: string): Promise<boolean> {
  const text = await readFile(join(dir, CONFIG_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  try {
    const config: unknown = JSON.parse(text);
    return typeof config === 'object' && config !== null && 'model' in config;
  } catch {
    return false;
  }
}

/**
 * Find out whether withStagedFolder would accept a folder, before the work whose result goes there.
 * @throws DataError when the name is taken by a file, by a folder that is not a run, or by a run
 *   that may not be replaced.
 */
export async function checkFolderTarget(
  dir: string,
  { overwrite = false }: OverwriteOptions = {},
): Promise<void> {
  const found = await withFileErrors(OP, dir, () => lookAt(dir));
  const fail = (expected: string, got: string, fix: string): DataError =>
    new DataError({ op: OP, arg: dir, expected, got, fix });
  if (found === 'file') throw fail('be a folder', 'a file', 'Choose another name.');
  if (found === 'other folder') {
    const rule = 'be a new or empty folder, or an earlier run';
    throw fail(rule, 'a folder with other files', 'Choose another folder.');
  }
  if (found === 'run folder' && !overwrite) {
    const fix = 'Choose another folder or allow it to be replaced (overwrite).';
    throw fail('not hold a run already', 'an earlier run', fix);
  }
}

/**
 * Fill a folder so that it appears complete under its name or not at all. `fill` gets a temporary
 * folder next to it, which is renamed when `fill` is done and removed when it fails. An earlier run
 * is moved aside just before, brought back when the rename fails, and removed after it.
 *
 * @param dir The folder to make; missing parents are made too.
 * @param fill Writes the files into the folder that it is given.
 * @param options `overwrite`: replace an earlier run (default false).
 * @throws DataError when the folder may not be replaced (see checkFolderTarget), and for a full or
 *   read-only disk; whatever else `fill` throws.
 */
export async function withStagedFolder(
  dir: string,
  fill: (staged: string) => Promise<void>,
  options: OverwriteOptions = {},
): Promise<void> {
  await checkFolderTarget(dir, options);
  // Through a link the folder itself is replaced, not the link.
  const target = await realpath(dir).catch(() => resolve(dir));
  const parent = dirname(target);
  const staged = siblingName(target, 'staged');
  const made = await withFileErrors(OP, dir, () => mkdir(parent, { recursive: true }));
  try {
    await withFileErrors(OP, dir, async () => {
      await mkdir(staged);
      await fill(staged);
      await swapIn(staged, target);
    });
  } catch (error) {
    await rm(staged, { recursive: true, force: true });
    if (made !== undefined) await removeEmptyParents(parent, made);
    throw error;
  }
}

async function swapIn(staged: string, target: string): Promise<void> {
  const aside = siblingName(target, 'old');
  const isReplaced = await rename(target, aside).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(staged, target);
  } catch (error) {
    if (isReplaced) await rename(aside, target);
    throw error;
  }
  if (isReplaced) await rm(aside, { recursive: true, force: true });
}

/** Take back the parents that were made, from the innermost to `first`, while they are empty. */
async function removeEmptyParents(parent: string, first: string): Promise<void> {
  for (let folder = parent; folder.length >= first.length; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      // Something else lives there now; it stays.
      return;
    }
  }
}
