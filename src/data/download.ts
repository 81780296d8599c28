import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { DataError } from '../errors.js';
import { formatShape } from '../util/shape.js';
import { openArrayFile } from './arrayFile.js';
import { asReadError, byteStream, openByteSource } from './byteReader.js';
import type { CatalogFile, NamedSet } from './catalog.js';
import { withFileErrors } from './fileErrors.js';
import { extractTar } from './tar.js';

const OP = 'download';

/** Files in the cache, or why they could not be fetched. */
export type DownloadResult =
  | { readonly paths: readonly string[]; readonly source: string }
  | { readonly url: string; readonly reason: string };

/** Raised when the server cannot be reached or refuses; the caller says what else was tried. */
class Unreachable extends Error {
  constructor(
    readonly url: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Fetch the files of a split from the data set's own site into a folder. A file appears under its
 * name only after its checksum (where known) and its structure were found right.
 * @returns the paths, or the address and the reason when the site does not answer or the folder
 *   cannot be made.
 * @throws DataError when what came is not what is known of the file, or it cannot be written.
 */
export async function downloadSplit(
  set: NamedSet,
  files: readonly CatalogFile[],
  folder: string,
  signal?: AbortSignal,
): Promise<DownloadResult> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    return { url: set.archive?.url ?? files[0].url ?? set.name, reason: reasonOf(error) };
  }
  try {
    const paths =
      set.archive === undefined
        ? await downloadFiles(files, folder, signal)
        : await downloadArchive(set.archive, files, folder, signal);
    return { paths, source: `download into ${folder}` };
  } catch (error) {
    if (error instanceof Unreachable) return { url: error.url, reason: error.message };
    throw error;
  }
}

async function downloadFiles(
  files: readonly CatalogFile[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const paths: string[] = [];
  for (const file of files) {
    const { url } = file;
    if (url === undefined) throw new Unreachable(file.name, 'no address is known');
    const path = join(folder, basename(new URL(url).pathname));
    const temporary = temporaryName(path);
    try {
      await fetchTo(url, temporary, signal);
      await verify(file, temporary, url);
      await withFileErrors(OP, path, () => rename(temporary, path));
    } finally {
      await rm(temporary, { force: true });
    }
    paths.push(path);
  }
  return paths;
}

async function downloadArchive(
  archive: NonNullable<NamedSet['archive']>,
  files: readonly CatalogFile[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const packed = temporaryName(join(folder, basename(archive.url)));
  const unpacked = new Map<string, string>();
  try {
    await fetchTo(archive.url, packed, signal);
    for (const { name } of files) {
      unpacked.set(`${archive.folder}${name}`, temporaryName(join(folder, name)));
    }
    await extractTar(packed, unpacked, signal);
    const paths: string[] = [];
    for (const file of files) {
      const temporary = unpacked.get(`${archive.folder}${file.name}`);
      if (temporary === undefined) continue;
      await verify(file, temporary, archive.url);
      const path = join(folder, file.name);
      await withFileErrors(OP, path, () => rename(temporary, path));
      paths.push(path);
    }
    return paths;
  } finally {
    await Promise.all([packed, ...unpacked.values()].map((path) => rm(path, { force: true })));
  }
}

function temporaryName(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.part`;
}

async function fetchTo(url: string, path: string, signal: AbortSignal | undefined): Promise<void> {
  let response: Response;
  try {
    // identity: what is stored must be the file itself, not a transfer encoding of it.
    const headers = { 'accept-encoding': 'identity' };
    response = await fetch(url, { headers, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw new Unreachable(url, reasonOf(error));
  }
  const { body } = response;
  if (!response.ok || body === null) {
    throw new Unreachable(
      url,
      `the server answered ${response.status} ${response.statusText}`.trim(),
    );
  }
  const incoming = Readable.fromWeb(body as ReadableStream<Uint8Array>);
  let lost: unknown;
  incoming.on('error', (error) => (lost = error));
  try {
    await withFileErrors(OP, path, () =>
      pipeline(incoming, createWriteStream(path, { flags: 'wx' }), { signal }),
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (lost !== undefined && lost === error) throw new Unreachable(url, reasonOf(error));
    throw error;
  }
}

/** The cause of a failed fetch; undici hides it one level down. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const inner = cause instanceof Error ? (cause as NodeJS.ErrnoException) : undefined;
  return inner === undefined ? message : (inner.code ?? inner.message);
}

async function verify(file: CatalogFile, path: string, url: string): Promise<void> {
  const fail = (expected: string, got: string): DataError =>
    new DataError({
      op: OP,
      arg: `${file.name} from ${url}`,
      expected,
      got,
      fix: 'Nothing was kept. Try again, or fetch the file by hand and name its folder.',
    });
  const { hash, bytes } = await digest(path);
  if (file.sha256 !== undefined && hash !== file.sha256) {
    throw fail(`have sha256 ${file.sha256} once decompressed`, hash);
  }
  if (file.bytes !== undefined && bytes !== file.bytes) {
    throw fail(`have ${file.bytes} bytes`, String(bytes));
  }
  if (file.shape === undefined) return;
  const { shape, dataOffset, count, rowSize, type } = await openArrayFile(path, 'idx');
  if (formatShape(shape) !== formatShape(file.shape)) {
    throw fail(`have dimensions ${formatShape(file.shape)}`, formatShape(shape));
  }
  const size = dataOffset + count * rowSize * type.bytes;
  if (bytes !== size) throw fail(`have ${size} bytes once decompressed`, String(bytes));
}

/** sha256 and number of the decompressed bytes; the CRC of gzip is checked on the way. */
async function digest(path: string): Promise<{ hash: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of byteStream(await openByteSource(OP, path))) {
      hash.update(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).length;
    }
  } catch (error) {
    throw asReadError(OP, path, error);
  }
  return { hash: hash.digest('hex'), bytes };
}
