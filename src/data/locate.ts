import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MissingDataError } from '../errors.js';
import { byteStream, openByteSource } from './byteReader.js';
import { NAMED_SETS } from './catalog.js';
import type { CatalogFile, NamedSet, Split } from './catalog.js';
import { downloadSplit } from './download.js';

const OP = 'data';

/** Files of a split, found. */
export interface Located {
  readonly paths: readonly string[];
  readonly source: string;
}

/** Where to look, and for how long. */
export interface LocateOptions {
  readonly dataDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Environment variables; default process.env. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Folder of downloaded data sets: TFJS_LATENT_CACHE, or a folder tfjs-latent in the platform's
 * cache folder (XDG_CACHE_HOME or ~/.cache; ~/Library/Caches on macOS; %LOCALAPPDATA% on Windows).
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const set = (value: string | undefined): value is string => value !== undefined && value !== '';
  if (set(env.TFJS_LATENT_CACHE)) return env.TFJS_LATENT_CACHE;
  if (set(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, 'tfjs-latent');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'tfjs-latent');
  if (process.platform === 'win32' && set(env.LOCALAPPDATA)) {
    return join(env.LOCALAPPDATA, 'tfjs-latent', 'Cache');
  }
  return join(homedir(), '.cache', 'tfjs-latent');
}

/**
 * Find the files of a data set: in `dataDir`, in TFJS_LATENT_DATA, in the cache folder, in an
 * installed npm package, and last by a download into the cache (not when TFJS_LATENT_OFFLINE=1).
 * @throws DataError that names all places tried and how to mend it.
 */
export async function locateSplit(
  set: NamedSet,
  split: Split,
  files: readonly CatalogFile[],
  options: LocateOptions,
): Promise<Located> {
  const env = options.env ?? process.env;
  const tried: string[] = [];
  const cache = cacheFolder(env);
  const places = [
    { label: 'the data folder', dir: options.dataDir },
    { label: 'TFJS_LATENT_DATA', dir: env.TFJS_LATENT_DATA },
    { label: 'the cache', dir: cache },
  ];
  for (const { label, dir } of places) {
    if (dir === undefined || dir === '') {
      tried.push(`${label} (not set)`);
      continue;
    }
    const paths = await findInPlace(set, split, files, dir);
    if (paths !== undefined) return { paths, source: dirname(paths[0]) };
    tried.push(`${label} ${dir} (not there)`);
  }
  if (set.npm !== undefined) {
    const dir = packageFolder(set.npm.name);
    const inside = dir === undefined ? undefined : join(dir, set.npm.folder);
    const paths = inside === undefined ? undefined : await findFiles(inside, files);
    if (paths !== undefined) return { paths, source: `npm package ${set.npm.name}` };
    tried.push(`npm package ${set.npm.name} (${dir === undefined ? 'not installed' : 'no files'})`);
  }
  if (env.TFJS_LATENT_OFFLINE === '1') {
    tried.push('download (switched off by TFJS_LATENT_OFFLINE)');
    throw notFound(set, split, files, tried, await otherSplits(set, split, places));
  }
  const result = await downloadSplit(set, files, join(cache, set.name), options.signal);
  if ('paths' in result) return result;
  tried.push(`download of ${result.url} (${result.reason})`);
  throw notFound(set, split, files, tried, await otherSplits(set, split, places));
}

/** Splits that are in one of the places although the wanted one is not. */
async function otherSplits(
  set: NamedSet,
  split: Split,
  places: readonly { readonly dir: string | undefined }[],
): Promise<string[]> {
  const found: string[] = [];
  for (const [other, files] of Object.entries(set.splits) as [Split, readonly CatalogFile[]][]) {
    if (other === split) continue;
    for (const { dir } of places) {
      if (dir === undefined || dir === '' || found.includes(other)) continue;
      if ((await findInPlace(set, other, files, dir)) !== undefined) found.push(other);
    }
  }
  return found;
}

/** Look into `<dir>/<data set>` and then into `<dir>` itself, for the whole split, then an excerpt. */
async function findInPlace(
  set: NamedSet,
  split: Split,
  files: readonly CatalogFile[],
  dir: string,
): Promise<readonly string[] | undefined> {
  const excerpt = set.excerpts?.[split];
  for (const wanted of excerpt === undefined ? [files] : [files, excerpt]) {
    for (const folder of [...set.folders, '.']) {
      const paths = await findFiles(join(dir, folder), wanted);
      if (paths === undefined) continue;
      if (folder === '.' && (await isOtherSet(set, paths))) continue;
      return paths;
    }
  }
  return undefined;
}

/** The files of a folder, each as it is or with .gz; undefined when one is not there. */
export async function findFiles(
  dir: string,
  files: readonly Pick<CatalogFile, 'name'>[],
): Promise<readonly string[] | undefined> {
  const paths: string[] = [];
  for (const { name } of files) {
    const plain = join(dir, name);
    const path = (await isFile(plain)) ? plain : `${plain}.gz`;
    if (path !== plain && !(await isFile(path))) return undefined;
    paths.push(path);
  }
  return paths;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
}

/**
 * MNIST, Fashion-MNIST and KMNIST use the same file names; in a folder that is not named after the
 * data set, the labels (the small file) tell one from another.
 */
async function isOtherSet(set: NamedSet, paths: readonly string[]): Promise<boolean> {
  if (set.kind !== 'idx') return false;
  const checksum = await sha256Of(paths[paths.length - 1]);
  return NAMED_SETS.some(
    (other) =>
      other !== set &&
      Object.values(other.splits).some((files) => files.some((file) => file.sha256 === checksum)),
  );
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  const stream = byteStream(await openByteSource(OP, path));
  try {
    for await (const chunk of stream) hash.update(chunk as Uint8Array);
  } catch {
    // A file that cannot be read is nobody's; its reader reports what is wrong with it.
    return '';
  }
  return hash.digest('hex');
}

/** Folder of an installed package, seen from the working directory or from this package. */
export function packageFolder(name: string): string | undefined {
  const from = [pathToFileURL(join(process.cwd(), 'noop.js')), import.meta.url];
  for (const base of from) {
    try {
      return dirname(createRequire(base).resolve(`${name}/package.json`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

function notFound(
  set: NamedSet,
  split: Split,
  files: readonly CatalogFile[],
  tried: readonly string[],
  others: readonly string[],
): MissingDataError {
  const names = files.map((file) => file.name).join(', ');
  const install = set.npm === undefined ? '' : `run npm install ${set.npm.name}, or `;
  const there = others.map((other) => ` ${set.name}:${other} is there.`).join('');
  const fix = `${install}put ${names} (each may be .gz) into <folder>/${set.name} and name the folder by --data-dir or TFJS_LATENT_DATA.${there}`;
  const label = Object.keys(set.splits).length > 1 ? `${set.name}:${split}` : set.name;
  return new MissingDataError({
    op: OP,
    arg: label,
    expected: 'be in one of the places for data sets',
    got: `nothing in ${tried.join('; ')}`,
    fix: fix.charAt(0).toUpperCase() + fix.slice(1),
  });
}
