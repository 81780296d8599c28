import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { customMetric } from '../../src/ops/customMetric.js';
import { knn } from '../../src/ops/knn.js';
import { KnnIndex } from '../../src/neighbors/index.js';
import type { NeighborBlock, SearchOptions } from '../../src/neighbors/index.js';
import { Rng } from '../../src/util/rng.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';
import { bitsOf, blocksOf, casesFor, describeOnBackends, gridRows, toHost } from './onBackends.js';

const SAVED: readonly SearchOptions[] = [
  { metric: 'euclidean' },
  { metric: 'lorentz', c: 2 },
  { metric: 'minkowski', p: Infinity },
  { metric: 'minkowski', p: 3 },
  { metric: 'mahalanobis', VI: [[2, 0.5], [0.5, 1]] }, // prettier-ignore
  { metric: 'seuclidean', V: [1, 4], mode: 'direct' },
  { metric: 'haversine' },
];

/** knn over the points of a map id -> row, with ids for indices. */
async function brute(
  queries: number[][],
  points: ReadonlyMap<number, number[]>,
  k: number,
  options: SearchOptions = {},
): Promise<unknown> {
  const ids = [...points.keys()].sort((a, b) => a - b);
  const rows = ids.map((id) => points.get(id) ?? []);
  const found = await toHost(knn(queries, rows, k, options));
  const indices = Int32Array.from(found.indices, (i) => (i < 0 ? -1 : ids[i]));
  return bitsOf({ distances: found.distances, indices });
}

async function searched(index: KnnIndex, queries: number[][], k: number): Promise<unknown> {
  return bitsOf(await toHost(index.search(queries, k)));
}

