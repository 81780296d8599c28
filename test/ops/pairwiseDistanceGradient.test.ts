import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { pairwiseDistance } from '../../src/ops/pairwiseDistance.js';
import { referencePairwise } from '../reference/pairwiseDistance.js';
import { normalRows } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { numericGradient, rowsOf, weightedSum } from '../support/gradcheck.js';
import { METRIC_CASES, featuresOf, optionsOf } from '../support/metricCases.js';
import { TOLERANCES } from '../support/tolerances.js';

async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = [...(await tensor.data())];
  tensor.dispose();
  return values;
}

describeOp('pairwiseDistance', ({ run }) => {
  describe.each(METRIC_CASES.map((entry) => [entry.title, entry] as const))('%s', (_, entry) => {
    const d = featuresOf(entry, 5);
    const options = optionsOf(entry, d);
    const isConstant = ['hamming', 'jaccard'].includes(entry.metric);

    it('equals central differences of the oracle in x and y', async () => {
      const [n, m] = [3, 4];
      const x = entry.rows(n, d, 21);
      const y = entry.rows(m, d, 22);
      const weights = normalRows(1, n * m, 23)[0];
      const [dx, dy] = run(() =>
        tf.tidy(() => {
          const f = (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
            tf.sum(tf.mul(pairwiseDistance(a, b, options), tf.tensor2d(weights, [n, m])));
          return tf.grads(f)([tf.tensor2d(x), tf.tensor2d(y)]);
        }),
      );
      const got = [await valuesOf(dx), await valuesOf(dy)];
      if (isConstant) {
        expect(got.flat().map(Math.abs)).toEqual(Array((n + m) * d).fill(0));
        return;
      }
      const parameters = entry.parameters(d);
      const loss = (a: Matrix, b: Matrix): number =>
        weightedSum(referencePairwise(entry.metric, a, b, parameters).flat(), weights);
      const wantX = numericGradient((flat) => loss(rowsOf(flat, d), y), x.flat());
      const wantY = numericGradient((flat) => loss(x, rowsOf(flat, d)), y.flat());
      expectClose(got[0], wantX, TOLERANCES.gradient);
      expectClose(got[1], wantY, TOLERANCES.gradient);
    });

    it('is finite at coincident rows and rows of zeros, and 0 where two rows coincide', async () => {
      const [row] = entry.rows(1, d, 2);
      const x = [row, Array<number>(d).fill(0)];
      const gradient = (rows: Matrix, others: Matrix): Promise<number[]> =>
        valuesOf(
          run(() =>
            tf.tidy(() =>
              tf.grad((a) => tf.sum(pairwiseDistance(a, tf.tensor2d(others), options)))(
                tf.tensor2d(rows),
              ),
            ),
          ),
        );
      // A row of zeros has no shares.
      const hasZeros = !['kl', 'jensenshannon'].includes(entry.metric);
      const values = await gradient(hasZeros ? x : [row], hasZeros ? x : [row]);
      expect(values.every(Number.isFinite)).toBe(true);
      if (entry.metric === 'innerProduct') return;
      const angles = ['cosine', 'correlation', 'spherical'];
      const slack = angles.includes(entry.metric) ? 1e-3 : 0;
      for (const value of await gradient([row], [row])) {
        expect(Math.abs(value)).toBeLessThanOrEqual(slack);
      }
    });

    it('flows through both roles of one tensor', async () => {
      const x = entry.rows(4, d, 5);
      const both = run(() =>
        tf.tidy((): tf.Tensor[] => {
          const f = (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
            tf.sum(pairwiseDistance(a, b, options));
          const [left, right] = tf.grads(f)([tf.tensor2d(x), tf.tensor2d(x)]);
          return [tf.grad((a) => f(a, a))(tf.tensor2d(x)), tf.add(left, right)];
        }),
      );
      const [got, want] = await Promise.all(both.map(valuesOf));
      expectClose(got, want, TOLERANCES.gradient);
    });

    it('sums over broadcast batches', async () => {
      const x = [entry.rows(2, d, 1), entry.rows(2, d, 2)];
      const y = entry.rows(3, d, 3);
      const [batched, flat] = run(() =>
        tf.tidy((): tf.Tensor[] => {
          const of = (rows: tf.Tensor): tf.Tensor =>
            tf.grad((b) => tf.sum(pairwiseDistance(rows, b, options)))(tf.tensor2d(y));
          return [of(tf.tensor3d(x)), of(tf.tensor2d(x.flat()))];
        }),
      );
      expect(batched.shape).toEqual([3, d]);
      expectClose(await valuesOf(batched), await valuesOf(flat), TOLERANCES.gradient);
    });
  });

  it('of the second order, for euclidean: the Hessian along a direction', async () => {
    const x = normalRows(1, 3, 1);
    const y = normalRows(1, 3, 2);
    const got = run(() =>
      tf.tidy(() => {
        const first = (a: tf.Tensor): tf.Tensor =>
          tf.grad((b) => tf.sum(pairwiseDistance(b, tf.tensor2d(y))))(a);
        return tf.grad((a) => tf.sum(tf.square(first(a))))(tf.tensor2d(x));
      }),
    );
    // |gradient| of a distance is 1 everywhere, so its square has no slope.
    for (const value of await valuesOf(got)) expect(Math.abs(value)).toBeLessThan(1e-4);
  });
});
