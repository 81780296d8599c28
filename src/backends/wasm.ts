import * as tf from '@tensorflow/tfjs';
import { factoryOf } from './registry.js';
import { firstLine } from './runtime.js';
import type { Probe } from './types.js';

/** Priority that tfjs gives its wasm backend. */
const PRIORITY = 2;

/** tfjs's factory, kept because a module registers it only once, when it is first loaded. */
let factory: ReturnType<typeof factoryOf>;

/** Load tfjs's wasm backend and our kernels for it. */
export async function probeWasm(): Promise<Probe> {
  const before = factoryOf('wasm') !== undefined;
  try {
    if (typeof WebAssembly === 'undefined') throw new Error('this engine has no WebAssembly');
    const { threadInfo } = await import('../kernels/wasm/register.js');
    factory = factoryOf('wasm') ?? factory;
    const simd = Boolean(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'));
    const { threads } = threadInfo();
    return {
      name: 'wasm',
      available: true,
      device: 'cpu',
      software: false,
      adapter: `${simd ? 'SIMD' : 'no SIMD'}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      features: [...(simd ? ['simd'] : []), ...(threads > 1 ? ['threads'] : [])],
      why: 'WebAssembly with our SIMD kernels',
      register: () => {
        registerFactory();
        return Promise.resolve();
      },
    };
  } catch (error) {
    return {
      name: 'wasm',
      available: false,
      why: `the wasm backend does not load: ${firstLine(error)}`,
      fix: 'Reinstall the packages with npm install.',
    };
  } finally {
    // Once registered it would be tfjs's first choice in a program that never asked for it, and fail
    // there, as it starts asynchronously. Looking must not change what the program does.
    if (!before && factoryOf('wasm') !== undefined) tf.removeBackend('wasm');
  }
}

function registerFactory(): void {
  if (factoryOf('wasm') !== undefined || factory === undefined) return;
  tf.registerBackend('wasm', factory, PRIORITY);
}
