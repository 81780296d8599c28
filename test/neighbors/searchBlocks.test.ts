import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { knn } from '../../src/ops/knn.js';
import { mergeNeighbors, searchBlocks } from '../../src/neighbors/index.js';
import type { SearchBlocksOptions } from '../../src/neighbors/index.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';
import { bitsOf, blocksOf, casesFor, describeOnBackends, gridRows, toHost } from './onBackends.js';

const METRICS: readonly SearchBlocksOptions[] = [
  { metric: 'euclidean' },
  { metric: 'cityblock' },
  { metric: 'sqeuclidean' },
  { metric: 'chebyshev' },
  { metric: 'minkowski', p: 3 },
  { metric: 'cosine' },
  { metric: 'innerProduct' },
  { metric: 'canberra' },
  { metric: 'braycurtis' },
  { metric: 'hamming' },
  { metric: 'jaccard' },
  { metric: 'spherical' },
  { metric: 'lorentz', c: 2 },
];

describeOnBackends('searchBlocks', (backend) => {
  it.each(casesFor(backend, METRICS, 2))(
    'gives the bits of one search with $metric',
    async (options) => {
      const queries = gridRows(7, 3, 1);
      const points = gridRows(90, 3, 2);
      const whole = await toHost(knn(queries, points, 6, options));
      for (const sizes of [[90], [1], [41], [64, 5, 21]]) {
        const parts = await searchBlocks(queries, blocksOf(points, sizes), 6, options);
        expect(bitsOf(parts), sizes.join()).toEqual(bitsOf(whole));
      }
    },
  );

  it('merges shards to the bits of one search, spherical ties included', async () => {
    const queries = normalRows(5, 4, 3);
    const points = [...normalRows(50, 4, 4), ...normalRows(50, 4, 4, 2)];
    for (const metric of ['euclidean', 'innerProduct', 'spherical'] as const) {
      const whole = await toHost(knn(queries, points, 8, { metric }));
      const shards = await Promise.all(
        [0, 33, 66].map((first) =>
          searchBlocks(queries, [points.slice(first, first === 66 ? 100 : first + 33)], 8, {
            metric,
            firstIndex: first,
          }),
        ),
      );
      const merged = mergeNeighbors(shards, { descending: metric === 'innerProduct' });
      expect(bitsOf(merged), metric).toEqual(bitsOf(whole));
    }
  });

  it('excludes a query itself by its index over all blocks', async () => {
    const points = gridRows(40, 2, 5);
    const whole = await toHost(knn(points, points, 3, { excludeSelf: true }));
    const parts = await searchBlocks(points, blocksOf(points, [7]), 3, { excludeSelf: true });
    expect(bitsOf(parts)).toEqual(bitsOf(whole));
  });

  it('leaves no tensor behind, also when a block fails', async () => {
    const queries = normalRows(4, 3, 1);
    const points = normalRows(20, 3, 2);
    await expectNoLeak(async () => {
      await searchBlocks(queries, blocksOf(points, [6]), 2);
      const bad = [points, [[1, 2]]];
      await expect(searchBlocks(queries, bad, 2)).rejects.toThrow('features');
    });
  });
});

describeOnBackends('searchBlocks of any cut', (backend) => {
  it('equals one search', { timeout: 60_000 }, async () => {
    const runs = backend === 'cpu' || backend === 'wasm' ? PROPERTY.numRuns : 5;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 33 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 1000 }),
        async (q, n, d, sizes, seed) => {
          const queries = gridRows(q, d, seed);
          const points = gridRows(n, d, seed + 1);
          const k = 1 + (seed % n);
          const whole = await toHost(knn(queries, points, k));
          const parts = await searchBlocks(queries, blocksOf(points, sizes), k);
          expect(bitsOf(parts)).toEqual(bitsOf(whole));
        },
      ),
      { ...PROPERTY, numRuns: runs },
    );
  });

  it('returns infinite distances before empty slots, and never NaN', async () => {
    const points = [[NaN], [1e30], [Infinity], [0]];
    const found = await searchBlocks([[0]], blocksOf(points, [1]), 4, {
      metric: 'sqeuclidean',
      pad: true,
    });
    expect(Array.from(found.indices)).toEqual([3, 1, 2, -1]);
    expect(Array.from(found.distances)).toEqual([0, Infinity, Infinity, Infinity]);
  });

  it('asks for the next block before it searches the current one, and stops when told', async () => {
    const order: string[] = [];
    function* source(): Generator<number[][]> {
      try {
        for (let i = 0; i < 5; i++) {
          order.push(`read ${i}`);
          yield [[i]];
        }
      } finally {
        order.push('closed');
      }
    }
    const controller = new AbortController();
    const run = searchBlocks([[0]], source(), 1, {
      signal: controller.signal,
      onProgress: (done) => {
        order.push(`searched ${done}`);
        if (done === 2) controller.abort();
      },
    });
    await expect(run).rejects.toThrow('abort');
    expect(order).toEqual([
      'read 0',
      'read 1',
      'searched 1',
      'read 2',
      'searched 2',
      'read 3',
      'closed',
    ]);
  });

  it('searches many queries with a tensor of points', async () => {
    const points = tf.tensor2d(normalRows(300, 2, 9));
    const queries = tf.tensor2d(normalRows(1000, 2, 8));
    const whole = await toHost(knn(queries, points, 5));
    const blocks = tf.split(points, 3);
    const parts = await searchBlocks(queries, blocks, 5);
    expect(bitsOf(parts)).toEqual(bitsOf(whole));
    tf.dispose(blocks);
    points.dispose();
    queries.dispose();
  });

  it.each([
    [0, [[[1]]], 'k must be an integer'],
    [2, [[[1]]], 'k must be an integer in [1, n = 1]'],
    [1, [[[1, 2]]], 'a block of points must have as many features as queries'],
    [1, [[1]], 'a block of points must have shape [..., rows, features]'],
  ])('says what is wrong (k %d, blocks %j)', async (k, blocks, message) => {
    await expect(searchBlocks([[0]], blocks as number[][][], k)).rejects.toThrow(message);
  });
});
