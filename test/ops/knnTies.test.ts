import { describe, expect, it } from 'vitest';
import { normalRows } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import {
  METRIC_CASES,
  bitsDependOnPlace,
  featuresOf,
  metricCase,
  optionsOf,
} from '../support/metricCases.js';
import { expectOracleNeighbours, findNeighbours } from '../support/neighbours.js';

/** Points on a line, so that the distances from the origin are the values themselves. */
const line = (values: readonly number[]): Matrix => values.map((v) => [v]);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describeOp('knn', (context) => {
  const nearest = async (values: readonly number[], k: number): Promise<number[][]> => {
    const found = await findNeighbours(context, [[0]], line(values), k, { metric: 'cityblock' });
    return [[...found.indices], [...found.distances]];
  };

  describe('ties keep the lower index', () => {
    it('for every metric', async () => {
      // Equal points have equal distances only where bits do not depend on their place.
      const cases = METRIC_CASES.filter((entry) => !bitsDependOnPlace(context, entry));
      for (const entry of cases) {
        const d = featuresOf(entry, 3);
        const [point, query] = entry.rows(2, d, 7);
        const points = Array.from({ length: 50 }, () => point);
        const { indices } = await findNeighbours(context, [query], points, 9, optionsOf(entry, d));
        expect([...indices], entry.title).toEqual(upTo(9));
      }
    });

    it.each([1, 10, 100, 1500])('among 20,000 equal points, k = %i', async (k) => {
      const points = Array.from({ length: 20000 }, () => [0.5, 0.25]);
      for (const metric of ['euclidean', 'cityblock', 'cosine'] as const) {
        const { indices } = await findNeighbours(context, [[1, 2]], points, k, { metric });
        expect([...indices]).toEqual(upTo(k));
      }
    });

    it('in short lists', async () => {
      expect(await nearest([2, 3, 5, 1, 4, 1, 1], 3)).toEqual([
        [3, 5, 6],
        [1, 1, 1],
      ]);
      expect(await nearest([2, 3, 5, 1, 4, 1, 1], 4)).toEqual([
        [3, 5, 6, 0],
        [1, 1, 1, 2],
      ]);
    });

    it('where duplicates lie across the borders of tiles', async () => {
      const entry = metricCase('euclidean');
      const points = normalRows(1100, 3, 1);
      for (const border of [31, 63, 127, 255, 511, 1023]) {
        for (const j of [border - 1, border, border + 1, border + 2]) points[j] = [0.01, 0, 0];
      }
      const queries = [[0, 0, 0], ...normalRows(3, 3, 2)];
      for (const k of [1, 3, 5, 16, 24, 30]) {
        await expectOracleNeighbours(context, entry, queries, points, k);
      }
    });

    it('between distances that differ but round to one float32', async () => {
      // Both roots round to 1: the order is that of the indices, not of the squares.
      const step = 2 ** -12;
      const points = [
        [1, step * 0.5],
        [1, 0],
        [1, step * 0.25],
      ];
      const entry = metricCase('euclidean');
      await expectOracleNeighbours(context, entry, [[0, 0]], points, 3);
      const found = await findNeighbours(context, [[0, 0]], points, 3);
      expect([...found.indices]).toEqual([0, 1, 2]);
    });
  });

  describe('orders that are hard for a threshold', () => {
    const lists: Readonly<Record<string, number[]>> = {
      ascending: upTo(3000),
      descending: upTo(3000).map((i) => 3000 - i),
      'the same leading bits': upTo(3000).map((i) => 1 + ((i * 1103) % 4096) * 2 ** -23),
      'few values': upTo(3000).map((i) => (i * 7919) % 5),
      'a saw': upTo(3000).map((i) => (i % 64) + (i % 2) * 1000),
      'one near point at the end': [...Array<number>(2999).fill(7), 1],
    };

    it.each(Object.keys(lists))('%s', async (name) => {
      const values = lists[name];
      const order = upTo(values.length).sort((a, b) => values[a] - values[b] || a - b);
      for (const k of [1, 10, 33, 300]) {
        const [indices, distances] = await nearest(values, k);
        expect(indices).toEqual(order.slice(0, k));
        expect(distances).toEqual(order.slice(0, k).map((j) => Math.fround(values[j])));
      }
    });
  });

  describe('values that are no ordinary numbers', () => {
    it('a NaN point is never returned, a NaN query finds nothing, for every metric', async () => {
      for (const entry of METRIC_CASES) {
        const d = featuresOf(entry, 3);
        const [far, query, point, other] = entry.rows(4, d, 3);
        const spoilt = [NaN, ...far.slice(1)];
        const spoiltLast = [...far.slice(0, -1), NaN];
        const points = [spoilt, point, spoiltLast, other];
        const { distances, indices } = await findNeighbours(
          context,
          [query, [...query.slice(0, -1), NaN]],
          points,
          4,
          optionsOf(entry, d),
        );
        const empty = entry.metric === 'innerProduct' ? -Infinity : Infinity;
        expect([...indices.slice(0, 2)].sort(), entry.title).toEqual([1, 3]);
        expect([...indices.slice(2)], entry.title).toEqual([-1, -1, -1, -1, -1, -1]);
        expect([...distances.slice(2)], entry.title).toEqual(Array(6).fill(empty));
      }
    });

    it('infinite distances are real neighbours, after all finite ones, by index', async () => {
      for (const metric of ['cityblock', 'euclidean', 'sqeuclidean', 'chebyshev'] as const) {
        const points = line([Infinity, 2, -Infinity, 1, Infinity]);
        const found = await findNeighbours(context, [[0]], points, 5, { metric });
        expect([...found.indices], metric).toEqual([3, 1, 0, 2, 4]);
        expect([...found.distances.slice(2)], metric).toEqual([Infinity, Infinity, Infinity]);
      }
    });

    it('90 of 100 points at infinity', async () => {
      const values = upTo(1000).map((i) => (i % 10 === 7 ? i : Infinity));
      const finite = upTo(1000).filter((i) => i % 10 === 7);
      const infinite = upTo(1000).filter((i) => i % 10 !== 7);
      for (const k of [50, 100, 150]) {
        const [indices] = await nearest(values, k);
        expect(indices).toEqual([...finite, ...infinite].slice(0, k));
      }
    });

    it('NaN and infinity in one list', async () => {
      expect(await nearest([0.5, NaN, NaN, NaN, NaN], 2)).toEqual([
        [0, -1],
        [0.5, Infinity],
      ]);
      expect(await nearest([0.5, -Infinity, NaN, -Infinity, Infinity], 5)).toEqual([
        [0, 1, 3, 4, -1],
        [0.5, Infinity, Infinity, Infinity, Infinity],
      ]);
    });

    it('a query at infinity finds finite points at infinity, and none like itself', async () => {
      const points = line([1, Infinity, 2, NaN]);
      const found = await findNeighbours(context, [[Infinity]], points, 4, { metric: 'euclidean' });
      expect([...found.indices]).toEqual([0, 2, -1, -1]);
    });

    it('similarities of infinite size have their order', async () => {
      const points = line([1, -Infinity, NaN, Infinity, -1, -Infinity]);
      const found = await findNeighbours(context, [[1]], points, 6, { metric: 'innerProduct' });
      expect([...found.indices]).toEqual([3, 0, 4, 1, 5, -1]);
      expect([...found.distances]).toEqual([Infinity, 1, -1, -Infinity, -Infinity, -Infinity]);
    });

    it('negative zero equals zero', async () => {
      for (const metric of ['cityblock', 'euclidean', 'hamming', 'chebyshev'] as const) {
        const found = await findNeighbours(context, [[0]], line([-0, 0, -0]), 3, { metric });
        expect([...found.indices], metric).toEqual([0, 1, 2]);
        for (const distance of found.distances) expect(distance + 0, metric).toBe(0);
      }
    });

    it('overflow beyond float32 is an infinite distance', async () => {
      const points = line([3e38, 1e20, 1]);
      const found = await findNeighbours(context, [[-3e38]], points, 3, { metric: 'sqeuclidean' });
      expect([...found.indices]).toEqual([0, 1, 2]);
      expect([...found.distances]).toEqual([Infinity, Infinity, Infinity]);
    });
  });
});
