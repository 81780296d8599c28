import { firstLine, isMissingPackage, nodeProcess } from './runtime.js';

/** The part of the npm package `webgpu` (Dawn) that is used. */
export interface DawnModule {
  readonly create: (options: string[]) => GPU;
  readonly globals: object;
}

/** A WebGPU entry point, or why there is none. */
export type GpuEntry =
  | { readonly gpu: GPU; readonly install: () => void }
  | { readonly gpu: undefined; readonly why: string; readonly fix: string };

/** Files of which a Linux machine has at least one when it has a GPU that a process may use. */
const GPU_DEVICE_FILES = [
  '/dev/dri',
  '/dev/nvidiactl',
  '/dev/kfd',
  '/dev/dxg',
  '/dev/mali0',
  '/dev/kgsl-3d0',
] as const;

const importDawn = async (): Promise<DawnModule> => await import('webgpu');
let dawn: { readonly gpu: GPU; readonly globals: DawnModule['globals'] } | undefined;

/**
 * WebGPU of this process: what `navigator.gpu` already offers (a browser, or whatever the program
 * has put there), else Dawn from the npm package `webgpu`.
 * @param load Where Dawn comes from; for tests.
 */
export async function findGpu(load: () => Promise<DawnModule> = importDawn): Promise<GpuEntry> {
  const present = navigatorObject()?.gpu;
  if (present !== undefined) return { gpu: present, install: () => undefined };
  if (nodeProcess() === undefined) {
    return {
      gpu: undefined,
      why: 'this browser has no navigator.gpu',
      fix: 'Use a browser with WebGPU, on a page served by https or from localhost.',
    };
  }
  try {
    dawn ??= await startDawn(load);
  } catch (error) {
    return { gpu: undefined, ...explainDawn(error) };
  }
  const { gpu, globals } = dawn;
  return { gpu, install: () => installGpu(gpu, globals) };
}

async function startDawn(load: () => Promise<DawnModule>): Promise<NonNullable<typeof dawn>> {
  const { create, globals } = await load();
  return { gpu: create([]), globals };
}

function explainDawn(error: unknown): { why: string; fix: string } {
  if (isMissingPackage(error, 'webgpu')) {
    return { why: 'the package webgpu is not installed', fix: 'Run: npm install webgpu' };
  }
  return {
    why: `the package webgpu does not load: ${firstLine(error)}`,
    fix: 'It ships binaries for Linux (glibc, x64 and arm64), macOS and Windows; reinstall it with npm install webgpu.',
  };
}

function navigatorObject(): { gpu?: GPU } | undefined {
  return (globalThis as { readonly navigator?: { gpu?: GPU } }).navigator;
}

/** Make WebGPU visible to tfjs, which looks for it on globals; what is there already stays. */
function installGpu(gpu: GPU, globals: DawnModule['globals']): void {
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) {
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
  }
  const holder = navigatorObject() ?? {};
  if (holder.gpu === undefined) {
    Object.defineProperty(holder, 'gpu', { value: gpu, configurable: true, writable: true });
  }
  if (navigatorObject() === undefined) {
    Object.defineProperty(globalThis, 'navigator', {
      value: holder,
      configurable: true,
      writable: true,
    });
  }
}

/**
 * Why this machine can't have a real GPU, found without starting a driver (which takes time and, with
 * no driver, prints warnings); undefined when it may have one.
 */
export async function noGpuHardware(): Promise<string | undefined> {
  if (nodeProcess()?.platform !== 'linux') return undefined;
  const { existsSync } = await import('node:fs');
  if (GPU_DEVICE_FILES.some((path) => existsSync(path))) return undefined;
  return `no GPU on this machine (none of ${GPU_DEVICE_FILES.slice(0, 4).join(', ')} exists)`;
}
