import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/util/rng.js';
import { normalRows } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { METRIC_CASES, bitsDependOnPlace, featuresOf, optionsOf } from '../support/metricCases.js';
import { findNeighbours } from '../support/neighbours.js';
import type { FoundNeighbours } from '../support/neighbours.js';

describeOp('knn', (context) => {
  describe.each(METRIC_CASES.map((entry) => [entry.title, entry] as const))('%s', (_, entry) => {
    const d = featuresOf(entry, 7);
    const queries = entry.rows(13, d, 1);
    const points = entry.rows(150, d, 2);
    const options = optionsOf(entry, d);
    // Metrics of few values have ties, which a permutation orders anew.
    const hasTies = ['hamming', 'jaccard'].includes(entry.metric);

    const expectSame = (got: ArrayLike<number>, want: ArrayLike<number>): void => {
      if (bitsDependOnPlace(context, entry)) expectClose(got, want, entry.tolerance);
      else expect(Array.from(got)).toEqual(Array.from(want));
    };

    it('the same bits on every run', async () => {
      for (const mode of ['exact', 'direct', 'fast'] as const) {
        const first = await findNeighbours(context, queries, points, 20, { ...options, mode });
        const second = await findNeighbours(context, queries, points, 20, { ...options, mode });
        expect(second.indices).toEqual(first.indices);
        expect(second.distances).toEqual(first.distances);
      }
    });

    it('a permutation of the points permutes the indices', async () => {
      const order = new Rng(5).permutation(points.length);
      const straight = await findNeighbours(context, queries, points, 12, options);
      const shuffled = await findNeighbours(
        context,
        queries,
        Array.from(order, (i) => points[i]),
        12,
        options,
      );
      expectSame(shuffled.distances, straight.distances);
      if (!hasTies) {
        expect([...shuffled.indices].map((i) => order[i])).toEqual([...straight.indices]);
      }
    });

    it('queries in blocks find what they find together', async () => {
      const whole = await findNeighbours(context, queries, points, 9, options);
      for (const size of [1, 4]) {
        const parts: FoundNeighbours[] = [];
        for (let i = 0; i < queries.length; i += size) {
          parts.push(await findNeighbours(context, queries.slice(i, i + size), points, 9, options));
        }
        expect(parts.flatMap(({ indices }) => [...indices])).toEqual([...whole.indices]);
        expectSame(
          parts.flatMap(({ distances }) => [...distances]),
          whole.distances,
        );
      }
    });

    it('fewer neighbours are the first of more', async () => {
      const many = await findNeighbours(context, queries, points, 40, options);
      for (const k of [1, 5, 33]) {
        const few = await findNeighbours(context, queries, points, k, options);
        for (let i = 0; i < queries.length; i++) {
          const [row, all] = [few, many].map(({ indices }, side) =>
            Array.from(indices.slice(i * (side ? 40 : k), i * (side ? 40 : k) + k)),
          );
          expect(row).toEqual(all);
        }
      }
    });
  });

  it('points far away and added last change nothing', async () => {
    const queries = normalRows(6, 5, 1);
    const points = normalRows(100, 5, 2);
    const far = normalRows(400, 5, 3).map((row) => row.map((v) => v + 1000));
    const alone = await findNeighbours(context, queries, points, 15);
    const together = await findNeighbours(context, queries, [...points, ...far], 15);
    expect(together.indices).toEqual(alone.indices);
    expect(together.distances).toEqual(alone.distances);
  });
});
