import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { knn } from '../../src/ops/knn.js';
import type { KnnOptions } from '../../src/ops/knn.js';
import { packBits } from '../../src/util/bits.js';
import { referenceKnn } from '../reference/knn.js';
import type { Matrix } from '../support/arbitraries.js';
import { normalRows } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { numericGradient, rowsOf, weightedSum } from '../support/gradcheck.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import { TOLERANCES } from '../support/tolerances.js';

describeOp('knn', ({ run }) => {
  /** Gradients of the weighted sum of the distances, by queries and points. */
  const gradients = async (
    queries: Matrix,
    points: Matrix,
    k: number,
    weights: readonly number[],
    options: KnnOptions,
  ): Promise<number[][]> => {
    const both = run(() =>
      tf.tidy(() => {
        const loss = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => {
          const { distances } = knn(a, b, k, options);
          const weighted = tf.mul(distances, tf.tensor(weights as number[], distances.shape));
          // An empty slot holds infinity.
          return tf.sum(tf.where(tf.isFinite(distances), weighted, tf.zerosLike(weighted)));
        };
        return tf.grads(loss)([tf.tensor2d(queries), tf.tensor2d(points)]);
      }),
    );
    const values = await Promise.all(both.map((gradient) => gradient.data()));
    tf.dispose(both);
    return values.map((v) => [...v]);
  };
  const ones = (count: number): number[] => Array<number>(count).fill(1);

  describe.each(METRIC_CASES.map((entry) => [entry.title, entry] as const))('%s', (_, entry) => {
    const d = featuresOf(entry, 4);
    const options = optionsOf(entry, d);

    it('equals central differences of the oracle in queries and points', async () => {
      const [q, n, k] = [3, 7, 3];
      const queries = entry.rows(q, d, 41);
      const points = entry.rows(n, d, 42);
      if (['hamming', 'jaccard'].includes(entry.metric)) {
        // Constant wherever it can be differentiated.
        const got = await gradients(queries, points, k, ones(q * k), options);
        for (const value of got.flat()) expect(value).toBe(0);
        return;
      }
      const weights = normalRows(1, q * k, 43)[0];
      const parameters = entry.parameters(d);
      const loss = (a: Matrix, b: Matrix): number =>
        weightedSum(
          referenceKnn(entry.metric, a, b, k, { parameters }).flatMap((row) => row.distances),
          weights,
        );
      const [ofQueries, ofPoints] = await gradients(queries, points, k, weights, options);
      const wantQ = numericGradient((flat) => loss(rowsOf(flat, d), points), queries.flat());
      const wantP = numericGradient((flat) => loss(queries, rowsOf(flat, d)), points.flat());
      expectClose(ofQueries, wantQ, TOLERANCES.gradient);
      expectClose(ofPoints, wantP, TOLERANCES.gradient);
    });

    if (entry.metric === 'innerProduct') return;

    it('is 0 at coincident rows and for points that no query chose', async () => {
      const [row] = entry.rows(1, d, 3);
      const others = entry.rows(5, d, 4);
      const [ofQueries, ofPoints] = await gradients([row], [...others, row], 1, [1], options);
      const slack = ['cosine', 'correlation', 'spherical'].includes(entry.metric) ? 1e-3 : 0;
      for (const value of [...ofQueries, ...ofPoints.slice(5 * d)]) {
        expect(Math.abs(value)).toBeLessThanOrEqual(slack);
      }
      expect(ofPoints.slice(0, 5 * d).map(Math.abs)).toEqual(Array(5 * d).fill(0));
    });
  });

  it('of empty slots, NaN and forbidden points is 0', async () => {
    const points = [
      [1, 2],
      [NaN, 0],
      [0, 0],
      [5, 5],
    ];
    for (const title of ['euclidean', 'cosine', 'cityblock', 'innerProduct', 'canberra']) {
      const options = {
        ...optionsOf(metricCase(title), 2),
        allowed: packBits([1, 1, 1, 0]),
        pad: true,
      };
      const queries = [
        [1, 3],
        [2, 2],
      ];
      const [ofQueries, ofPoints] = await gradients(queries, points, 5, ones(10), options);
      expect(ofQueries.every(Number.isFinite), title).toBe(true);
      expect(ofPoints.slice(2, 4).map(Math.abs), title).toEqual([0, 0]);
      expect(ofPoints.slice(6).map(Math.abs), title).toEqual([0, 0]);
      expect(ofPoints.every(Number.isFinite), title).toBe(true);
    }
  });

  it('adds up where several queries chose one point, in the same bits every time', async () => {
    const queries = normalRows(40, 3, 1);
    const points = normalRows(2, 3, 2);
    const options: KnnOptions = { metric: 'sqeuclidean' };
    const [ofQueries, ofPoints] = await gradients(queries, points, 2, ones(80), options);
    // Every query chose both points: d/dp sum |q - p|^2 = 2 (n p - sum q).
    const want = points.flatMap((point) =>
      point.map((v, f) => 2 * queries.reduce((sum, query) => sum + v - query[f], 0)),
    );
    expectClose(ofPoints, want, TOLERANCES.gradient);
    const again = await gradients(queries, points, 2, ones(80), options);
    expect(again).toEqual([ofQueries, ofPoints]);
  });

  it('of a search within one tensor flows through both roles', async () => {
    const x = normalRows(5, 3, 1);
    const [sum, parts] = run(() =>
      tf.tidy((): tf.Tensor[] => {
        const f = (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
          tf.sum(knn(a, b, 2, { excludeSelf: true }).distances);
        const [left, right] = tf.grads(f)([tf.tensor2d(x), tf.tensor2d(x)]);
        return [tf.grad((a) => f(a, a))(tf.tensor2d(x)), tf.add(left, right)];
      }),
    );
    expectClose(await sum.data(), await parts.data(), TOLERANCES.gradient);
    tf.dispose([sum, parts]);
  });

  it('broadcasts: the shared side gets the sum over the batch', async () => {
    const queries = [normalRows(2, 3, 1), normalRows(2, 3, 2)];
    const points = normalRows(5, 3, 3);
    const [dq, dp] = run(() =>
      tf.tidy(() =>
        tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.sum(knn(a, b, 2).distances))([
          tf.tensor3d(queries),
          tf.tensor2d(points),
        ]),
      ),
    );
    expect(dq.shape).toEqual([2, 2, 3]);
    expect(dp.shape).toEqual([5, 3]);
    const got = [await dq.data(), await dp.data()];
    tf.dispose([dq, dp]);
    const alone = await gradients(queries.flat(), points, 2, ones(8), {});
    expectClose(got[0], alone[0], TOLERANCES.gradient);
    expectClose(got[1], alone[1], TOLERANCES.gradient);
  });
});