describeOnBackends('KnnIndex', (backend) => {
  it('finds what knn finds, however the points were added', async () => {
    const points = gridRows(60, 3, 1);
    const queries = gridRows(8, 3, 2);
    const metrics = ['euclidean', 'innerProduct', 'cosine', 'hamming', 'spherical'] as const;
    for (const metric of casesFor(backend, metrics, 2)) {
      const want = bitsOf(await toHost(knn(queries, points, 7, { metric })));
      for (const sizes of [[60], [1, 20, 7]]) {
        const index = new KnnIndex({ metric });
        for (const block of blocksOf(points, sizes)) {
          await index.add(block);
          index.search([[0, 0, 0]], 1, { pad: true }).indices.dispose();
        }
        expect(index.size).toBe(60);
        expect(await searched(index, queries, 7), metric).toEqual(want);
        index.dispose();
      }
    }
  });

  it('keeps ids stable through removal, compaction, and adding again', async () => {
    const rows = gridRows(40, 2, 3);
    const points = new Map(rows.map((row, i) => [i, row]));
    const queries = gridRows(5, 2, 4);
    const index = new KnnIndex();
    expect(Array.from(await index.add(rows))).toEqual(Array.from({ length: 40 }, (_, i) => i));
    for (const gone of [[3, 39], [0, 1, 2], [10, 11, 12, 13, 14, 15], [20]]) {
      index.remove(gone);
      gone.forEach((id) => points.delete(id));
      expect(await searched(index, queries, 6)).toEqual(await brute(queries, points, 6));
    }
    expect(Array.from(await index.add([[1, 1]]))).toEqual([40]);
    points.set(40, [1, 1]);
    expect(Array.from(await index.add([[2, 2]], [3]))).toEqual([3]);
    points.set(3, [2, 2]);
    expect(Array.from(index.ids)).toEqual([...points.keys()].sort((a, b) => a - b));
    expect(await searched(index, queries, 9)).toEqual(await brute(queries, points, 9));
    index.dispose();
  });

  it('breaks ties by id where ids are not in the order of adding', async () => {
    const index = new KnnIndex();
    await index.add([[1], [1], [1]], [7, 5, 9]);
    await index.add([[1], [0]], [6, 100]);
    const { indices } = await toHost(index.search([[1]], 5));
    expect(Array.from(indices)).toEqual([5, 6, 7, 9, 100]);
    expect(Array.from(await index.add([[3]]))).toEqual([101]);
    index.dispose();
  });

  it('leaves out ids per query, and all but some ids', async () => {
    const rows = gridRows(20, 2, 6);
    const index = new KnnIndex();
    await index.add(rows);
    const own = Int32Array.from(rows, (_, i) => i);
    const others = await toHost(index.search(rows, 4, { excludeIds: own }));
    expect(bitsOf(others)).toEqual(bitsOf(await toHost(knn(rows, rows, 4, { excludeSelf: true }))));
    const few = await toHost(index.search([[0, 0]], 4, { allowedIds: [17, 4, 99] }));
    expect(Array.from(few.indices).slice(2)).toEqual([-1, -1]);
    expect(
      Array.from(few.indices)
        .slice(0, 2)
        .sort((a, b) => a - b),
    ).toEqual([4, 17]);
    index.dispose();
  });

  it('pads when asked, also when it is empty', async () => {
    const index = new KnnIndex();
    const nothing = await toHost(index.search([[1, 2]], 2, { pad: true }));
    expect(Array.from(nothing.indices)).toEqual([-1, -1]);
    await index.add([[1, 2]], [8]);
    const one = await toHost(index.search([[1, 2]], 2, { pad: true }));
    expect(Array.from(one.indices)).toEqual([8, -1]);
    expect(Array.from(one.distances)).toEqual([0, Infinity]);
    index.remove([8]);
    expect(index.size).toBe(0);
    const empty = await toHost(index.search([[1, 2]], 1, { pad: true }));
    expect(Array.from(empty.indices)).toEqual([-1]);
    index.dispose();
  });

  it('streams blocks of queries with the bits of one search', async () => {
    const points = gridRows(30, 2, 1);
    const queries = gridRows(23, 2, 2);
    const index = new KnnIndex();
    await index.add(points);
    const whole = await toHost(index.search(queries, 4));
    const blocks: NeighborBlock[] = [];
    const progress: number[] = [];
    const stream = index.searchStream(blocksOf(queries, [10, 1, 12]), 4, {
      onProgress: (done) => progress.push(done),
    });
    for await (const block of stream) blocks.push(block);
    expect(blocks.map(({ first, count }) => [first, count])).toEqual([
      [0, 10],
      [10, 1],
      [11, 12],
    ]);
    expect(progress).toEqual([10, 11, 23]);
    expect(blocks.flatMap(({ indices }) => Array.from(indices))).toEqual(Array.from(whole.indices));
    const controller = new AbortController();
    const stopped = index.searchStream([queries, queries], 1, { signal: controller.signal });
    await stopped.next();
    controller.abort();
    await expect(stopped.next()).rejects.toThrow('abort');
    index.dispose();
  });

  it.each(casesFor(backend, SAVED, 2))(
    'comes back from its artifacts with the same bits: %j',
    async (options) => {
      const rows = normalRows(20, 2, 5, 0.5);
      const index = new KnnIndex(options);
      await index.add(rows);
      index.remove([4]);
      const artifacts = await index.save();
      const again = KnnIndex.load(artifacts);
      expect(again.size).toBe(19);
      expect(await searched(again, rows, 5)).toEqual(await searched(index, rows, 5));
      expect(Array.from(await again.add([[0, 0]]))).toEqual([20]);
      await index.add([[0, 0]]);
      expect(await searched(again, rows, 5)).toEqual(await searched(index, rows, 5));
      index.dispose();
      again.dispose();
    },
  );

  it('does not depend on blocks where the metric has an origin', async () => {
    const rows = normalRows(30, 2, 5).map((row) => row.map((v) => Math.fround(v + 1000)));
    const found = [];
    for (const sizes of [[30], [7]]) {
      const index = new KnnIndex({ metric: 'seuclidean', V: [0.3, 7] });
      for (const block of blocksOf(rows, sizes)) await index.add(block);
      found.push(await searched(index, rows, 4));
      index.dispose();
    }
    expect(found[1]).toEqual(found[0]);
  });

  it('frees all that it held', async () => {
    const rows = tf.tensor2d(normalRows(50, 3, 1));
    await expectNoLeak(async () => {
      const index = new KnnIndex({ metric: 'hamming' });
      await index.add(rows);
      await index.add(rows);
      (await toHost(index.search(rows, 3))).indices.fill(0);
      index.remove(Array.from({ length: 40 }, (_, i) => i));
      await index.add([[1, 2, 3]], [2]);
      tf.tidy(() => void index.search(rows, 2));
      (await toHost(index.search(rows, 2, { allowedIds: [50] }))).indices.fill(0);
      const again = KnnIndex.load(await index.save());
      await expect(index.add([[1]])).rejects.toThrow('features');
      await expect(index.add([[1, 2, 3]], [2])).rejects.toThrow('ids[0] must be new');
      again.dispose();
      index.dispose();
    });
    expect(rows.isDisposed).toBe(false);
    rows.dispose();
  });

  it('says what is wrong', async () => {
    expect(() => new KnnIndex({ metric: 'l9' as 'l1' })).toThrow('metric must be one of');
    const index = new KnnIndex();
    await expect(index.save()).rejects.toThrow('the index must have been given rows first');
    await index.add([[1], [2]]);
    expect(() => index.search([[1]], 3)).toThrow('k must be an integer in [1, size = 2], got 3');
    expect(() => index.search([[1, 2]], 1)).toThrow('queries must have as many features');
    expect(() => index.search([[1]], 1, { excludeIds: [1, 2] })).toThrow('excludeIds must hold');
    expect(() => index.remove([0, 7])).toThrow(
      'ids[1] must be the id of a point in the index, got 7',
    );
    expect(() => index.remove([0, 0])).toThrow('ids[1] must be named once, got 0');
    expect(index.size).toBe(2);
    await expect(index.add([[1]], [1, 2])).rejects.toThrow('ids must hold one id for each');
    await expect(index.add([[1]], [-1])).rejects.toThrow('ids[0] must be an integer in [0');
    await expect(index.add([[1], [2]], [5, 5])).rejects.toThrow(
      'ids must be distinct, got 5 twice',
    );
    index.dispose();
    expect(() => index.search([[1]], 1)).toThrow('the index must be alive');
  });

  it('refuses artifacts that do not fit', async () => {
    const index = new KnnIndex({ metric: 'minkowski', p: 3 });
    await index.add([[1], [2]]);
    const saved = await index.save();
    index.dispose();
    const { 'bank/rows': rows, ...others } = saved.arrays;
    expect(rows.shape).toEqual([2, 1]);
    expect(() => KnnIndex.load({ ...saved, model: 'sage' })).toThrow("model must be 'knnIndex'");
    expect(() => KnnIndex.load({ ...saved, formatVersion: 9 })).toThrow('formatVersion must be 1');
    expect(() => KnnIndex.load({ ...saved, arrays: others })).toThrow("array 'bank/rows' must be");
    const config = { ...saved.config, p: 4 };
    expect(() => KnnIndex.load({ ...saved, config })).toThrow(
      'metric must be the one that was saved',
    );
    const broken = { ...saved.config, features: 'two' };
    expect(() => KnnIndex.load({ ...saved, config: broken })).toThrow('config.features must be');
  });

  it('saves an index of a custom metric, which is given again to load it', async () => {
    const metric = customMetric({
      name: 'halves',
      term: (x, y, e) => e.abs(e.sub(x, e.mul(0.5, y))),
    });
    const index = new KnnIndex({ metric });
    await index.add(gridRows(9, 2, 1));
    const saved = await index.save();
    expect(() => KnnIndex.load(saved)).toThrow("made with the custom metric 'halves'");
    const again = KnnIndex.load(saved, { metric });
    expect(await searched(again, [[1, 2]], 3)).toEqual(await searched(index, [[1, 2]], 3));
    index.dispose();
    again.dispose();
  });
});

