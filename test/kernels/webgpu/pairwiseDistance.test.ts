import * as tf from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { UnsupportedError } from '../../../src/errors.js';
import { pairwiseDistance } from '../../../src/ops/pairwiseDistance.js';
import { PLAIN_METRICS } from '../../support/forms.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { referencePairwise } from '../../reference/pairwiseDistance.js';
import { normalRows } from '../../support/arbitraries.js';
import type { Matrix } from '../../support/arbitraries.js';
import { expectClose } from '../../support/compare.js';
import { distanceTolerance, TOLERANCES } from '../../support/tolerances.js';

/** What the kernel reaches at 2,048 features, of which the shared table allows a multiple. */
const MEASURED = { relative: 8e-7, absolute: 0, reason: 'sums in blocks of 64 features' };

describeOnBackend('webgpu', 'pairwiseDistance kernel on webgpu', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  const distances = async (
    x: Matrix | tf.Tensor,
    y: Matrix | tf.Tensor,
    metric: (typeof PLAIN_METRICS)[number],
  ): Promise<Float32Array> => {
    const result = pairwiseDistance(x, y, { metric });
    const values = (await result.data()) as Float32Array;
    result.dispose();
    return values;
  };

  describe.each(PLAIN_METRICS)('%s', (metric) => {
    it('reference: large tiles with ragged edges, many features', async () => {
      for (const [n, m, d] of [
        [63, 64, 17],
        [65, 33, 64],
        [130, 70, 65],
        [40, 35, 2048],
      ]) {
        const x = normalRows(n, d, n);
        const y = normalRows(m, d, m + 1);
        const tolerance = metric === 'cosine' ? TOLERANCES.cosine : MEASURED;
        const want = referencePairwise(metric, x, y).flat();
        expectClose(await distances(x, y, metric), want, tolerance);
      }
    });

    it('reference: blocks of a batch do not mix in large tiles', async () => {
      const x = [normalRows(70, 5, 1), normalRows(70, 5, 2), normalRows(70, 5, 3)];
      const y = [normalRows(40, 5, 4), normalRows(40, 5, 5), normalRows(40, 5, 6)];
      const result = pairwiseDistance(x, y, { metric });
      const want = x.flatMap((rows, b) => referencePairwise(metric, rows, y[b]).flat());
      expectClose(await result.data(), want, distanceTolerance(metric));
    });

    it('edge: NaN and infinity stay in their rows in large tiles', async () => {
      const x = normalRows(70, 3, 8);
      x[33][1] = NaN;
      x[40][0] = Infinity;
      const d = await distances(x, normalRows(50, 3, 9), metric);
      for (let i = 0; i < 70; i++) {
        for (let j = 0; j < 50; j++) {
          const value = d[i * 50 + j];
          if (i === 33) expect(value).toBeNaN();
          else if (i === 40) expect(Number.isFinite(value)).toBe(false);
          else expect(Number.isFinite(value)).toBe(true);
        }
      }
    });
  });

  it('edge: more than 65,535 workgroups', async () => {
    // 16 x 16 tiles as m is small: 70,000 of them.
    const n = 70_000 * 16;
    const x = tf.range(0, n).reshape([n, 1]);
    const d = await distances(x, [[-1]], 'cityblock');
    expect(d.length).toBe(n);
    const wrong = d.findIndex((value, i) => value !== i + 1);
    expect(wrong).toBe(-1);
    x.dispose();
  });

  it('edge: cosine of huge, tiny and zero rows', async () => {
    const x = [
      [3e38, 0],
      [0, 2e-38],
      [3e-30, 3e-30],
      [0, 0],
    ];
    const d = await distances(x, x, 'cosine');
    const half = 1 - Math.SQRT1_2;
    const want = [0, 1, half, 1, 1, 0, half, 1, half, half, 0, 1, 1, 1, 1, 1];
    expectClose(d, want, TOLERANCES.cosine);
    // Zero rows are a matter of definition, not of rounding.
    expect([d[3], d[7], d[11], d[15]]).toEqual([1, 1, 1, 1]);
  });

  it('edge: cosine of nearly parallel rows keeps its digits', async () => {
    const x = [[1, 0]];
    const y = [[1, Math.fround(1e-3)]];
    const [got] = await distances(x, y, 'cosine');
    const want = referencePairwise('cosine', x, y)[0][0];
    expect(Math.abs(got - want) / want).toBeLessThan(1e-4);
  });

  it('error: a result over the binding limit is named before anything runs', () => {
    const backend = tf.backend();
    if (!(backend instanceof WebGPUBackend)) throw new Error('not the webgpu backend');
    const limit = backend.device.limits.maxStorageBufferBindingSize;
    const n = Math.ceil(Math.sqrt(limit / 4)) + 1;
    const x = tf.zeros([n, 1]);
    const call = (): tf.Tensor => pairwiseDistance(x);
    expect(call).toThrow(UnsupportedError);
    expect(call).toThrow(`pairwiseDistance: the result must take at most the ${limit} bytes`);
    expect(call).toThrow(`got shape [1, ${n}, ${n}]`);
    x.dispose();
  });

  it('memory: the buffers of unit rows are given back', async () => {
    const x = tf.randomNormal([50, 7]);
    await distances(x, x, 'cosine');
    const before = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    await distances(x, x, 'cosine');
    const after = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    expect(after.numBytesInGPU).toBe(before.numBytesInGPU);
    expect(after.numDataBuffers).toBe(before.numDataBuffers);
    x.dispose();
  });
});
