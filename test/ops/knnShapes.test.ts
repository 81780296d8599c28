import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { knn } from '../../src/ops/knn.js';
import { referenceKnn } from '../reference/knn.js';
import { normalRows } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectQuasiNeighbours, expectSameNeighbours } from '../support/compare.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import { expectOracleNeighbours, findNeighbours, readNeighbours } from '../support/neighbours.js';
import { TOLERANCES } from '../support/tolerances.js';

const FEATURES = [
  1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 2047, 2048,
  2049, 2050, 2051, 2052, 2053, 2054, 2055, 2056, 4095, 4096,
];
const ROWS = [1, 2, 31, 32, 33, 255, 256, 257];
/** One of each family, and a form of two terms. */
const TITLES = ['euclidean', 'cosine', 'innerProduct', 'cityblock', 'chebyshev', 'braycurtis'];

describeOp('knn', (context) => {
  const { form, run } = context;

  it.each(TITLES)('%s: every number of features round the tiles', async (title) => {
    const entry = metricCase(title);
    for (const d of FEATURES) {
      const queries = entry.rows(3, d, d);
      const points = entry.rows(11, d, d + 1);
      await expectOracleNeighbours(context, entry, queries, points, 4);
    }
  });

  it('no features: every point is equally far', async () => {
    for (const entry of METRIC_CASES) {
      if (entry.features !== undefined) continue;
      const [queries, points] = [tf.zeros([2, 0]), tf.zeros([5, 0])];
      const found = await findNeighbours(context, queries, points, 3, optionsOf(entry, 0));
      tf.dispose([queries, points]);
      expect([...found.indices], entry.title).toEqual([0, 1, 2, 0, 1, 2]);
      const angles = ['cosine', 'correlation', 'spherical'];
      const want = !angles.includes(entry.metric)
        ? 0
        : entry.metric === 'spherical'
          ? Math.fround(Math.PI / 2)
          : 1;
      for (const distance of found.distances) {
        expect(Math.abs(distance - want), entry.title).toBeLessThanOrEqual(2 ** -22);
      }
    }
  });

  it('every pair of row counts round the tiles', async () => {
    const entry = metricCase('euclidean');
    for (const q of ROWS) {
      for (const n of ROWS) {
        const queries = entry.rows(q, 5, q);
        const points = entry.rows(n, 5, n + 1);
        await expectOracleNeighbours(context, entry, queries, points, Math.min(n, 6));
      }
    }
  });

  it('more rows than a workgroup grid or a slab has', async () => {
    for (const [q, n] of [
      [1, 65535],
      [2, 65536],
      [1, 65537],
      [65537, 2],
      [1023, 1025],
    ]) {
      const queries = normalRows(q, 2, q);
      const points = normalRows(n, 2, n + 1);
      const k = Math.min(3, n);
      const found = await findNeighbours(context, queries, points, k);
      // The oracle for a few rows of many.
      const rows = [...new Set([0, q >> 1, q - 1])];
      const want = referenceKnn(
        'euclidean',
        rows.map((i) => queries[i]),
        points,
        k + 5,
      );
      const got = {
        distances: rows.flatMap((i) => [...found.distances.slice(i * k, (i + 1) * k)]),
        indices: rows.flatMap((i) => [...found.indices.slice(i * k, (i + 1) * k)]),
      };
      expectQuasiNeighbours(got, want, k, TOLERANCES.distance);
    }
  });

  it.each([1, 2, 31, 32, 33, 64, 65, 100, 256, 257, 1000, 1023, 1024, 1025, 2048, 2049, 2100])(
    'k = %i of 2100',
    async (k) => {
      const queries = normalRows(2, 4, k);
      const points = normalRows(2100, 4, k + 1);
      await expectOracleNeighbours(context, metricCase('euclidean'), queries, points, k);
      await expectOracleNeighbours(context, metricCase('cityblock'), queries, points, k);
    },
  );

  describe('batches', () => {
    const batch = (count: number, rows: number, d: number, seed: number): Matrix[] =>
      Array.from({ length: count }, (_, b) => normalRows(rows, d, seed + b));

    it('equal one search after the other, for every metric', async () => {
      for (const entry of METRIC_CASES) {
        const d = featuresOf(entry, 4);
        const queries = [0, 1, 2].map((b) => entry.rows(3, d, b));
        const points = [0, 1, 2].map((b) => entry.rows(9, d, b + 9));
        const options = optionsOf(entry, d);
        const result = run(() => knn(tf.tensor3d(queries), tf.tensor3d(points), 4, options));
        expect(result.indices.shape, entry.title).toEqual([3, 3, 4]);
        const got = await readNeighbours(result);
        for (let b = 0; b < 3; b++) {
          const alone = await findNeighbours(context, queries[b], points[b], 4, options);
          const size = 3 * 4;
          expect(got.indices.slice(b * size, (b + 1) * size), entry.title).toEqual(alone.indices);
          const part = got.distances.slice(b * size, (b + 1) * size);
          expect(part.length).toBe(alone.distances.length);
          const bound = entry.tolerance;
          part.forEach((v, i) => {
            const slack = bound.relative * Math.abs(v) + bound.absolute * 4;
            expect(Math.abs(v - alone.distances[i]), entry.title).toBeLessThanOrEqual(slack);
          });
        }
      }
    });

    it('broadcast from either side and over several dimensions', async () => {
      const queries = batch(2, 3, 4, 1);
      const points = batch(3, 7, 4, 9);
      const result = run(() =>
        knn(tf.tensor4d(queries.map((rows) => [rows])), tf.tensor4d([points]), 2),
      );
      expect(result.distances.shape).toEqual([2, 3, 3, 2]);
      const got = await readNeighbours(result);
      const want = queries.flatMap((q) =>
        points.flatMap((p) => referenceKnn('euclidean', q, p, 2)),
      );
      if (form === 'kernel') expectSameNeighbours(got, want);
      else expectQuasiNeighbours(got, want, 2, TOLERANCES.distance);
    });

    it('of no size give no rows', () => {
      const result = run(() => knn(tf.zeros([0, 3, 4]), tf.zeros([0, 5, 4]), 2));
      expect(result.indices.shape).toEqual([0, 3, 2]);
      tf.dispose([result.distances, result.indices]);
    });
  });

  it('takes transposed and sliced views', async () => {
    const queries = normalRows(5, 6, 1);
    const points = normalRows(20, 6, 2);
    const columns = tf.tensor2d(points).transpose();
    const found = await findNeighbours(
      context,
      tf.tensor2d([...queries, ...queries]).slice([5, 0]),
      columns.transpose(),
      3,
    );
    const straight = await findNeighbours(context, queries, points, 3);
    expect(found.indices).toEqual(straight.indices);
    expect(found.distances).toEqual(straight.distances);
    columns.dispose();
  });
});
