import type { BackendName } from '../specs/capabilities.js';
import { probeTensorflow } from './tensorflow.js';
import type { Probe } from './types.js';
import { probeWasm } from './wasm.js';
import { probeWebgpu } from './webgpu.js';

function probeCpu(): Promise<Probe> {
  return Promise.resolve({
    name: 'cpu',
    available: true,
    device: 'cpu',
    software: false,
    adapter: 'plain JavaScript',
    features: [],
    why: 'plain JavaScript, always there',
    register: async () => {
      await import('../kernels/cpu/register.js');
    },
  });
}

/** How to look for each backend. None of these changes which backend is active. */
export const PROBES: Readonly<Record<BackendName, () => Promise<Probe>>> = {
  cpu: probeCpu,
  wasm: probeWasm,
  webgpu: () => probeWebgpu(),
  tensorflow: () => probeTensorflow(),
};
