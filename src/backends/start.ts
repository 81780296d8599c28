import * as tf from '@tensorflow/tfjs';
import { DomainError, UnsupportedError } from '../errors.js';
import { BACKENDS } from '../specs/capabilities.js';
import type { BackendName } from '../specs/capabilities.js';
import { PROBES } from './probes.js';
import { firstLine } from './runtime.js';
import type { DeviceKind, PresentBackend, Probe } from './types.js';
import { noGpuHardware } from './webgpuNode.js';

export interface StartOptions {
  /** Name of the backend to start, one of cpu, wasm, webgpu, tensorflow. Default: the best one here. */
  readonly prefer?: string;
  /** Insist on a real GPU. Default false. */
  readonly requireGpu?: boolean;
  /**
   * Whether a software GPU (lavapipe, SwiftShader) will do where a GPU is looked for. Default: only
   * when prefer is 'webgpu' and requireGpu is not set.
   */
  readonly allowSoftware?: boolean;
}

export interface StartedBackend {
  readonly backend: BackendName;
  /** Where the arithmetic runs; a software GPU counts as 'cpu'. */
  readonly device: DeviceKind;
  /** Driver, instruction set or thread count, for people to read. */
  readonly adapter: string | undefined;
  /** Optional abilities that are switched on, e.g. 'subgroups', 'simd', 'threads', 'cuda'. */
  readonly features: readonly string[];
  /** What was considered, in order, and why it was or was not taken. */
  readonly why: readonly string[];
}

/** Looks for backends; tests put their own in place of the machine's. */
export interface Machine {
  readonly probes: Readonly<Record<BackendName, () => Promise<Probe>>>;
  /** Why there can't be a real GPU; undefined when there may be one. */
  readonly noGpuHardware: () => Promise<string | undefined>;
}

const THIS_MACHINE: Machine = { probes: PROBES, noGpuHardware };

/**
 * Order when nothing is asked for: GPUs first, then by speed on the CPU. Our own wasm kernels beat slabs
 * of TensorFlow's products there (docs/backends.md), so native code comes after wasm.
 */
const ORDER: readonly { readonly name: BackendName; readonly device: DeviceKind }[] = [
  { name: 'tensorflow', device: 'gpu' },
  { name: 'webgpu', device: 'gpu' },
  { name: 'wasm', device: 'cpu' },
  { name: 'tensorflow', device: 'cpu' },
  { name: 'cpu', device: 'cpu' },
];

/**
 * Start a tfjs backend, register our kernels for it and make it the active one.
 *
 * Order when nothing is asked for: tensorflow with CUDA, webgpu on a real GPU, wasm, tensorflow on the
 * CPU, cpu. May be called again, to switch; tensors of the other backends stay usable (tfjs moves
 * them when they are needed), except that values on the GPU have to be read with `await data()` first.
 *
 * @param options.prefer Backend to start; nothing else is tried then.
 * @param options.requireGpu Default false.
 * @param options.allowSoftware Whether a GPU emulated on the CPU will do.
 * @returns What was started, and why.
 * @throws DomainError for an unknown name. @throws UnsupportedError when what was asked for is not
 * there, with the command that mends it.
 * @example
 * const { backend, adapter } = await startBackend();
 * await startBackend({ prefer: 'wasm' });
 */
export async function startBackend(
  options: StartOptions = {},
  machine: Machine = THIS_MACHINE,
): Promise<StartedBackend> {
  if (options.prefer !== undefined) {
    return startPreferred(checkName(options.prefer), options, machine);
  }
  return startBest(options, machine);
}

function checkName(prefer: string): BackendName {
  const known = BACKENDS.find((name) => name === prefer);
  if (known !== undefined) return known;
  throw new DomainError({
    op: 'startBackend',
    arg: 'prefer',
    expected: `be one of ${BACKENDS.join(', ')}`,
    got: `'${prefer}'`,
  });
}

async function startPreferred(
  name: BackendName,
  { requireGpu = false, allowSoftware = !requireGpu }: StartOptions,
  machine: Machine,
): Promise<StartedBackend> {
  const probe = await machine.probes[name]();
  if (!probe.available) throw notHere('prefer', `'${name}': ${probe.why}`, probe.fix);
  if (probe.software && !allowSoftware) {
    throw notHere(
      requireGpu ? 'requireGpu' : 'allowSoftware',
      `'${name}' on a ${probe.why}`,
      "Install the GPU's own driver with its Vulkan part, or set allowSoftware.",
    );
  }
  if (requireGpu && !countsAsGpu(probe, allowSoftware)) {
    throw notHere('requireGpu', `'${name}': ${probe.why}`, 'Leave out prefer or requireGpu.');
  }
  await activate(probe);
  return started(probe, [`${name}: taken, as asked for (${probe.why})`]);
}

async function startBest(
  { requireGpu = false, allowSoftware = false }: StartOptions,
  machine: Machine,
): Promise<StartedBackend> {
  const found = new Map<BackendName, Probe>();
  const why: string[] = [];
  const fixes: string[] = [];
  for (const { name, device } of ORDER) {
    if (requireGpu && device === 'cpu') continue;
    const barrier = name === 'webgpu' && !allowSoftware ? await machine.noGpuHardware() : undefined;
    if (barrier !== undefined) {
      why.push(`${name}: not taken, ${barrier}`);
      continue;
    }
    const seen = found.get(name);
    // A backend that is not there was reported at its first place in the order.
    if (seen?.available === false) continue;
    const probe = seen ?? (await machine.probes[name]());
    found.set(name, probe);
    if (!probe.available) {
      why.push(`${name}: not taken, ${probe.why}`);
      fixes.push(probe.fix);
      continue;
    }
    const isGpu = countsAsGpu(probe, allowSoftware);
    if (isGpu !== (device === 'gpu')) {
      if (device === 'gpu') why.push(`${name}: not taken as a GPU, ${probe.why}`);
      continue;
    }
    try {
      await activate(probe);
    } catch (error) {
      why.push(`${name}: not taken, it does not start: ${firstLine(error)}`);
      found.set(name, { name, available: false, why: firstLine(error), fix: '' });
      continue;
    }
    why.push(`${name}: taken (${probe.why})`);
    return started(probe, why);
  }
  throw notHere('requireGpu', why.join('; '), fixes.join(' '));
}

function countsAsGpu({ device, software }: PresentBackend, allowSoftware: boolean): boolean {
  return device === 'gpu' || (software && allowSoftware);
}

async function activate(probe: PresentBackend): Promise<void> {
  await probe.register();
  if (!(await tf.setBackend(probe.name))) throw new Error('tfjs could not initialise it');
  await tf.ready();
}

function started(
  { name, device, adapter, features }: PresentBackend,
  why: readonly string[],
): StartedBackend {
  return { backend: name, device, adapter, features, why };
}

function notHere(arg: string, got: string, fix: string): UnsupportedError {
  const expected = arg === 'prefer' ? 'name a backend that runs here' : 'be met by a backend here';
  return new UnsupportedError({ op: 'startBackend', arg, expected, got, fix });
}
