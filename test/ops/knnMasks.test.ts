import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { knn } from '../../src/ops/knn.js';
import { Rng } from '../../src/util/rng.js';
import { packBits } from '../../src/util/bits.js';
import { referenceKnn } from '../reference/knn.js';
import { normalRows } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectQuasiNeighbours, expectSameNeighbours } from '../support/compare.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import { expectOracleNeighbours, findNeighbours, readNeighbours } from '../support/neighbours.js';
import { TOLERANCES } from '../support/tolerances.js';

describeOp('knn', (context) => {
  const { form, run } = context;
  const euclidean = metricCase('euclidean');

  const maskOf = (n: number, share: number, seed: number): boolean[] => {
    const rng = new Rng(seed);
    return Array.from({ length: n }, () => rng.uniform() < share);
  };

  describe('self', () => {
    it('is left out by index and its twin stays, for every metric', async () => {
      for (const entry of METRIC_CASES) {
        if (entry.metric === 'innerProduct') continue;
        const d = featuresOf(entry, 12);
        const rows = entry.rows(3, d, 5);
        const points = [...rows, ...rows];
        const options = { ...optionsOf(entry, d), excludeSelf: true };
        const { indices } = await findNeighbours(context, points, points, 1, options);
        expect([...indices], entry.title).toEqual([3, 4, 5, 0, 1, 2]);
      }
    });

    it('may stand at an offset, also one that no query reaches', async () => {
      const points = normalRows(9, 4, 1);
      for (const offset of [-9, -2, 0, 3, 6, 100]) {
        const options = { excludeSelf: { offset } };
        const reference = { selfOffset: offset };
        const queries = points.slice(0, 4);
        await expectOracleNeighbours(context, euclidean, queries, points, 8, options, reference);
      }
    });

    it('alone leaves an empty slot', async () => {
      const options = { excludeSelf: true, pad: true };
      const { distances, indices } = await findNeighbours(context, [[1]], [[1]], 1, options);
      expect([...indices]).toEqual([-1]);
      expect([...distances]).toEqual([Infinity]);
    });
  });

  describe('allowed', () => {
    it.each([0, 0.01, 0.2, 0.4, 0.9, 0.99, 1])('a share of %d of the points', async (share) => {
      const n = 300;
      const queries = normalRows(5, 6, 1);
      const points = normalRows(n, 6, 2);
      const mask = maskOf(n, share, 3);
      const reference = { allowed: (_: number, j: number): boolean => mask[j] };
      const bool = tf.tensor1d(mask.map(Number), 'bool');
      for (const allowed of [bool, packBits(mask)]) {
        await expectOracleNeighbours(
          context,
          euclidean,
          queries,
          points,
          20,
          { allowed },
          reference,
        );
      }
      bool.dispose();
    });

    it('none, one, k - 1 and k points', async () => {
      const k = 7;
      const queries = normalRows(3, 4, 1);
      const points = normalRows(70, 4, 2);
      for (const count of [0, 1, k - 1, k]) {
        const mask = points.map((_, j) => j % 10 === 3 && j / 10 < count);
        const found = await findNeighbours(context, queries, points, k, {
          allowed: packBits(mask),
        });
        for (let i = 0; i < 3; i++) {
          const row = [...found.indices.slice(i * k, (i + 1) * k)];
          expect(row.filter((j) => j >= 0).every((j) => mask[j])).toBe(true);
          expect(row.filter((j) => j === -1)).toEqual(Array(k - count).fill(-1));
          expect(row.slice(count).every((j) => j === -1)).toBe(true);
          expect([...found.distances.slice(i * k + count, (i + 1) * k)]).toEqual(
            Array(k - count).fill(Infinity),
          );
        }
      }
    });

    it('for each query its own, as bools and as bits', async () => {
      const [q, n] = [6, 75];
      const queries = normalRows(q, 3, 1);
      const points = normalRows(n, 3, 2);
      const masks = queries.map((_, i) => maskOf(n, 0.3, i));
      const reference = { allowed: (i: number, j: number): boolean => masks[i][j] };
      const bool = tf.tensor2d(masks.flat().map(Number), [q, n], 'bool');
      const words = tf.tensor2d(
        masks.flatMap((mask) => [...packBits(mask)]),
        [q, 5],
        'int32',
      );
      for (const allowed of [bool, words]) {
        await expectOracleNeighbours(
          context,
          euclidean,
          queries,
          points,
          9,
          { allowed },
          reference,
        );
      }
      tf.dispose([bool, words]);
    });

    it('for each batch its own, broadcast over queries and batches', async () => {
      const [batch, q, n, k] = [3, 2, 40, 5];
      const queries = [0, 1, 2].map((b) => normalRows(q, 3, b));
      const points = [0, 1, 2].map((b) => normalRows(n, 3, b + 5));
      const masks = [0, 1, 2].map((b) => maskOf(n, 0.5, b));
      const perBatch = tf.tensor3d(masks.flat().map(Number), [batch, 1, n], 'bool');
      const perQuery = tf.tensor3d(masks.slice(0, q).flat().map(Number), [1, q, n], 'bool');
      for (const [allowed, of] of [
        [perBatch, (b: number, _: number, j: number): boolean => masks[b][j]],
        [perQuery, (_: number, i: number, j: number): boolean => masks[i][j]],
      ] as const) {
        const result = run(() => knn(tf.tensor3d(queries), tf.tensor3d(points), k, { allowed }));
        const got = await readNeighbours(result);
        const want = queries.flatMap((rows, b) =>
          referenceKnn('euclidean', rows, points[b], k, { allowed: (i, j) => of(b, i, j) }),
        );
        if (form === 'kernel') expectSameNeighbours(got, want);
        else expectQuasiNeighbours(got, want, k, TOLERANCES.distance);
      }
      tf.dispose([perBatch, perQuery]);
    });

    it('forbids the nearest, for every metric', async () => {
      for (const entry of METRIC_CASES) {
        const d = featuresOf(entry, 3);
        const queries = entry.rows(3, d, 1);
        const points = entry.rows(40, d, 2);
        const mask = maskOf(40, 0.5, 3);
        const options = { allowed: packBits(mask) };
        const allowed = (_: number, j: number): boolean => mask[j];
        await expectOracleNeighbours(context, entry, queries, points, 25, options, { allowed });
      }
    });
  });

  describe('groups', () => {
    it('keep ragged batches apart: sorted, mixed, empty and negative', async () => {
      const queries = normalRows(12, 3, 1);
      const points = normalRows(50, 3, 2);
      for (const [ofQuery, ofPoint] of [
        [(i: number) => Math.floor(i / 4), (j: number) => Math.floor(j / 20)],
        [(i: number) => (i * 5) % 7, (j: number) => j % 7],
        [(i: number) => i % 3, (j: number) => (j < 25 ? 0 : 9)],
        [(i: number) => -1 - (i % 2), (j: number) => -1 - (j % 3)],
      ] as const) {
        const options = {
          queryGroups: queries.map((_, i) => ofQuery(i)),
          pointGroups: points.map((_, j) => ofPoint(j)),
        };
        const allowed = (i: number, j: number): boolean => ofQuery(i) === ofPoint(j);
        await expectOracleNeighbours(context, euclidean, queries, points, 10, options, { allowed });
      }
    });

    it('join with self and with allowed points', async () => {
      const points = normalRows(60, 3, 2);
      const group = points.map((_, j) => j % 4);
      const mask = maskOf(60, 0.7, 1);
      const options = {
        queryGroups: new Int32Array(group),
        pointGroups: group,
        allowed: packBits(mask),
        excludeSelf: true,
      };
      const reference = {
        selfOffset: 0,
        allowed: (i: number, j: number): boolean => group[i] === group[j] && mask[j],
      };
      for (const title of ['euclidean', 'cosine', 'innerProduct', 'cityblock', 'hamming']) {
        const entry = metricCase(title);
        const rows = title === 'hamming' ? entry.rows(60, 3, 2) : points;
        await expectOracleNeighbours(context, entry, rows, rows, 12, options, reference);
      }
    });

    it('tell large numbers apart', async () => {
      const big = 2 ** 24;
      const options = { queryGroups: [big + 1, big], pointGroups: [big, big + 1, big + 2] };
      const points = [[0], [1], [2]];
      const { indices } = await findNeighbours(context, [[0], [0]], points, 2, options);
      expect([...indices]).toEqual([1, -1, 0, -1]);
    });
  });
});
