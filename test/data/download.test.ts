import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CatalogFile, NamedSet } from '../../src/data/catalog.js';
import { downloadSplit } from '../../src/data/download.js';
import { failureOf, idxBytes, useTempFolder } from './files.js';

const files = useTempFolder();
const images = idxBytes([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
const sha256 = createHash('sha256').update(images).digest('hex');

/** One entry of a tar archive. */
function tarEntry(name: string, data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(data.length.toString(8).padStart(11, '0'), 124);
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

const tar = Buffer.concat([
  tarEntry('set/readme.html', Buffer.from('hello')),
  tarEntry('set/a.bin', Buffer.alloc(700, 1)),
  tarEntry('set/b.bin', Buffer.alloc(512, 2)),
  Buffer.alloc(1024),
]);

const SERVED: Readonly<Record<string, Uint8Array>> = {
  '/x-idx3-ubyte.gz': gzipSync(images),
  '/cut-idx3-ubyte.gz': gzipSync(images).subarray(0, 20),
  '/set.tar.gz': gzipSync(tar),
  '/short.tar.gz': gzipSync(tar.subarray(0, 1700)),
};

let server: Server;
let base = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? '';
    if (!Object.hasOwn(SERVED, path)) {
      response.writeHead(404).end('no such file');
    } else if (path.startsWith('/cut')) {
      response.writeHead(200, { 'content-length': 1000 }).write(SERVED[path]);
      response.destroy();
    } else response.writeHead(200).end(SERVED[path]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const set = (archive?: NamedSet['archive']): NamedSet => ({
  name: 'toy',
  kind: 'idx',
  splits: {},
  folders: ['toy'],
  ...(archive === undefined ? {} : { archive }),
});

const get = (name: string, folder: string, more: Partial<CatalogFile> = {}): Promise<unknown> =>
  downloadSplit(set(), [{ name, url: `${base}/${name}.gz`, ...more }], files.path(folder));

describe('downloadSplit', () => {
  it('golden: a file with the right checksum and dimensions appears, and nothing else', async () => {
    const result = await get('x-idx3-ubyte', 'ok/deep', { sha256, shape: [2, 2, 2] });
    const path = files.path('ok/deep/x-idx3-ubyte.gz');
    expect(result).toMatchObject({ paths: [path] });
    expect(await readdir(files.path('ok/deep'))).toEqual(['x-idx3-ubyte.gz']);
    expect(new Uint8Array(await readFile(path))).toEqual(
      new Uint8Array(SERVED['/x-idx3-ubyte.gz']),
    );
  });

  it('error: a wrong checksum or other dimensions leave nothing', async () => {
    const wrong = '0'.repeat(64);
    expect(await failureOf(get('x-idx3-ubyte', 'bad', { sha256: wrong }))).toMatch(
      new RegExp(`^DataError: download: x-idx3-ubyte from .* must have sha256 ${wrong}.*${sha256}`),
    );
    expect(await failureOf(get('x-idx3-ubyte', 'bad', { shape: [3, 2, 2] }))).toContain(
      'must have dimensions [3, 2, 2], got [2, 2, 2]',
    );
    expect(await failureOf(get('x-idx3-ubyte', 'bad', { bytes: 5 }))).toContain(
      'must have 5 bytes',
    );
    expect(await readdir(files.path('bad'))).toEqual([]);
  });

  it('golden: no answer, a refusal, and a lost connection are reported as reasons', async () => {
    expect(await get('gone', 'r')).toEqual({
      url: `${base}/gone.gz`,
      reason: 'the server answered 404 Not Found',
    });
    expect(await get('cut-idx3-ubyte', 'r')).toMatchObject({ url: `${base}/cut-idx3-ubyte.gz` });
    const closed = { name: 'x', url: 'http://127.0.0.1:1/x.gz' };
    expect(await downloadSplit(set(), [closed], files.path('r'))).toMatchObject({
      reason: expect.stringMatching(/ECONNREFUSED|bad port/) as string,
    });
    expect(await readdir(files.path('r'))).toEqual([]);
  });

  it('golden: files out of a tar archive', async () => {
    const wanted = [
      { name: 'a.bin', bytes: 700 },
      { name: 'b.bin', bytes: 512 },
    ];
    const from = (name: string, folder: string, list: CatalogFile[]): Promise<unknown> =>
      downloadSplit(set({ url: `${base}/${name}`, folder: 'set/' }), list, files.path(folder));
    await from('set.tar.gz', 'tar', wanted);
    expect((await readdir(files.path('tar'))).sort()).toEqual(['a.bin', 'b.bin']);
    expect(new Uint8Array(await readFile(files.path('tar/b.bin')))).toEqual(
      new Uint8Array(512).fill(2),
    );
    expect(await failureOf(from('short.tar.gz', 'tar2', wanted))).toContain('(truncated)');
    expect(await failureOf(from('set.tar.gz', 'tar2', [{ name: 'c.bin' }]))).toContain(
      'no set/c.bin',
    );
    expect(await readdir(files.path('tar2'))).toEqual([]);
  });

  it('error: a stop signal leaves nothing', async () => {
    const file = { name: 'x', url: `${base}/x-idx3-ubyte.gz` };
    const signal = AbortSignal.abort();
    const stopped = downloadSplit(set(), [file], files.path('stop'), signal);
    expect(await failureOf(stopped)).toContain('AbortError');
    expect(await readdir(files.path('stop'))).toEqual([]);
  });
});
