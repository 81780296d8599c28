import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { knnSpec } from '../../../src/specs/knn.js';
import type { KnnAttrs } from '../../../src/specs/knn.js';
import { runKernel } from '../../../src/specs/spec.js';
import { referenceKnn } from '../../reference/knn.js';
import { referenceDistance } from '../../reference/pairwiseDistance.js';
import { expectNeighbours } from '../../support/compare.js';
import { formOf, PLAIN_METRICS } from '../../support/forms.js';
import type { PlainMetric } from '../../support/forms.js';
import { expectNoLeak } from '../../support/leaks.js';
import { distanceTolerance } from '../../support/tolerances.js';
import { normals, rowsOf, startWasm, valuesOf } from './start.js';

interface Found {
  readonly distances: number[];
  readonly indices: number[];
}

interface Call extends Pick<KnnAttrs, 'k' | 'selfOffset'> {
  readonly metric: PlainMetric;
}

/** Neighbours of n queries among m points by the kernel. */
async function neighbours(
  queries: Float32Array,
  points: Float32Array,
  d: number,
  call: Call,
  batch = 1,
): Promise<Found> {
  const [distances, indices] = tf.tidy(() => {
    const rows = (values: Float32Array): tf.Tensor3D =>
      tf.tensor3d(values, [batch, values.length / d / batch, d]);
    const { metric, k, selfOffset } = call;
    const attrs = { form: formOf(metric), k, selfOffset, mode: 'exact', resident: false } as const;
    return runKernel(knnSpec, { queries: rows(queries), points: rows(points) }, attrs);
  });
  expect(indices.dtype).toBe('int32');
  return { distances: await valuesOf(distances), indices: await valuesOf(indices) };
}

async function expectOracle(
  queries: Float32Array,
  points: Float32Array,
  d: number,
  attrs: Call,
): Promise<void> {
  const got = await neighbours(queries, points, d, attrs);
  const q = rowsOf(queries, queries.length / d, d);
  const p = rowsOf(points, points.length / d, d);
  const want = referenceKnn(attrs.metric, q, p, attrs.k, { selfOffset: attrs.selfOffset });
  const distanceOf = (i: number, j: number): number => referenceDistance(attrs.metric, q[i], p[j]);
  expectNeighbours(got, want, distanceOf, distanceTolerance(attrs.metric));
}

const none = { selfOffset: undefined };

