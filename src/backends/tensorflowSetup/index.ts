import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { DomainError, UnsupportedError } from '../../errors.js';
import { packageFolder, PACKAGES } from '../tensorflowPackage.js';
import { buildBinding } from './binding.js';
import { libraryAt, libraryOfAnyPython, libraryOfPython, SETUP_OP } from './library.js';
import type { TensorflowLibrary } from './library.js';
import { selfTest } from './selfTest.js';
import type { SelfTest } from './selfTest.js';

export interface SetupOptions {
  /** A Python that has the package tensorflow or tensorflow-cpu. */
  readonly python?: string;
  /** A folder with libtensorflow and its headers, in place of a Python. */
  readonly lib?: string;
  /** Build although the installed binding works. */
  readonly force?: boolean;
}

export interface SetupReport {
  /** npm package that holds the backend, and its folder. */
  readonly package: string;
  readonly folder: string;
  /** Whether a binding was built now; false where the one that was there works. */
  readonly built: boolean;
  /** Where libtensorflow was found; undefined where nothing was built. */
  readonly library: string | undefined;
  readonly test: SelfTest;
}

/** Surroundings; tests put their own in their place. */
export interface SetupMachine {
  readonly platform: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Folder of an npm package; undefined when it is not installed. */
  readonly folderOf: (name: string) => string | undefined;
  readonly test: (packageFolder: string) => Promise<SelfTest>;
}

const THIS_MACHINE: SetupMachine = {
  platform: process.platform,
  environment: process.env,
  folderOf: (name) =>
    packageFolder(createRequire(import.meta.url), (file) => path.dirname(file), name),
  test: selfTest,
};

/**
 * Make the tensorflow backend work: use the installed binding where it does, else build it from the
 * sources in the npm package against a libtensorflow that is on the machine (a Python wheel has one).
 *
 * @param say Told of each step as it begins.
 * @throws DomainError, DataError, UnsupportedError with what is missing and the command that mends it.
 */
export async function setupTensorflow(
  options: SetupOptions,
  say: (text: string) => void,
  machine: SetupMachine = THIS_MACHINE,
): Promise<SetupReport> {
  if (options.python !== undefined && options.lib !== undefined) {
    throw new DomainError({
      op: SETUP_OP,
      arg: '--python and --lib',
      expected: 'not be given together',
      got: `${options.python} and ${options.lib}`,
    });
  }
  const found = installedPackage(machine);
  const isNamed = options.python !== undefined || options.lib !== undefined;
  if (!isNamed && options.force !== true && hasBinding(found.folder)) {
    say(`${found.package} has a binding; testing it`);
    try {
      const test = await machine.test(found.folder);
      return { ...found, built: false, library: undefined, test };
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      say(`it does not work (${error.got}); building another`);
    }
  }
  if (machine.platform !== 'linux') {
    throw new UnsupportedError({
      op: SETUP_OP,
      arg: 'the platform',
      expected: 'be Linux, where a wheel of TensorFlow can be linked',
      got: machine.platform,
      fix: `Run: npm rebuild ${found.package}, or use the webgpu or wasm backend.`,
    });
  }
  const library = findLibrary(options, machine);
  say(`libtensorflow: ${library.source}`);
  say(`compiling the binding in ${found.folder}`);
  await buildBinding(found.folder, library, machine.environment);
  say('testing it: matMul, conv2d with gradients, topk');
  const test = await machine.test(found.folder);
  return { ...found, built: true, library: library.source, test };
}

function installedPackage({ folderOf }: SetupMachine): Pick<SetupReport, 'package' | 'folder'> {
  for (const name of PACKAGES) {
    const folder = folderOf(name);
    if (folder !== undefined) return { package: name, folder };
  }
  throw new UnsupportedError({
    op: SETUP_OP,
    arg: PACKAGES.join(' or '),
    expected: 'be installed',
    got: 'neither',
    fix: `Run: npm install --ignore-scripts ${PACKAGES[1]} (its install script needs a host that closed networks do not reach; this command does its work).`,
  });
}

const hasBinding = (folder: string): boolean =>
  existsSync(path.join(folder, 'lib', 'napi-v8', 'tfjs_binding.node'));

function findLibrary({ python, lib }: SetupOptions, machine: SetupMachine): TensorflowLibrary {
  if (lib !== undefined) return libraryAt(lib);
  if (python !== undefined) return libraryOfPython(python);
  return libraryOfAnyPython(machine.environment);
}
