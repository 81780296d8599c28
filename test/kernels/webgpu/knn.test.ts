import fc from 'fast-check';
import { beforeAll, describe, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { visitingOrder } from '../../../src/kernels/webgpu/knnPlan.js';
import { productForm } from '../../../src/specs/metricForm.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { expectExact, expectSame, integers, normals, searchOnDevice } from './knnSearch.js';
import type { Search } from './knnSearch.js';

const euclidean = productForm('squares', true);

function search(q: number, n: number, d: number, k: number, more: Partial<Search> = {}): Search {
  const seed = q * 7 + n * 3 + d;
  return {
    form: euclidean,
    q,
    n,
    d,
    k,
    queries: normals(q * d, seed),
    points: normals(n * d, seed + 1),
    ...more,
  };
}

describeOnBackend('webgpu', 'knn kernel on webgpu', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  describe('euclidean, exact', () => {
    it('sizes around tiles, slabs and vectors of four', async () => {
      const size = fc.constantFrom(1, 7, 8, 9, 31, 63, 64, 65, 130);
      await fc.assert(
        fc.asyncProperty(
          size,
          size,
          fc.constantFrom(1, 3, 4, 5, 16, 17),
          fc.nat(99),
          async (q, n, d, s) => {
            const k = 1 + (s % n);
            await expectExact(search(q, n, d, k), `${q} x ${n} x ${d}, k ${k}`);
          },
        ),
        { seed: 7, numRuns: 12 },
      );
    });

    it.each([1, 2, 31, 32, 33, 64, 65, 257, 1000, 1300])('k = %i of 1,300 points', async (k) => {
      await expectExact(search(10, 1300, 5, k), `k ${k}`);
    });

    it.each([0, 1, 2, 3, 16, 17, 128, 257, 1024])('d = %i', async (d) => {
      await expectExact(search(12, 600, d, 10), `many queries, d ${d}`);
      await expectExact(search(3, 600, d, 10), `few queries, d ${d}`);
    });

    it('squared distances', async () => {
      const form = productForm('squares');
      await expectExact(search(20, 700, 8, 12, { form }), 'squares');
    });

    it('lists longer than a sort in workgroup memory', async () => {
      await expectExact(search(9, 5000, 4, 2500), 'k 2,500');
    });
  });

  describe('orders of the points', () => {
    const line = (n: number, valueOf: (j: number) => number): Float32Array =>
      Float32Array.from({ length: n }, (_, j) => valueOf(j));

    it('ascending and descending', async () => {
      const n = 9000;
      const queries = line(12, (i) => (i * n) / 11);
      for (const points of [line(n, (j) => j), line(n, (j) => n - j)]) {
        await expectExact(search(12, n, 1, 40, { queries, points }), 'sorted');
      }
    });

    it('nearest points all in one stretch, far more than a list holds', async () => {
      const n = 20_000;
      const points = line(n, (j) => (j >= 6000 && j < 9000 ? (9000 - j) * 1e-3 : 50 + (j % 97)));
      const queries = line(10, () => 0);
      await expectExact(search(10, n, 1, 10, { queries, points }), 'stretch');
    });

    it('every point nearer than all visited before it', async () => {
      const n = 12_000;
      const order = visitingOrder(n, 1);
      const { groupShift, runShift, runFactor, runLength, total } = order;
      const points = new Float32Array(n);
      for (let position = 0; position < total; position++) {
        const i = position >> groupShift;
        const run = Math.imul(i, runFactor) & (2 ** runShift - 1);
        const j =
          ((run * runLength + (i >> runShift)) << groupShift) + (position % 2 ** groupShift);
        // The last ones tie, so that the certificate fails and the precise search meets the same order.
        if (j < n) points[j] = Math.max(300, total - position);
      }
      const queries = line(10, () => 0);
      await expectExact(search(10, n, 1, 10, { queries, points }), 'against the order');
    });

    it('all rows identical: lowest indices', async () => {
      const [q, n, d] = [10, 3000, 4];
      const points = line(n * d, (e) => e % d);
      await expectExact(search(q, n, d, 33, { points }), 'identical points');
      const queries = points.slice(0, q * d);
      await expectExact(search(q, n, d, 33, { queries, points }), 'identical rows');
    });

    it('integer lattice: ties by index', async () => {
      const [q, n, d] = [15, 2500, 3];
      const queries = integers(q * d, 1, 4);
      const points = integers(n * d, 2, 4);
      await expectExact(search(q, n, d, 65, { queries, points }), 'lattice');
    });
  });

  describe('rows that cancel', () => {
    it('far from the origin', async () => {
      const [q, n, d] = [20, 1500, 16];
      const queries = normals(q * d, 5, 1, 1e6);
      const points = normals(n * d, 6, 1, 1e6);
      await expectExact(search(q, n, d, 10, { queries, points }), 'moved by 1e6');
    });

    it('near duplicates', async () => {
      const [q, n, d] = [20, 1500, 16];
      const points = normals(n * d, 8);
      const queries = points.slice(0, q * d).map((v, e) => v * (1 + ((e % 3) - 1) * 2 ** -22));
      await expectExact(search(q, n, d, 10, { queries, points }), 'near duplicates');
    });

    it('two far clusters', async () => {
      const [q, n, d] = [20, 1500, 16];
      const side = (row: number): number => (row % 2 === 0 ? 3e5 : -3e5);
      const move = (v: number, e: number): number => v + side(Math.floor(e / d));
      const queries = normals(q * d, 9).map(move);
      const points = normals(n * d, 10).map(move);
      await expectExact(search(q, n, d, 10, { queries, points }), 'clusters');
    });

    it('one far outlier', async () => {
      const points = normals(1500 * 8, 11);
      points.fill(1e12, 800, 808);
      await expectExact(search(20, 1500, 8, 10, { points }), 'outlier');
    });
  });

  describe('values at the ends of float32', () => {
    it('NaN and infinity in both sets', async () => {
      const [q, n, d] = [12, 300, 5];
      const spoil = (rows: Float32Array): Float32Array => {
        rows[3] = NaN;
        rows[d * 2] = Infinity;
        rows[d * 4 + 1] = -Infinity;
        rows[d * 5 + 1] = -Infinity;
        return rows;
      };
      const queries = spoil(normals(q * d, 1));
      const points = spoil(normals(n * d, 2));
      for (const k of [5, n]) await expectExact(search(q, n, d, k, { queries, points }), `k ${k}`);
    });

    it('mostly NaN, mostly infinite', async () => {
      for (const value of [NaN, Infinity]) {
        const points = normals(400 * 3, 2).map((v, e) =>
          Math.floor(e / 3) % 10 === 0 ? v : value,
        );
        await expectExact(search(12, 400, 3, 60, { points }), `${value}`);
      }
    });

    it.each([1e-44, 1e-30, 1e20, 3e38])('values of about %f', async (scale) => {
      const [q, n, d] = [12, 300, 6];
      const scaled = (count: number, seed: number): Float32Array =>
        normals(count, seed, 0.3).map((v) => Math.max(-1, Math.min(1, v)) * scale);
      const rows = { queries: scaled(q * d, 3), points: scaled(n * d, 4) };
      await expectExact(search(q, n, d, 10, rows), 'root');
      const form = productForm('squares');
      await expectExact(search(q, n, d, 10, { ...rows, form }), 'squares');
    });
  });

  it('the same bits again', async () => {
    const given = search(70, 3000, 12, 33);
    const first = await searchOnDevice(given);
    for (let run = 0; run < 3; run++) {
      expectSame(await searchOnDevice(given), first, 33, `run ${run}`);
    }
  });
});
