import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { startBackend } from '../../src/backends/start.js';
import type { Machine } from '../../src/backends/start.js';
import type { PresentBackend, Probe } from '../../src/backends/types.js';
import { DomainError, UnsupportedError } from '../../src/errors.js';
import { BACKENDS } from '../../src/specs/capabilities.js';
import type { BackendName } from '../../src/specs/capabilities.js';

/** A backend that can be made active and does nothing. */
class IdleBackend extends tf.KernelBackend {
  override dispose(): void {
    this.disposed = true;
  }
  disposed = false;
}

function present(name: BackendName, fields: Partial<PresentBackend> = {}): Probe {
  return {
    name,
    available: true,
    device: 'cpu',
    software: false,
    adapter: `${name} adapter`,
    features: [],
    why: `${name} found`,
    register: () => {
      if (name !== 'cpu') tf.registerBackend(name, () => new IdleBackend());
      return Promise.resolve();
    },
    ...fields,
  };
}

/** A machine with the given backends and no others. */
function machineWith(...backends: Probe[]): Machine {
  const probeOf = (name: BackendName): Probe =>
    backends.find((backend) => backend.name === name) ?? {
      name,
      available: false,
      why: `${name} is missing`,
      fix: `Install ${name}.`,
    };
  const probes = Object.fromEntries(
    BACKENDS.map((name) => [name, () => Promise.resolve(probeOf(name))]),
  ) as Machine['probes'];
  return { probes, noGpuHardware: () => Promise.resolve(undefined) };
}

const CUDA = present('tensorflow', { device: 'gpu', features: ['cuda'] });
const GPU = present('webgpu', { device: 'gpu' });
const SOFTWARE = present('webgpu', { software: true, why: 'software adapter llvmpipe' });
const NATIVE = present('tensorflow');
const WASM = present('wasm');
const CPU = present('cpu');

describe('startBackend, order when nothing is asked for', () => {
  afterEach(async () => {
    await tf.setBackend('cpu');
    for (const name of ['tensorflow', 'webgpu', 'wasm']) {
      if (name in tf.engine().registryFactory) tf.removeBackend(name);
    }
  });

  it.each([
    ['tensorflow', [CUDA, GPU, WASM, CPU]],
    ['webgpu', [NATIVE, GPU, WASM, CPU]],
    ['wasm', [NATIVE, SOFTWARE, WASM, CPU]],
    ['tensorflow', [NATIVE, SOFTWARE, CPU]],
    ['wasm', [SOFTWARE, WASM, CPU]],
    ['cpu', [SOFTWARE, CPU]],
  ])('takes %s first of those present (case %#)', async (expected, backends) => {
    const started = await startBackend({}, machineWith(...backends));
    expect(started.backend).toBe(expected);
    expect(tf.getBackend()).toBe(expected);
    expect(started.why[started.why.length - 1]).toBe(`${expected}: taken (${expected} found)`);
  });

  it('says in order what was considered and why it was not taken', async () => {
    const { why } = await startBackend({}, machineWith(SOFTWARE, WASM, CPU));
    expect(why).toEqual([
      'tensorflow: not taken, tensorflow is missing',
      'webgpu: not taken as a GPU, software adapter llvmpipe',
      'wasm: taken (wasm found)',
    ]);
  });

  it('passes over a backend that does not start', async () => {
    const broken = present('wasm', {
      register: () => Promise.reject(new Error('no memory\nat 0x0')),
    });
    const { backend, why } = await startBackend({}, machineWith(broken, CPU));
    expect(backend).toBe('cpu');
    expect(why).toContain('wasm: not taken, it does not start: no memory');
  });

  it('does not start a GPU driver where there is no GPU', async () => {
    const machine = machineWith(GPU, CPU);
    const barred = { ...machine, noGpuHardware: () => Promise.resolve('no GPU in this box') };
    const { backend, why } = await startBackend({}, barred);
    expect(backend).toBe('cpu');
    expect(why).toContain('webgpu: not taken, no GPU in this box');
  });

  it('takes a software adapter only when allowed', async () => {
    const { backend, device } = await startBackend(
      { allowSoftware: true },
      machineWith(SOFTWARE, WASM, CPU),
    );
    expect([backend, device]).toEqual(['webgpu', 'cpu']);
  });

  it('requireGpu takes a GPU or throws with everything that was considered', async () => {
    const found = await startBackend({ requireGpu: true }, machineWith(NATIVE, GPU, CPU));
    expect(found.backend).toBe('webgpu');
    const none = startBackend({ requireGpu: true }, machineWith(SOFTWARE, WASM, CPU));
    await expect(none).rejects.toThrow(UnsupportedError);
    await expect(none).rejects.toThrow(
      'startBackend: requireGpu must be met by a backend here, got tensorflow: not taken, ' +
        'tensorflow is missing; webgpu: not taken as a GPU, software adapter llvmpipe. Install tensorflow.',
    );
  });
});

describe('startBackend, asked for a backend', () => {
  it('error: DomainError for an unknown name', async () => {
    const call = startBackend({ prefer: 'metal' });
    await expect(call).rejects.toThrow(DomainError);
    await expect(call).rejects.toThrow(
      "startBackend: prefer must be one of cpu, wasm, webgpu, tensorflow, got 'metal'",
    );
  });

  it('error: UnsupportedError says what to install', async () => {
    const call = startBackend({ prefer: 'webgpu' }, machineWith(CPU));
    await expect(call).rejects.toThrow(UnsupportedError);
    await expect(call).rejects.toThrow(
      "startBackend: prefer must name a backend that runs here, got 'webgpu': webgpu is missing. Install webgpu.",
    );
  });

  it('error: a failing start is thrown, not passed over', async () => {
    const broken = present('wasm', { register: () => Promise.reject(new Error('no memory')) });
    const call = startBackend({ prefer: 'wasm' }, machineWith(broken, CPU));
    await expect(call).rejects.toThrow('no memory');
  });

  it('error: requireGpu refuses a software adapter and a CPU backend', async () => {
    const software = startBackend({ prefer: 'webgpu', requireGpu: true }, machineWith(SOFTWARE));
    await expect(software).rejects.toThrow("got 'webgpu' on a software adapter llvmpipe");
    const cpu = startBackend({ prefer: 'cpu', requireGpu: true }, machineWith(CPU));
    await expect(cpu).rejects.toThrow('requireGpu must be met by a backend here');
  });

  it('error: allowSoftware false refuses a software adapter', async () => {
    const call = startBackend({ prefer: 'webgpu', allowSoftware: false }, machineWith(SOFTWARE));
    await expect(call).rejects.toThrow('allowSoftware must be met by a backend here');
  });

  it('starts, switches and starts again', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    for (const prefer of ['cpu', 'wasm', 'cpu', 'wasm', 'wasm']) {
      const { backend, why } = await startBackend({ prefer });
      expect(backend).toBe(prefer);
      expect(tf.getBackend()).toBe(prefer);
      expect(why).toHaveLength(1);
      expect([...(await tf.square(x).data())]).toEqual([1, 4, 9]);
    }
  });

  it('reports the threads of wasm', async () => {
    const { adapter, features, device } = await startBackend({ prefer: 'wasm' });
    expect(device).toBe('cpu');
    expect(adapter).toMatch(/^SIMD, \d+ threads?$/);
    expect(features).toContain('simd');
  });
});
