import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../errors.js';
import type { GuardedWebGPUBackend } from './guardedBackend.js';
import { factoryOf, instanceOf } from './registry.js';
import { nodeProcess } from './runtime.js';
import type { Probe } from './types.js';
import { findGpu } from './webgpuNode.js';
import type { GpuEntry } from './webgpuNode.js';

/** Features that we or tfjs make use of, requested where the adapter has them. */
const FEATURES = ['bgra8unorm-storage', 'shader-f16', 'subgroups', 'timestamp-query'] as const;

/**
 * Dispatches that tfjs submits together. A submission takes a driver .1 ms to 2 ms (seen in a virtual machine
 * with an H100), more than 15 small dispatches do; another number than tfjs's is the user's and stays.
 */
const SUBMIT_FLAG = 'WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE';
const [THEIR_DISPATCHES, DISPATCHES] = [15, 64];

const NO_ADAPTER_FIX =
  "Install the GPU's driver with its Vulkan part (Linux: also libvulkan1), or for tests the software " +
  'driver: Mesa 25 (package mesa-vulkan-drivers; on Debian 12 from bookworm-backports).';

/** The backend that we started, as long as it is the one registered with tfjs. */
let running: GuardedWebGPUBackend | undefined;

/** Look for a WebGPU adapter. */
export async function probeWebgpu(find: () => Promise<GpuEntry> = findGpu): Promise<Probe> {
  const entry = await find();
  if (entry.gpu === undefined) {
    return { name: 'webgpu', available: false, why: entry.why, fix: entry.fix };
  }
  const { gpu, install } = entry;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    const node = nodeProcess() !== undefined;
    return {
      name: 'webgpu',
      available: false,
      why: node ? 'no GPU adapter: no Vulkan, Metal or Direct3D 12 driver found' : 'no GPU adapter',
      fix: node ? NO_ADAPTER_FIX : 'Turn on hardware acceleration in the settings of the browser.',
    };
  }
  const { info } = adapter;
  const software = isSoftware(info);
  const description = describeAdapter(info);
  return {
    name: 'webgpu',
    available: true,
    device: software ? 'cpu' : 'gpu',
    software,
    adapter: software ? `software: ${description}` : description,
    features: featuresOf(adapter),
    why: `${software ? 'software adapter' : 'GPU adapter'} ${description}`,
    register: async () => {
      install();
      await register(gpu);
      await import('../kernels/webgpu/register.js');
    },
  };
}

type AdapterInfo = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'> & {
  readonly isFallbackAdapter?: boolean;
};

/** Whether an adapter runs on the CPU (lavapipe, SwiftShader, WARP ...). */
export function isSoftware(info: AdapterInfo): boolean {
  const words = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return (
    info.isFallbackAdapter === true ||
    /\b(llvmpipe|lavapipe|swiftshader|software|basic render)/i.test(words)
  );
}

/** A name for people: the driver's text, and the device where the text does not hold it. */
export function describeAdapter({
  vendor,
  architecture,
  device,
  description,
}: AdapterInfo): string {
  if (description === '') return device === '' ? `${vendor} ${architecture}`.trim() : device;
  const known = description.toLowerCase().includes(device.toLowerCase().slice(0, 8));
  return known ? description : `${device}, ${description}`;
}

/** Put our device and backend under the name 'webgpu'. Does nothing when it is there and alive. */
async function register(gpu: GPU): Promise<void> {
  const registered = instanceOf('webgpu');
  if (running !== undefined && registered === running && running.guard.lost === undefined) return;
  if (registered !== undefined && registered !== running && registered.numDataIds() > 0) {
    throw new UnsupportedError({
      op: 'startBackend',
      arg: 'webgpu',
      expected: 'be started before any tensor lives on it',
      got: `a webgpu backend with ${registered.numDataIds()} tensors, started elsewhere`,
      fix: 'Call startBackend first thing in the program.',
    });
  }
  const { GuardedWebGPUBackend } = await import('./guardedBackend.js');
  // An adapter gives one device only, so the one that was looked at is not used again.
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new Error('the GPU adapter is gone');
  const device = await adapter.requestDevice({
    // The names that TypeScript knows depend on which copies of WebGPU's types are installed.
    requiredFeatures: featuresOf(adapter) as GPUFeatureName[],
    requiredLimits: limitsOf(adapter),
  });
  const backend = new GuardedWebGPUBackend(device, adapter.info);
  // tfjs registers a factory of its own, which asks for few features and reports no errors.
  if (factoryOf('webgpu') !== undefined) tf.removeBackend('webgpu');
  tf.registerBackend('webgpu', () => backend, 3);
  const batch = tf.env().getNumber(SUBMIT_FLAG);
  if (batch === THEIR_DISPATCHES && !isSoftware(adapter.info)) {
    tf.env().set(SUBMIT_FLAG, DISPATCHES);
  }
  running = backend;
}

function featuresOf({ features }: GPUAdapter): string[] {
  return FEATURES.filter((feature) => features.has(feature));
}

/** All limits of the adapter: the defaults of a device are far lower. */
function limitsOf(adapter: GPUAdapter): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[name] = value;
  }
  return limits;
}
