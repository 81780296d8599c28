import * as tf from '@tensorflow/tfjs';
import { activeBackend, factoryOf, instanceOf } from './registry.js';
import { firstLine, nodeProcess } from './runtime.js';
import {
  BINDING_PATTERN,
  PACKAGES,
  packageFolder,
  PROVENANCE_PATTERN,
  restoreUtil,
} from './tensorflowPackage.js';
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
  readonly binding?: { readonly TF_Version?: string };
}

const INSTALL_FIX =
  'Run: npm install --ignore-scripts @tensorflow/tfjs-node, then: tfjs-latent setup tensorflow.';
const SETUP_FIX = 'Run: tfjs-latent setup tensorflow.';

async function nodeHost(): Promise<PackageHost> {
  const [{ createRequire }, { existsSync, readdirSync }, path] = await Promise.all([
    import('node:module'),
    import('node:fs'),
    import('node:path'),
  ]);
  const here = createRequire(import.meta.url);
  return {
    folderOf: (name) => packageFolder(here, (file) => path.dirname(file), name),
    hasFile: (folder, name) =>
      existsSync(folder) &&
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((file) => name.test(file)),
    load: (name) => {
      restoreUtil(here('node:util') as Record<string, unknown>);
      // TensorFlow logs what it is and could be on every start; errors are still shown.
      process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
      // CUDA's products of float32 keep 10 bits of each factor otherwise (TF32). Read when it is loaded.
      process.env.NVIDIA_TF32_OVERRIDE ??= '0';
      // Through a variable, so that no bundler tries to follow an optional package.
      return import(name) as Promise<unknown>;
    },
  };
}

/**
 * Look for the tensorflow backend: tfjs-node-gpu first, then tfjs-node. Which backend is active, and which
 * are registered, stays as it was.
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
  const isOurs = packages.hasFile(`${folder}/lib`, PROVENANCE_PATTERN);
  const missing = [
    packages.hasFile(`${folder}/lib`, BINDING_PATTERN) ? '' : 'its native binding',
    // A binding that setup built is linked to a library elsewhere.
    isOurs || packages.hasFile(`${folder}/deps`, /(lib)?tensorflow[^/\\]*\.(so|dylib|dll)/)
      ? ''
      : 'libtensorflow',
  ].filter((part) => part !== '');
  if (missing.length > 0) {
    return absent(
      `${name} is installed without ${missing.join(' and ')}: its install script did not run or could not download`,
      SETUP_FIX,
    );
  }
  const before = activeBackend();
  const wasRegistered = factoryOf('tensorflow') !== undefined;
  try {
    const loaded = await packages.load(name);
    return present(name, backendOf(loaded));
  } catch (error) {
    return absent(`${name} fails to load: ${firstLine(error)}`, loadFix(error));
  } finally {
    // Loading makes it the active backend and tfjs's first choice. Looking must not change that.
    if (!wasRegistered && factoryOf('tensorflow') !== undefined) tf.removeBackend('tensorflow');
    if (before !== undefined && before !== activeBackend()) await tf.setBackend(before);
  }
}

/** Priority that tfjs-node gives its backend. */
const PRIORITY = 3;

/** Backends by the package's module, which registers its own only once, when it is first loaded. */
const backends = new WeakMap<object, NativeBackend>();

function backendOf(loaded: unknown): NativeBackend | undefined {
  const key = typeof loaded === 'object' && loaded !== null ? loaded : undefined;
  const known = key && backends.get(key);
  const backend: NativeBackend | undefined = instanceOf('tensorflow') ?? known;
  if (key !== undefined && backend !== undefined) backends.set(key, backend);
  return backend;
}

function present(name: string, backend: NativeBackend | undefined): Probe {
  if (backend === undefined) {
    return absent(
      `${name} has registered itself with another copy of tfjs`,
      'Run: npm dedupe, so that @tensorflow/tfjs is there once.',
    );
  }
  const cuda = backend.isUsingGpuDevice === true;
  const number = backend.binding?.TF_Version;
  const version = number === undefined ? '' : `, TensorFlow ${number}`;
  const cpuOnly = name.endsWith('-gpu')
    ? `${name}, which sees no CUDA device`
    : `${name} on the CPU`;
  return {
    name: 'tensorflow',
    available: true,
    device: cuda ? 'gpu' : 'cpu',
    software: false,
    adapter: `${cuda ? 'CUDA' : 'native CPU'} (${name}${version})`,
    features: cuda ? ['cuda'] : [],
    why: cuda ? `${name} with a CUDA device` : cpuOnly,
    register: async () => {
      if (factoryOf('tensorflow') === undefined) {
        tf.registerBackend('tensorflow', () => backend, PRIORITY);
      }
      await import('../kernels/tensorflow/register.js');
    },
  };
}

function loadFix(error: unknown): string {
  const text = String(error);
  if (/lib(cuda|cudnn|cublas|cufft|curand|cusolver|cusparse)/.test(text)) {
    return (
      'The published binding needs CUDA 11.2 and cuDNN 8.1 on the loader path (LD_LIBRARY_PATH); for ' +
      'newer drivers run: tfjs-latent setup tensorflow --force --python <Python with "tensorflow[and-cuda]">.'
    );
  }
  if (text.includes('cannot open shared object file')) {
    return 'The library that the binding was built against is gone. Run: tfjs-latent setup tensorflow --force.';
  }
  return 'Run: tfjs-latent setup tensorflow --force.';
}

function absent(why: string, fix: string): AbsentBackend {
  return { name: 'tensorflow', available: false, why, fix };
}
