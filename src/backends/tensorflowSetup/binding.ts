import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { UnsupportedError } from '../../errors.js';
import { PROVENANCE_FILE } from '../tensorflowPackage.js';
import { SETUP_OP } from './library.js';
import type { TensorflowLibrary } from './library.js';

/** Node-API version that tfjs-node 4.22 looks for on every Node that is supported here. */
const NODE_API = 8;
const SOURCES = ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'] as const;
/** Lines of a compiler's output that an error shows. */
const SHOWN_LINES = 12;

const run = promisify(execFile);

/** The C++ compiler: CXX, else the usual names. */
export function compilers({ CXX }: NodeJS.ProcessEnv): readonly string[] {
  return CXX === undefined || CXX === '' ? ['g++', 'c++', 'clang++'] : [CXX];
}

/** Folder with node_api.h: that of this Node, else of the package node-api-headers. */
export function nodeApiHeaders(): string {
  const beside = path.join(path.dirname(process.execPath), '..', 'include', 'node');
  if (existsSync(path.join(beside, 'node_api.h'))) return beside;
  const here = createRequire(import.meta.url);
  return path.join(path.dirname(here.resolve('node-api-headers/package.json')), 'include');
}

/**
 * Compile tfjs-node's binding against a library, into the place where the package looks for it. An
 * existing binding is replaced only by one that was linked completely.
 * @returns The binding's file.
 */
export async function buildBinding(
  packageFolder: string,
  library: TensorflowLibrary,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const folder = path.join(packageFolder, 'lib', `napi-v${NODE_API}`);
  const file = path.join(folder, 'tfjs_binding.node');
  await mkdir(folder, { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${NODE_API}`],
    ...[`-I${library.include}`, `-I${nodeApiHeaders()}`],
    ...SOURCES.map((source) => path.join(packageFolder, source)),
    ...library.files,
    ...(library.preloaded.length === 0
      ? []
      : ['-Wl,--no-as-needed', '-Wl,--allow-shlib-undefined', ...library.preloaded]),
    // RPATH and not RUNPATH: the search then also holds for what the library itself loads.
    '-Wl,--disable-new-dtags',
    ...library.searchPath.map((dir) => `-Wl,-rpath,${dir}`),
    ...['-o', partial],
  ];
  try {
    await compile(args, environment);
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
  const provenance = {
    library: library.files[0],
    source: library.source,
    tensorflow: library.version ?? null,
    node: process.version,
    date: new Date().toISOString(),
  };
  await writeFile(
    path.join(packageFolder, PROVENANCE_FILE),
    `${JSON.stringify(provenance, null, 2)}\n`,
  );
  return file;
}

async function compile(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const names = compilers(environment);
  for (const name of names) {
    try {
      await run(name, args, { maxBuffer: 2 ** 26 });
      return;
    } catch (error) {
      const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string };
      if (code === 'ENOENT') continue;
      const lines = (stderr ?? String(error)).split('\n').filter((line) => line.trim() !== '');
      const said = lines.filter((line) => /error|undefined|cannot find/.test(line));
      throw new UnsupportedError(
        {
          op: SETUP_OP,
          arg: 'the binding',
          expected: `be compiled by ${name} against this libtensorflow`,
          got: (said.length > 0 ? said : lines).slice(0, SHOWN_LINES).join('\n'),
          fix: 'Versions that were tried are listed in docs/backends.md.',
        },
        { cause: error },
      );
    }
  }
  throw new UnsupportedError({
    op: SETUP_OP,
    arg: 'a C++ compiler',
    expected: 'be installed',
    got: `none of ${names.join(', ')}`,
    fix: 'Install one (Debian, Ubuntu: apt-get install g++), or name it in the environment variable CXX.',
  });
}
