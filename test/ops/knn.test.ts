import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import { knn } from '../../src/ops/knn.js';
import type { KnnResult } from '../../src/ops/knn.js';
import { PROPERTY, normalRows } from '../support/arbitraries.js';
import { describeOp, kernelNameOf, kernelsRun } from '../support/backends.js';
import { expectNoLeak } from '../support/leaks.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import { expectOracleNeighbours, findNeighbours, readNeighbours } from '../support/neighbours.js';

describeOp('knn', (context) => {
  const { form, run } = context;

  it('runs the form that the test names', async () => {
    const x = tf.randomNormal([4, 3]);
    const names = await kernelsRun(() => run(() => knn(x, x, 2).distances));
    expect(names.includes(kernelNameOf('knn'))).toBe(form === 'kernel');
    x.dispose();
  });

  describe.each(METRIC_CASES.map((entry) => [entry.title, entry] as const))('%s', (_, entry) => {
    it('reference: the oracle, sizes round the tiles, k from 1 to n', async () => {
      for (const [q, n, d, k] of [
        [1, 1, 1, 1],
        [3, 7, 2, 3],
        [4, 9, 3, 1],
        [9, 33, 17, 16],
        [2, 65, 5, 33],
        [3, 130, 31, 130],
      ]) {
        const features = featuresOf(entry, d);
        const queries = entry.rows(q, features, q + 3 * d);
        const points = entry.rows(n, features, n + 5 * d);
        await expectOracleNeighbours(context, entry, queries, points, k);
      }
    });

    it('memory: nothing is left after a search and its gradient', async () => {
      const d = featuresOf(entry, 3);
      const x = tf.tensor2d(entry.rows(6, d, 1));
      const options = optionsOf(entry, d);
      await expectNoLeak(async () => {
        await findNeighbours(context, x, x, 2, { ...options, excludeSelf: true });
        const g = run(() => tf.grad((a) => tf.sum(knn(a, a, 2, options).distances))(x));
        await g.data();
        g.dispose();
      });
      x.dispose();
    });
  });

  it('property: equals the oracle for random shapes, k, metric, self and masks', async () => {
    const cases = fc.record({
      title: fc.constantFrom(...METRIC_CASES.map(({ title }) => title)),
      q: fc.integer({ min: 1, max: 12 }),
      n: fc.integer({ min: 1, max: 70 }),
      d: fc.integer({ min: 1, max: 20 }),
      seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      self: fc.option(fc.integer({ min: -3, max: 70 }), { nil: undefined }),
      every: fc.option(fc.integer({ min: 2, max: 5 }), { nil: undefined }),
      groups: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ title, q, n, d, seed, part, self, every, groups }) => {
        const entry = metricCase(title);
        const features = featuresOf(entry, d);
        const queries = entry.rows(q, features, seed);
        const points = entry.rows(n, features, seed + 1);
        const mayFind = (i: number, j: number): boolean =>
          (every === undefined || (i + j) % every !== 0) &&
          (groups === undefined || i % groups === (3 * j) % groups);
        const mask =
          every === undefined
            ? undefined
            : tf.tensor2d(
                queries.map((_, i) => points.map((_point, j) => Number((i + j) % every !== 0))),
                [q, n],
                'bool',
              );
        await expectOracleNeighbours(
          context,
          entry,
          queries,
          points,
          1 + Math.floor(part * (n - 1)),
          {
            pad: true,
            ...(self === undefined ? {} : { excludeSelf: { offset: self } }),
            ...(mask === undefined ? {} : { allowed: mask }),
            ...(groups === undefined
              ? {}
              : {
                  queryGroups: queries.map((_, i) => i % groups),
                  pointGroups: points.map((_, j) => (3 * j) % groups),
                }),
          },
          { allowed: mayFind, selfOffset: self },
        );
        mask?.dispose();
      }),
      { ...PROPERTY, numRuns: 40 },
    );
  });

  it('edge: no queries give no rows', async () => {
    const result = run(() => knn(tf.zeros([0, 4]), tf.zeros([3, 4]), 2));
    expect(result.distances.shape).toEqual([0, 2]);
    expect(result.indices.shape).toEqual([0, 2]);
    expect(result.indices.dtype).toBe('int32');
    expect((await readNeighbours(result)).indices.length).toBe(0);
  });

  it('edge: with pad, slots beyond the points are empty', async () => {
    for (const [title, far] of [
      ['euclidean', Infinity],
      ['innerProduct', -Infinity],
      ['canberra', Infinity],
    ] as const) {
      const options = { ...optionsOf(metricCase(title), 2), pad: true };
      const { distances, indices } = await findNeighbours(context, [[1, 2]], [[1, 3]], 3, options);
      expect([...indices]).toEqual([0, -1, -1]);
      expect([...distances.slice(1)]).toEqual([far, far]);
      const none = await findNeighbours(context, tf.ones([2, 2]), tf.zeros([0, 2]), 2, options);
      expect([...none.indices]).toEqual([-1, -1, -1, -1]);
      expect([...none.distances]).toEqual([far, far, far, far]);
    }
  });

  it('gradient: of one search by hand', async () => {
    const [dq, dp] = run(() =>
      tf.tidy(() =>
        tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.sum(knn(a, b, 1).distances))([
          tf.tensor2d([[0, 0]]),
          tf.tensor2d([
            [10, 10],
            [3, 4],
          ]),
        ]),
      ),
    );
    const near = (values: Iterable<number>): number[] =>
      [...values].map((v) => Math.round(v * 1e6) / 1e6 + 0);
    expect(near(await dq.data())).toEqual([-0.6, -0.8]);
    expect(near(await dp.data())).toEqual([0, 0, 0.6, 0.8]);
    tf.dispose([dq, dp]);
  });
});

