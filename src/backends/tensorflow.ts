import * as tf from '@tensorflow/tfjs';
import { activeBackend, instanceOf } from './registry.js';
import { firstLine, nodeProcess } from './runtime.js';
import type { AbsentBackend, Probe } from './types.js';

/** What detection needs of the machine; tests put their own in its place. */
export interface PackageHost {
  /** Folder of an installed package; undefined when it is not installed. */
  readonly folderOf: (name: string) => string | undefined;
  /** Whether a file whose name matches exists in (a folder below) this folder. */
  readonly hasFile: (folder: string, name: RegExp) => boolean;
  readonly load: (name: string) => Promise<unknown>;
}

/** tfjs-node's backend, as far as detection reads it. */
interface NativeBackend extends tf.KernelBackend {
  readonly isUsingGpuDevice?: boolean;
}

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

const INSTALL_FIX =
  'Run: npm install @tensorflow/tfjs-node (CPU) or npm install @tensorflow/tfjs-node-gpu (Linux, NVIDIA, CUDA 11.2).';

async function nodeHost(): Promise<PackageHost> {
  const [{ createRequire }, { existsSync, readdirSync }, path] = await Promise.all([
    import('node:module'),
    import('node:fs'),
    import('node:path'),
  ]);
  const here = createRequire(import.meta.url);
  return {
    folderOf: (name) => {
      try {
        return path.dirname(here.resolve(`${name}/package.json`));
      } catch {
        return undefined;
      }
    },
    hasFile: (folder, name) =>
      existsSync(folder) &&
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((file) => name.test(file)),
    // Through a variable, so that no bundler tries to follow an optional package.
    load: (name) => import(name) as Promise<unknown>,
  };
}

/**
 * Look for the tensorflow backend: tfjs-node-gpu first, then tfjs-node. Loading one makes it tfjs's
 * active backend as a side effect, so the one that was active before is made active again.
 * @param host Where packages are looked for; for tests.
 */
export async function probeTensorflow(host?: PackageHost): Promise<Probe> {
  if (nodeProcess() === undefined) {
    return absent('it runs in Node only', 'Use the webgpu or wasm backend in a browser.');
  }
  const packages = host ?? (await nodeHost());
  const installed = PACKAGES.flatMap((name) => {
    const folder = packages.folderOf(name);
    return folder === undefined ? [] : [{ name, folder }];
  });
  if (installed.length === 0) {
    return absent(
      'neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed',
      INSTALL_FIX,
    );
  }
  const failures: AbsentBackend[] = [];
  for (const { name, folder } of installed) {
    const probe = await probePackage(packages, name, folder);
    if (probe.available) return probe;
    failures.push(probe);
  }
  return absent(failures.map(({ why }) => why).join('; '), failures[0].fix);
}

async function probePackage(packages: PackageHost, name: string, folder: string): Promise<Probe> {
  const missing = [
    packages.hasFile(`${folder}/lib`, /tfjs_binding\.node$/) ? '' : 'its native binding',
    packages.hasFile(`${folder}/deps`, /(lib)?tensorflow[^/\\]*\.(so|dylib|dll)/)
      ? ''
      : 'libtensorflow',
  ].filter((part) => part !== '');
  if (missing.length > 0) {
    return absent(
      `${name} is installed without ${missing.join(' and ')}: its install script did not run or could not download`,
      `Run: npm rebuild ${name} (needs network; npm must allow its install script).`,
    );
  }
  const before = activeBackend();
  try {
    await packages.load(name);
    return present(name);
  } catch (error) {
    return absent(`${name} fails to load: ${firstLine(error)}`, loadFix(error, name));
  } finally {
    if (before !== undefined && before !== activeBackend()) await tf.setBackend(before);
  }
}

function present(name: string): Probe {
  const backend: NativeBackend | undefined = instanceOf('tensorflow');
  if (backend === undefined) {
    return absent(
      `${name} has registered itself with another copy of tfjs`,
      'Run: npm dedupe, so that @tensorflow/tfjs is there once.',
    );
  }
  const cuda = backend.isUsingGpuDevice === true;
  const cpuOnly = name.endsWith('-gpu')
    ? `${name}, which sees no CUDA device`
    : `${name} on the CPU`;
  return {
    name: 'tensorflow',
    available: true,
    device: cuda ? 'gpu' : 'cpu',
    software: false,
    adapter: cuda ? `CUDA (${name})` : `native CPU (${name})`,
    features: cuda ? ['cuda'] : [],
    why: cuda ? `${name} with a CUDA device` : cpuOnly,
    register: async () => {
      await import('../kernels/tensorflow/register.js');
    },
  };
}

function loadFix(error: unknown, name: string): string {
  const text = String(error);
  if (/isNullOrUndefined|\bisArray\b/.test(text)) {
    return 'tfjs-node 4.22 calls util.isNullOrUndefined, which Node 23 removed: use Node 20 or 22.';
  }
  if (/lib(cuda|cudnn|cublas|cufft|curand|cusolver|cusparse)/.test(text)) {
    return 'Install CUDA 11.2 and cuDNN 8.1 and put them on the loader path (LD_LIBRARY_PATH).';
  }
  return `Run: npm rebuild ${name} --build-addon-from-source (needs a C++ compiler).`;
}

function absent(why: string, fix: string): AbsentBackend {
  return { name: 'tensorflow', available: false, why, fix };
}
