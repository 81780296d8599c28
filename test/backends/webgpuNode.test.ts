import { afterEach, describe, expect, it, vi } from 'vitest';
import { describeAdapter, isSoftware, probeWebgpu } from '../../src/backends/webgpu.js';
import { findGpu } from '../../src/backends/webgpuNode.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

const adapter = (fields: Partial<Parameters<typeof isSoftware>[0]>) => ({
  vendor: '',
  architecture: '',
  device: '',
  description: '',
  ...fields,
});

describe('findGpu', () => {
  it('names the package that is missing', async () => {
    const missing = Object.assign(new Error("Cannot find package 'webgpu' imported from x"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    expect(await findGpu(() => Promise.reject(missing))).toEqual({
      gpu: undefined,
      why: 'the package webgpu is not installed',
      fix: 'Run: npm install webgpu',
    });
  });

  it('reports a package that does not load', async () => {
    const entry = await findGpu(() => Promise.reject(new Error('GLIBC_2.38 not found\nstack')));
    expect(entry).toMatchObject({
      why: 'the package webgpu does not load: GLIBC_2.38 not found',
    });
  });

  it('uses the WebGPU that the program already has', async () => {
    const gpu = { requestAdapter: () => Promise.resolve(null) };
    vi.stubGlobal('navigator', { gpu });
    const entry = await findGpu(() => Promise.reject(new Error('must not be loaded')));
    expect(entry.gpu).toBe(gpu);
    const probe = await probeWebgpu(() => Promise.resolve(entry));
    expect(probe).toMatchObject({ available: false });
    expect(probe.available ? '' : probe.fix).toContain('mesa-vulkan-drivers');
  });
});

describe('adapters', () => {
  it.each([
    [{ isFallbackAdapter: true }],
    [{ architecture: 'swiftshader' }],
    [{ architecture: 'software', vendor: 'mesa' }],
    [{ description: 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6) 0.0.1' }],
    [{ device: 'Microsoft Basic Render Driver' }],
  ])('%j is software', (fields) => {
    expect(isSoftware(adapter(fields))).toBe(true);
  });

  it.each([
    [{ vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA: 550.54.15 550.54.15' }],
    [{ vendor: 'intel', architecture: 'xe-lpg', isFallbackAdapter: false }],
    [{ vendor: 'apple', architecture: 'metal-3', device: 'Apple M2' }],
  ])('%j is a GPU', (fields) => {
    expect(isSoftware(adapter(fields))).toBe(false);
  });

  it('describes an adapter by what the driver gives', () => {
    expect(describeAdapter(adapter({ vendor: 'apple', architecture: 'metal-3' }))).toBe(
      'apple metal-3',
    );
    expect(describeAdapter(adapter({ device: 'Apple M2' }))).toBe('Apple M2');
    expect(describeAdapter(adapter({ device: 'NVIDIA H100', description: 'driver 550.54' }))).toBe(
      'NVIDIA H100, driver 550.54',
    );
    expect(
      describeAdapter(adapter({ device: 'llvmpipe-llvm-15', description: 'llvmpipe: Mesa' })),
    ).toBe('llvmpipe: Mesa');
  });
});