describe('knn arguments', () => {
  const zeros = (n: number, d: number): tf.Tensor => tf.zeros([n, d]);

  it('error: DomainError for k outside [1, n] or not an integer', () => {
    for (const k of [0, -1, 5, 1.5, NaN, Infinity]) {
      const call = (): KnnResult => knn(zeros(1, 2), zeros(4, 2), k);
      expect(call).toThrow(DomainError);
      expect(call).toThrow(`knn: k must be an integer in [1, n = 4]`);
      expect(call).toThrow(`got ${k}.`);
    }
  });

  it('error: also with pad, k must be a whole number of at least 1', () => {
    for (const k of [0, 1.5, NaN]) {
      expect(() => knn(zeros(1, 2), zeros(4, 2), k, { pad: true })).toThrow(DomainError);
    }
  });

  it('error: k may be at most n - 1 when self is excluded', () => {
    expect(() => knn(zeros(4, 2), zeros(4, 2), 4, { excludeSelf: true })).toThrow(
      'knn: k must be an integer in [1, n - 1 = 3] when self is excluded',
    );
  });

  it('error: DomainError for a fractional offset', () => {
    expect(() => knn(zeros(4, 2), zeros(4, 2), 1, { excludeSelf: { offset: 0.5 } })).toThrow(
      'knn: excludeSelf.offset must be an integer, got 0.5.',
    );
  });

  it('error: ShapeError when feature counts differ, or the batch does not broadcast', () => {
    const call = (): KnnResult => knn(zeros(1, 2), zeros(4, 3), 1);
    expect(call).toThrow(ShapeError);
    expect(call).toThrow('knn: points must have as many features (last dimension) as queries');
    expect(() => knn(tf.zeros([2, 1, 3]), tf.zeros([3, 4, 3]), 1)).toThrow(
      'knn: points must have batch dimensions that broadcast with those of queries',
    );
    expect(() => knn(tf.zeros([3]), zeros(4, 3), 1)).toThrow('rank 2 or more, got shape [3]');
  });

  it('error: DtypeError for integers', () => {
    expect(() => knn(tf.zeros([1, 2], 'int32'), zeros(4, 2), 1)).toThrow(DtypeError);
  });

  it('error: unknown metric and mode list what there is', () => {
    const metric = 'l3' as 'l2';
    expect(() => knn(zeros(1, 2), zeros(4, 2), 1, { metric })).toThrow(
      'knn: metric must be one of braycurtis, canberra,',
    );
    const mode = 'quick' as 'fast';
    expect(() => knn(zeros(1, 2), zeros(4, 2), 1, { mode })).toThrow(
      "knn: mode must be one of exact, fast, direct, got 'quick'.",
    );
  });

  it('error: masks that do not fit say how they should', () => {
    const [q, p] = [zeros(2, 3), zeros(4, 3)];
    expect(() => knn(q, p, 1, { allowed: tf.zeros([5], 'bool') })).toThrow(ShapeError);
    expect(() => knn(q, p, 1, { allowed: tf.zeros([5], 'bool') })).toThrow(
      'knn: allowed must have shape [4] or one that broadcasts with [2, 4], got shape [5].',
    );
    expect(() => knn(q, p, 1, { allowed: tf.zeros([3, 4], 'bool') })).toThrow(ShapeError);
    expect(() => knn(q, p, 1, { allowed: tf.zeros([4]) })).toThrow(DtypeError);
    expect(() => knn(q, p, 1, { allowed: new Int32Array(2) })).toThrow(ShapeError);
    expect(() => knn(q, p, 1, { queryGroups: [0, 1] })).toThrow(
      'knn: pointGroups must be given together with queryGroups, got undefined.',
    );
    expect(() => knn(q, p, 1, { queryGroups: [0, 1], pointGroups: [0, 1] })).toThrow(
      'knn: pointGroups must have shape [4]',
    );
    expect(() => knn(q, p, 1, { queryGroups: tf.zeros([2]), pointGroups: [0, 1, 2, 3] })).toThrow(
      DtypeError,
    );
  });

  it('error: nothing is left behind when a call is refused', async () => {
    const x = tf.tensor2d(normalRows(4, 2, 1));
    await expectNoLeak(() => {
      expect(() => knn(x, x, 9)).toThrow(DomainError);
      expect(() => knn(x, [[1, 2, 3]], 1)).toThrow(ShapeError);
      expect(() => knn(x, x, 1, { allowed: new Int32Array(9) })).toThrow(ShapeError);
    });
    x.dispose();
  });
});