describeOnBackends('KnnIndex under any sequence of calls', (backend) => {
  it('equals brute force', async () => {
    const runs = backend === 'cpu' || backend === 'wasm' ? PROPERTY.numRuns : 3;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 10_000 }), async (seed) => {
        const rng = new Rng(seed);
        const below = (n: number): number => rng.uint32() % n;
        const index = new KnnIndex();
        const points = new Map<number, number[]>();
        for (let step = 0; step < 6; step++) {
          const rows = gridRows(1 + below(12), 2, seed + step);
          const ids =
            below(2) === 0
              ? await index.add(rows)
              : await index.add(rows, freshIds(points, rows.length, below));
          rows.forEach((row, i) => points.set(ids[i], row));
          const gone = [...points.keys()].filter(() => below(3) === 0).slice(0, points.size - 1);
          index.remove(gone);
          gone.forEach((id) => points.delete(id));
          const queries = gridRows(1 + below(4), 2, seed - step);
          const k = 1 + below(points.size);
          expect(await searched(index, queries, k)).toEqual(await brute(queries, points, k));
        }
        index.dispose();
      }),
      { ...PROPERTY, numRuns: runs },
    );
  });
});

function freshIds(
  points: ReadonlyMap<number, unknown>,
  count: number,
  below: (n: number) => number,
): number[] {
  const ids = new Set<number>();
  while (ids.size < count) {
    const id = below(500);
    if (!points.has(id)) ids.add(id);
  }
  return [...ids];
}
