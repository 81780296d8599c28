import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { knn } from '../../src/ops/knn.js';
import { csrToEdges, radiusNeighbors } from '../../src/neighbors/index.js';
import type { NeighborLists, RadiusOptions } from '../../src/neighbors/index.js';
import { packBits } from '../../src/util/bits.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';
import { casesFor, describeOnBackends, gridRows, toHost } from './onBackends.js';

type Matrix = number[][];

const CASES: readonly [RadiusOptions, number][] = [
  [{ metric: 'euclidean' }, 1.5],
  [{ metric: 'euclidean' }, 0],
  [{ metric: 'innerProduct' }, 3],
  [{ metric: 'euclidean' }, Infinity],
  [{ metric: 'sqeuclidean' }, 2],
  [{ metric: 'cityblock' }, 2],
  [{ metric: 'cosine' }, 0.1],
  [{ metric: 'spherical' }, 0.4],
];

/** The beginning of every row of knn with k = n, up to the radius. */
async function fromKnn(
  queries: Matrix,
  points: Matrix,
  radius: number,
  options: RadiusOptions = {},
): Promise<unknown> {
  const { excludeSelf, allowed, queryGroups, pointGroups, ...metric } = options;
  const masks = {
    ...(allowed === undefined ? {} : { allowed }),
    ...(queryGroups === undefined ? {} : { queryGroups }),
    ...(pointGroups === undefined ? {} : { pointGroups }),
    ...(excludeSelf === undefined ? {} : { excludeSelf }),
  };
  const all = await toHost(knn(queries, points, points.length, { ...metric, ...masks, pad: true }));
  const bound = Math.fround(radius);
  return queries.map((_, i) => {
    const slots = Array.from({ length: all.k }, (_, s) => i * all.k + s);
    const kept = slots.filter((s) => {
      const distance = all.distances[s];
      const near = options.metric === 'innerProduct' ? distance >= bound : distance <= bound;
      return all.indices[s] >= 0 && near;
    });
    return kept.map((s) => [all.indices[s], all.distances[s]]);
  });
}

function lists({ offsets, indices, distances }: NeighborLists): unknown {
  return Array.from(offsets.subarray(1), (end, i) =>
    Array.from({ length: end - offsets[i] }, (_, s) => [
      indices[offsets[i] + s],
      distances[offsets[i] + s],
    ]),
  );
}

describeOnBackends('radiusNeighbors', (backend) => {
  it.each(casesFor(backend, CASES, 3))(
    'is the beginning of knn: %j within %d',
    async (options, radius) => {
      const queries = gridRows(9, 3, 1);
      const points = gridRows(70, 3, 2);
      const found = await radiusNeighbors(queries, points, radius, options);
      expect(lists(found)).toEqual(await fromKnn(queries, points, radius, options));
    },
  );

  it('includes the radius, rounded to float32', async () => {
    const found = await radiusNeighbors([[0]], [[0.1], [Math.fround(0.1) * (1 + 2 ** -22)]], 0.1);
    expect(Array.from(found.indices)).toEqual([0]);
  });

  it('applies self, bits and groups together', async () => {
    const points = gridRows(45, 2, 3);
    const groups = points.map((_, i) => i % 3);
    const options = {
      excludeSelf: true,
      allowed: packBits(points.map((_, i) => i % 5 !== 0)),
      queryGroups: groups,
      pointGroups: groups,
    };
    const found = await radiusNeighbors(points, points, 1, options);
    expect(lists(found)).toEqual(await fromKnn(points, points, 1, options));
    const { source, target } = csrToEdges(found);
    expect(source.length).toBeGreaterThan(20);
    expect(source.some((node, e) => node === target[e])).toBe(false);
  });

  it('sorts by index when asked', async () => {
    const points = normalRows(40, 2, 5);
    const byDistance = await radiusNeighbors([[0, 0]], points, 1.5);
    const byIndex = await radiusNeighbors([[0, 0]], points, 1.5, { sort: 'index' });
    expect(byDistance.indices.length).toBeGreaterThan(5);
    expect(Array.from(byIndex.indices)).toEqual(
      Array.from(byDistance.indices).sort((a, b) => a - b),
    );
    expect(Array.from(byDistance.distances)).toEqual(
      Array.from(byDistance.distances).sort((a, b) => a - b),
    );
  });

  it('gives empty rows, also without points or queries', async () => {
    const none = await radiusNeighbors([[9], [NaN]], [[0], [NaN]], 1);
    expect(Array.from(none.offsets)).toEqual([0, 0, 0]);
    const noPoints = await radiusNeighbors([[1]], tf.zeros([0, 1]), 1);
    expect(Array.from(noPoints.offsets)).toEqual([0, 0]);
    const noQueries = await radiusNeighbors(tf.zeros([0, 1]), [[1]], 1);
    expect(Array.from(noQueries.offsets)).toEqual([0]);
  });

  it('leaves no tensor behind, also when it is stopped', async () => {
    const points = normalRows(30, 3, 2);
    await expectNoLeak(async () => {
      await radiusNeighbors(points, points, 1, {
        allowed: packBits(points.map(() => true)),
        excludeSelf: true,
        metric: 'poincare',
        c: 0.001,
      });
      const stopped = radiusNeighbors(points, points, 1, { signal: AbortSignal.abort() });
      await expect(stopped).rejects.toThrow('abort');
      await expect(radiusNeighbors(points, [[1]], 1)).rejects.toThrow('features');
    });
  });

  it.each([
    [NaN, {}, 'radius must be a number >= 0, got NaN'],
    [-1, {}, 'radius must be a number >= 0, got -1'],
    [1, { sort: 'size' }, "sort must be 'distance' or 'index', got 'size'"],
    [1, { metric: 'l9' }, 'metric must be one of'],
    [1, { excludeSelf: { offset: 0.5 } }, 'excludeSelf.offset must be an integer, got 0.5'],
    [1, { queryGroups: [0] }, 'pointGroups must be given together with queryGroups'],
  ])('says what is wrong with radius %d and options %j', async (radius, options, message) => {
    const run = radiusNeighbors([[0]], [[1]], radius, options as RadiusOptions);
    await expect(run).rejects.toThrow(message);
  });
});

describeOnBackends('radiusNeighbors of many points', (backend) => {
  it('crosses slabs of points and asks again where a query has many neighbours', async () => {
    const points = gridRows(70_000, 2, 11, 40);
    const queries = [...gridRows(3, 2, 12, 40), [-500, -500]];
    const found = await radiusNeighbors(queries, points, 2.5);
    const want = queries.map((query) =>
      points
        .map((point, i): [number, number] => [
          i,
          Math.fround(Math.hypot(query[0] - point[0], query[1] - point[1])),
        ])
        .filter(([, distance]) => distance <= 2.5)
        .sort(([i, a], [j, b]) => a - b || i - j),
    );
    expect(want[0].length).toBeGreaterThan(200);
    expect(lists(found)).toEqual(want);
  });

  it('equals knn for any rows and radius', async () => {
    const runs = backend === 'cpu' || backend === 'wasm' ? PROPERTY.numRuns : 4;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 80 }),
        fc.double({ min: 0, max: 4, noNaN: true }),
        fc.integer({ min: 0, max: 1000 }),
        async (q, n, radius, seed) => {
          const queries = gridRows(q, 2, seed, 4);
          const points = gridRows(n, 2, seed + 1, 4);
          const found = await radiusNeighbors(queries, points, radius);
          expect(lists(found)).toEqual(await fromKnn(queries, points, radius));
        },
      ),
      { ...PROPERTY, numRuns: runs },
    );
  });
});
