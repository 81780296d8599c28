import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { knn } from '../../src/ops/knn.js';
import type { KnnOptions, KnnResult } from '../../src/ops/knn.js';
import { PLAIN_METRICS } from '../support/forms.js';
import { referenceKnn } from '../reference/knn.js';
import { referenceDistance } from '../reference/pairwiseDistance.js';
import { normalRows, PROPERTY, rowSets } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp, kernelNameOf, kernelsRun } from '../support/backends.js';
import { expectClose, expectNeighbours } from '../support/compare.js';
import { numericGradient } from '../support/gradcheck.js';
import { expectNoLeak } from '../support/leaks.js';
import { distanceTolerance, TOLERANCES } from '../support/tolerances.js';

interface Found {
  readonly distances: Float32Array;
  readonly indices: Int32Array;
}

async function read({ distances, indices }: KnnResult): Promise<Found> {
  const found = {
    distances: (await distances.data()) as Float32Array,
    indices: (await indices.data()) as Int32Array,
  };
  tf.dispose([distances, indices]);
  return found;
}

describeOp('knn', ({ form, run }) => {
  const find = (
    queries: Matrix | tf.Tensor,
    points: Matrix | tf.Tensor,
    k: number,
    options: KnnOptions = {},
  ): Promise<Found> => read(run(() => knn(queries, points, k, options)));

  it('runs the form that the test names', async () => {
    const x = tf.randomNormal([4, 3]);
    const names = await kernelsRun(() => run(() => knn(x, x, 2).distances));
    expect(names.includes(kernelNameOf('knn'))).toBe(form === 'kernel');
    x.dispose();
  });

  describe.each(PLAIN_METRICS)('%s', (metric) => {
    it('reference: float64 oracle, sizes round the tiles, k from 1 to n', async () => {
      const sizes = [
        [1, 1, 1, 1],
        [3, 7, 2, 3],
        [5, 8, 4, 8],
        [4, 9, 3, 1],
        [9, 33, 17, 16],
        [2, 65, 5, 33],
        [7, 257, 8, 25],
        [3, 300, 31, 300],
      ];
      for (const [q, n, d, k] of sizes) {
        const queries = normalRows(q, d, q + 3 * d);
        const points = normalRows(n, d, n + 5 * d);
        expectNeighbours(
          await find(queries, points, k, { metric }),
          referenceKnn(metric, queries, points, k),
          (i, j) => referenceDistance(metric, queries[i], points[j]),
          distanceTolerance(metric),
        );
      }
    });

    it('property: equals the oracle on random shapes and k', async () => {
      const cases = rowSets({ n: 12, m: 60, d: 12 }).chain(([queries, points]) =>
        fc.integer({ min: 1, max: points.length }).map((k) => ({ queries, points, k })),
      );
      await fc.assert(
        fc.asyncProperty(cases, async ({ queries, points, k }) => {
          expectNeighbours(
            await find(queries, points, k, { metric }),
            referenceKnn(metric, queries, points, k),
            (i, j) => referenceDistance(metric, queries[i], points[j]),
            distanceTolerance(metric),
          );
        }),
        PROPERTY,
      );
    });

    it('property: a permutation of the points permutes the indices', async () => {
      const queries = normalRows(6, 5, 31);
      const points = normalRows(40, 5, 32);
      const order = points.map((_, i) => (i * 17) % 40);
      const straight = await find(queries, points, 7, { metric });
      const shuffled = await find(
        queries,
        order.map((i) => points[i]),
        7,
        { metric },
      );
      expectClose(shuffled.distances, straight.distances, distanceTolerance(metric));
      expect(Array.from(shuffled.indices, (i) => order[i])).toEqual([...straight.indices]);
    });

    it('edge: ties keep the lower index', async () => {
      const points = Array.from({ length: 50 }, () => [1, 2, 3]);
      const { indices } = await find([[3, 1, 2]], points, 9, { metric });
      expect([...indices]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    });

    it('edge: self is left out by index, its twin stays', async () => {
      const points = [
        [1, 0],
        [1, 0],
        [0, 1],
        [0.5, 1],
      ];
      const { indices } = await find(points, points, 1, { metric, excludeSelf: true });
      expect([...indices]).toEqual([1, 0, 3, 2]);
      const offset = await find(points.slice(2), points, 3, {
        metric,
        excludeSelf: { offset: 2 },
      });
      expect([...offset.indices.slice(0, 3)]).not.toContain(2);
      expect([...offset.indices.slice(3)]).not.toContain(3);
    });

    it('edge: a NaN point is never returned, a NaN query finds nothing', async () => {
      const queries = [
        [0.25, 1],
        [NaN, 0],
      ];
      const points = [
        [NaN, 0],
        [1, 0.5],
        [0, 0.125],
      ];
      const { distances, indices } = await find(queries, points, 3, { metric });
      expect([...indices.slice(0, 3)].sort((a, b) => a - b)).toEqual([-1, 1, 2]);
      expect(indices[2]).toBe(-1);
      expect(distances[2]).toBe(Infinity);
      expect([...indices.slice(3)]).toEqual([-1, -1, -1]);
      expect([...distances.slice(3)]).toEqual([Infinity, Infinity, Infinity]);
    });

    it('edge: batch dimensions broadcast, no queries give no rows', async () => {
      const queries = [normalRows(3, 4, 1), normalRows(3, 4, 2)];
      const points = normalRows(9, 4, 3);
      const result = run(() => knn(queries, points, 2, { metric }));
      expect(result.distances.shape).toEqual([2, 3, 2]);
      const flat = queries.flat();
      expectNeighbours(
        await read(result),
        referenceKnn(metric, flat, points, 2),
        (i, j) => referenceDistance(metric, flat[i], points[j]),
        distanceTolerance(metric),
      );
      const none = run(() => knn(tf.zeros([0, 4]), points, 2, { metric }));
      expect(none.indices.shape).toEqual([0, 2]);
      tf.dispose([none.distances, none.indices]);
    });

    it('gradient: distances equal central differences of the oracle in queries and points', async () => {
      const [q, n, d, k] = [3, 6, 4, 2];
      const queries = normalRows(q, d, 41);
      const points = normalRows(n, d, 42);
      const weights = normalRows(q, k, 43);
      const rowsOf = (flat: readonly number[]): Matrix =>
        Array.from({ length: flat.length / d }, (_, i) => flat.slice(i * d, (i + 1) * d));
      const loss = (a: Matrix, b: Matrix): number =>
        referenceKnn(metric, a, b, k)
          .flatMap((row) => row.distances)
          .reduce((sum, value, i) => sum + value * weights.flat()[i], 0);
      const gradients = run(() =>
        tf.tidy(() => {
          const f = (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
            tf.sum(tf.mul(knn(a, b, k, { metric }).distances, tf.tensor2d(weights)));
          return tf.grads(f)([tf.tensor2d(queries), tf.tensor2d(points)]);
        }),
      );
      const [gotQ, gotP] = await Promise.all(gradients.map((g) => g.data()));
      tf.dispose(gradients);
      const wantQ = numericGradient((flat) => loss(rowsOf(flat), points), queries.flat());
      const wantP = numericGradient((flat) => loss(queries, rowsOf(flat)), points.flat());
      expectClose(gotQ, wantQ, TOLERANCES.gradient);
      expectClose(gotP, wantP, TOLERANCES.gradient);
    });

    it('gradient: finite at coincident rows and empty slots', async () => {
      const points = tf.tensor2d([
        [1, 2],
        [NaN, 0],
        [0, 0],
      ]);
      const gradients = run(() =>
        tf.tidy(() =>
          tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.sum(knn(a, b, 3, { metric }).distances))([
            tf.tensor2d([
              [1, 2],
              [0, 0],
            ]),
            points,
          ]),
        ),
      );
      for (const gradient of gradients) {
        expect(Array.from(await gradient.data()).every(Number.isFinite)).toBe(true);
      }
      tf.dispose([points, ...gradients]);
    });

    it('memory: nothing is left after value and gradient', async () => {
      const x = tf.tensor2d(normalRows(6, 3, 1));
      await expectNoLeak(async () => {
        await find(x, x, 2, { metric, excludeSelf: true });
        const g = run(() => tf.grad((a) => tf.sum(knn(a, a, 2, { metric }).distances))(x));
        await g.data();
        g.dispose();
      });
      x.dispose();
    });
  });

  it('edge: repeated runs agree to the bit', async () => {
    const queries = normalRows(20, 12, 1);
    const points = normalRows(500, 12, 2);
    const first = await find(queries, points, 25);
    const second = await find(queries, points, 25);
    expect(second.distances).toEqual(first.distances);
    expect(second.indices).toEqual(first.indices);
  });
});

describe('knn arguments', () => {
  it('error: DomainError for k outside [1, n] or not an integer', () => {
    for (const k of [0, -1, 5, 1.5, NaN]) {
      const call = (): KnnResult => knn(tf.zeros([1, 2]), tf.zeros([4, 2]), k);
      expect(call).toThrow(DomainError);
      expect(call).toThrow(
        `knn: k must be an integer in [1, n = 4], got ${k}. Lower k, add points, or pass pad: true to fill up with index -1.`,
      );
    }
  });

  it('error: k may be at most n - 1 when self is excluded', () => {
    const x = tf.zeros([4, 2]);
    expect(() => knn(x, x, 4, { excludeSelf: true })).toThrow(
      'knn: k must be an integer in [1, n - 1 = 3] when self is excluded, got 4.',
    );
  });

  it('error: DomainError for a fractional offset', () => {
    const x = tf.zeros([4, 2]);
    expect(() => knn(x, x, 1, { excludeSelf: { offset: 0.5 } })).toThrow(
      'knn: excludeSelf.offset must be an integer, got 0.5.',
    );
  });

  it('error: ShapeError when feature counts differ', () => {
    const call = (): KnnResult => knn(tf.zeros([1, 2]), tf.zeros([4, 3]), 1);
    expect(call).toThrow(ShapeError);
    expect(call).toThrow('knn: points must have as many features (last dimension) as queries');
  });

  it('error: unknown metric', () => {
    const metric = 'l3' as 'l2';
    expect(() => knn(tf.zeros([1, 2]), tf.zeros([4, 2]), 1, { metric })).toThrow(
      'knn: metric must be one of ',
    );
  });
});