describe('knn kernel on wasm', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it.each(PLAIN_METRICS)('%s equals the oracle for sizes around the tiles', async (metric) => {
    const size = fc.constantFrom(1, 3, 4, 5, 7, 8, 9, 33, 65);
    await fc.assert(
      fc.asyncProperty(size, size, size, fc.nat(2 ** 30), async (n, m, d, seed) => {
        const k = 1 + (seed % m);
        await expectOracle(normals(n * d, seed), normals(m * d, seed + 1), d, {
          metric,
          k,
          ...none,
        });
      }),
      { seed: 5, numRuns: 40 },
    );
  });

  it.each([1, 64, 65, 200, 500])('finds k = %i of 500 points, sorted or in heaps', async (k) => {
    const [queries, points] = [normals(21 * 6, 1), normals(500 * 6, 2)];
    await expectOracle(queries, points, 6, { metric: 'cityblock', k, ...none });
  });

  it('returns equal points by ascending index, for short and long lists', async () => {
    const points = new Float32Array(300 * 3).fill(0.5);
    const queries = normals(6 * 3, 3);
    for (const k of [1, 10, 64, 65, 300]) {
      for (const metric of PLAIN_METRICS) {
        const { indices } = await neighbours(queries, points, 3, { metric, k, ...none });
        const want = Array.from({ length: 6 * k }, (_, slot) => slot % k);
        expect(indices).toEqual(want);
      }
    }
  });

  it('keeps the lower indices among ties at the last place', async () => {
    const points = Float32Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 2 : 1));
    for (const k of [70, 30, 100, 130]) {
      const found = await neighbours(Float32Array.of(0), points, 1, {
        metric: 'euclidean',
        k,
        ...none,
      });
      const odd = Array.from({ length: 100 }, (_, i) => 2 * i + 1);
      const even = Array.from({ length: 100 }, (_, i) => 2 * i);
      expect(found.indices).toEqual([...odd, ...even].slice(0, k));
    }
  });

  it('leaves slots of NaN distances empty, and takes infinite ones', async () => {
    const points = Float32Array.of(NaN, 1, Infinity, NaN, 2, Infinity);
    for (const k of [6]) {
      const found = await neighbours(Float32Array.of(0), points, 1, {
        metric: 'cityblock',
        k,
        ...none,
      });
      expect(found.indices).toEqual([1, 4, 2, 5, -1, -1]);
      expect(found.distances).toEqual([1, 2, Infinity, Infinity, Infinity, Infinity]);
    }
    const all = await neighbours(Float32Array.of(NaN), points, 1, {
      metric: 'euclidean',
      k: 2,
      ...none,
    });
    expect(all).toEqual({ distances: [Infinity, Infinity], indices: [-1, -1] });
  });

  it('leaves slots of NaN distances empty in heaps too', async () => {
    const points = Float32Array.from({ length: 150 }, (_, i) => (i % 3 === 0 ? NaN : 150 - i));
    await expectOracle(Float32Array.of(0, 75), points, 1, { metric: 'euclidean', k: 120, ...none });
  });

  it('never returns a query itself, but its twins', async () => {
    const d = 4;
    const half = normals(40 * d, 4);
    const points = Float32Array.from([...half, ...half]);
    const attrs = { metric: 'euclidean', k: 5, selfOffset: 0 } as const;
    await expectOracle(points, points, d, attrs);
    const { indices, distances } = await neighbours(points, points, d, attrs);
    for (let i = 0; i < 80; i++) {
      expect([indices[5 * i], distances[5 * i]]).toEqual([(i + 40) % 80, 0]);
    }
    const block = points.slice(30 * d, 50 * d);
    await expectOracle(block, points, d, { ...attrs, selfOffset: 30 });
    await expectOracle(block, points, d, { ...attrs, k: 79, selfOffset: 30 });
  });

  it('handles a batch matrix by matrix, with self by index in each', async () => {
    const [batch, n, d] = [3, 10, 5];
    const points = normals(batch * n * d, 6);
    const attrs = { metric: 'sqeuclidean', k: 3, selfOffset: 0 } as const;
    const found = await neighbours(points, points, d, attrs, batch);
    for (let b = 0; b < batch; b++) {
      const own = points.slice(b * n * d, (b + 1) * n * d);
      const alone = await neighbours(own, own, d, attrs);
      expect(found.indices.slice(b * n * 3, (b + 1) * n * 3)).toEqual(alone.indices);
    }
  });

  it('gives the same bits on one, two and three threads', async () => {
    const [queries, points] = [normals(333 * 40, 7), normals(1111 * 40, 8)];
    for (const metric of PLAIN_METRICS) {
      const results: Found[] = [];
      for (const threads of [1, 2, 3]) {
        setThreads(threads);
        results.push(await neighbours(queries, points, 40, { metric, k: 25, ...none }));
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    }
  });

  it('packs points and cuts queries in several parts', async () => {
    const d = 600;
    const [queries, points] = [normals(70 * d, 9), normals(2500 * d, 10)];
    await expectOracle(queries, points, d, { metric: 'sqeuclidean', k: 7, ...none });
  });

  it('searches in slabs of queries when lists are long', async () => {
    const [queries, points] = [normals(3000 * 2, 11), normals(2000 * 2, 12)];
    const attrs = { metric: 'euclidean', k: 1900, selfOffset: undefined } as const;
    const found = await neighbours(queries, points, 2, attrs);
    for (const row of [0, 2207, 2208, 2999]) {
      const one = queries.slice(2 * row, 2 * row + 2);
      const alone = await neighbours(one, points, 2, attrs);
      expect(found.indices.slice(1900 * row, 1900 * (row + 1))).toEqual(alone.indices);
    }
  });

  it('leaves no tensors behind', async () => {
    await expectNoLeak(async () => {
      await neighbours(normals(60, 1), normals(90, 2), 3, { metric: 'cosine', k: 4, ...none });
    });
  });
});
