import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { inspectBackends } from '../../src/backends/doctor.js';
import { PROBES } from '../../src/backends/probes.js';
import { BACKENDS, SPECS } from '../../src/specs/capabilities.js';

/** Raw name of the active backend; asking through tfjs would choose one. */
const active = (): unknown => (tf.engine() as { readonly backendName?: unknown }).backendName;

describe('inspectBackends', () => {
  it('chooses no backend in a program that has none yet, nor registers one to be chosen', async () => {
    expect(active() ?? undefined).toBeUndefined();
    await inspectBackends();
    expect(active() ?? undefined).toBeUndefined();
    expect(Object.keys(tf.engine().registryFactory)).toEqual(['cpu']);
  });

  it('reports every backend, in order, with why or how to mend it', async () => {
    const reports = await inspectBackends();
    expect(reports.map(({ name }) => name)).toEqual([...BACKENDS]);
    for (const { available, device, why, fix, kernels } of reports) {
      expect(why).not.toBe('');
      expect(why).not.toContain('\n');
      expect(device === undefined).toBe(!available);
      expect(fix === undefined).toBe(available);
      const counts = Object.values(kernels ?? {});
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(SPECS.length);
    }
    expect(reports.filter(({ available }) => available).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['cpu', 'wasm']),
    );
  });

  it('leaves the active backend active', async () => {
    await tf.setBackend('cpu');
    const other = async (): ReturnType<typeof PROBES.cpu> => {
      tf.registerBackend('intruder', () => new tf.KernelBackend());
      await tf.setBackend('intruder');
      return PROBES.cpu();
    };
    await inspectBackends({ ...PROBES, webgpu: other });
    expect(tf.getBackend()).toBe('cpu');
  });

  it('reports a probe that throws', async () => {
    const probes = { ...PROBES, webgpu: () => Promise.reject(new Error('driver crashed\nstack')) };
    const report = (await inspectBackends(probes)).find(({ name }) => name === 'webgpu');
    expect(report).toMatchObject({
      available: false,
      why: 'looking for it failed: driver crashed',
    });
  });
});
