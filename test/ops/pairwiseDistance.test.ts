import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import { pairwiseDistance } from '../../src/ops/pairwiseDistance.js';
import { PLAIN_METRICS } from '../support/forms.js';
import { referencePairwise } from '../reference/pairwiseDistance.js';
import { normalRows, PROPERTY, rowSets } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp, kernelNameOf, kernelsRun } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { numericGradient } from '../support/gradcheck.js';
import { expectNoLeak } from '../support/leaks.js';
import { distanceTolerance, TOLERANCES } from '../support/tolerances.js';

async function valuesOf(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return values;
}

describeOp('pairwiseDistance', ({ form, run }) => {
  const distances = (x: Matrix, y: Matrix | undefined, metric: (typeof PLAIN_METRICS)[number]) =>
    valuesOf(run(() => pairwiseDistance(x, y, { metric })));

  it('runs the form that the test names', async () => {
    const x = tf.randomNormal([4, 3]);
    const names = await kernelsRun(() => run(() => pairwiseDistance(x)));
    expect(names.includes(kernelNameOf('pairwiseDistance'))).toBe(form === 'kernel');
    x.dispose();
  });

  describe.each(PLAIN_METRICS)('%s', (metric) => {
    it('reference: float64 oracle, row counts and features round the tiles', async () => {
      const sizes = [
        [1, 1, 1],
        [3, 5, 2],
        [7, 9, 3],
        [8, 8, 4],
        [17, 33, 5],
        [31, 16, 16],
        [5, 65, 31],
        [64, 3, 33],
        [2, 7, 129],
        [3, 4, 1025],
        [2, 3, 4096],
      ];
      for (const [n, m, d] of sizes) {
        const x = normalRows(n, d, 7 * n + d);
        const y = normalRows(m, d, 11 * m + d);
        expectClose(
          await distances(x, y, metric),
          referencePairwise(metric, x, y).flat(),
          distanceTolerance(metric),
        );
      }
    });

    it('property: equals the oracle on random shapes', async () => {
      await fc.assert(
        fc.asyncProperty(rowSets({ n: 20, m: 20, d: 40 }), async ([x, y]) => {
          const want = referencePairwise(metric, x, y).flat();
          expectClose(await distances(x, y, metric), want, distanceTolerance(metric));
        }),
        PROPERTY,
      );
    });

    it('property: symmetric to the bit, never negative, zero on the diagonal', async () => {
      const x = normalRows(37, 19, 3);
      const d = await distances(x, undefined, metric);
      for (let i = 0; i < 37; i++) {
        for (let j = 0; j < 37; j++) {
          expect(d[i * 37 + j]).toBeGreaterThanOrEqual(0);
          if (metric !== 'cosine') expect(d[i * 37 + j]).toBe(d[j * 37 + i]);
        }
        const rounding = metric === 'cosine' ? TOLERANCES.cosine.absolute : 0;
        expect(d[i * 37 + i]).toBeLessThanOrEqual(rounding);
      }
    });

    it('edge: NaN stays in its row', async () => {
      const x = [
        [NaN, 1],
        [2, 3],
      ];
      const d = await distances(x, [[1, 1]], metric);
      expect(d[0]).toBeNaN();
      expect(d[1]).not.toBeNaN();
    });

    it('edge: no rows, and no features', async () => {
      const empty = run(() => pairwiseDistance(tf.zeros([0, 3]), tf.zeros([2, 3]), { metric }));
      expect(empty.shape).toEqual([0, 2]);
      empty.dispose();
      const none = run(() => pairwiseDistance(tf.zeros([2, 0]), tf.zeros([1, 0]), { metric }));
      const want = metric === 'cosine' ? 1 : 0;
      expect([...(await valuesOf(none))]).toEqual([want, want]);
    });

    it('edge: batch dimensions broadcast', async () => {
      const x = [normalRows(3, 4, 1), normalRows(3, 4, 2)];
      const y = normalRows(5, 4, 3);
      const d = run(() => pairwiseDistance(x, y, { metric }));
      expect(d.shape).toEqual([2, 3, 5]);
      const want = x.flatMap((block) => referencePairwise(metric, block, y).flat());
      expectClose(await valuesOf(d), want, distanceTolerance(metric));
    });

    it('gradient: equals central differences of the oracle in x and y', async () => {
      const [n, m, d] = [3, 4, 5];
      const x = normalRows(n, d, 21);
      const y = normalRows(m, d, 22);
      const weights = normalRows(n, m, 23);
      const rowsOf = (flat: readonly number[]): Matrix =>
        Array.from({ length: flat.length / d }, (_, i) => flat.slice(i * d, (i + 1) * d));
      const loss = (a: Matrix, b: Matrix): number =>
        referencePairwise(metric, a, b)
          .flat()
          .reduce((sum, value, i) => sum + value * weights.flat()[i], 0);
      const got = run(() =>
        tf.tidy(() => {
          const f = (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
            tf.sum(tf.mul(pairwiseDistance(a, b, { metric }), tf.tensor2d(weights)));
          return tf.grads(f)([tf.tensor2d(x), tf.tensor2d(y)]);
        }),
      );
      const wantX = numericGradient((flat) => loss(rowsOf(flat), y), x.flat());
      const wantY = numericGradient((flat) => loss(x, rowsOf(flat)), y.flat());
      expectClose(await valuesOf(got[0]), wantX, TOLERANCES.gradient);
      expectClose(await valuesOf(got[1]), wantY, TOLERANCES.gradient);
    });

    it('gradient: finite at coincident rows and zero vectors, and 0 where stated', async () => {
      const x = [
        [1, 2],
        [0, 0],
      ];
      const gradient = run(() =>
        tf.tidy(() => tf.grad((a) => tf.sum(pairwiseDistance(a, x, { metric })))(tf.tensor2d(x))),
      );
      const values = await valuesOf(gradient);
      expect([...values].every(Number.isFinite)).toBe(true);
      if (metric === 'cosine') expect([values[2], values[3]]).toEqual([0, 0]);
      const same = run(() =>
        tf.tidy(() =>
          tf.grad((a) => tf.sum(pairwiseDistance(a, [[1, 2]], { metric })))(tf.tensor2d([[1, 2]])),
        ),
      );
      for (const value of await valuesOf(same)) expect(Math.abs(value)).toBeLessThan(1e-6);
    });

    it('gradient: flows through both roles of one tensor', async () => {
      const x = normalRows(4, 3, 5);
      const both = run(() =>
        tf.tidy(() => {
          const f = (a: tf.Tensor): tf.Scalar => tf.sum(pairwiseDistance(a, a, { metric }));
          const [left, right] = tf.grads((a: tf.Tensor, b: tf.Tensor) =>
            tf.sum(pairwiseDistance(a, b, { metric })),
          )([tf.tensor2d(x), tf.tensor2d(x)]);
          return [tf.grad(f)(tf.tensor2d(x)), tf.add(left, right)];
        }),
      );
      const [got, want] = await Promise.all(both.map(valuesOf));
      expectClose(got, want, TOLERANCES.gradient);
    });

    it('memory: nothing is left after value and gradient', async () => {
      const x = tf.tensor2d(normalRows(5, 3, 1));
      await expectNoLeak(async () => {
        const d = run(() => pairwiseDistance(x, x, { metric }));
        await d.data();
        d.dispose();
        const g = run(() => tf.grad((a) => tf.sum(pairwiseDistance(a, a, { metric })))(x));
        await g.data();
        g.dispose();
      });
      x.dispose();
    });
  });

  it('edge: close rows far from the origin do not collapse', async () => {
    expect([...(await distances([[512695]], [[512804]], 'euclidean'))]).toEqual([109]);
    expect([...(await distances([[10000]], [[10001]], 'euclidean'))]).toEqual([1]);
    const one = [Array<number>(1000).fill(1)];
    const near = [Array<number>(1000).fill(Math.fround(1.001))];
    const want = referencePairwise('euclidean', one, near).flat();
    expectClose(await distances(one, near, 'euclidean'), want, TOLERANCES.distance);
  });

  it('edge: overflow gives infinity, a zero vector has cosine distance 1', async () => {
    expect([...(await distances([[1e30]], [[-1e30]], 'sqeuclidean'))]).toEqual([Infinity]);
    expect([...(await distances([[0, 0]], [[1, 2]], 'cosine'))]).toEqual([1]);
  });
});

describe('pairwiseDistance arguments', () => {
  it('error: ShapeError names both shapes when feature counts differ', () => {
    const call = (): tf.Tensor => pairwiseDistance(tf.zeros([2, 3]), tf.zeros([4, 2]));
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(
      'pairwiseDistance: y must have as many features (last dimension) as x, which has shape [2, 3], got shape [4, 2]',
    );
  });

  it('error: ShapeError for a vector says how to make it a row', () => {
    expect(() => pairwiseDistance(tf.zeros([3]))).toThrow(
      'pairwiseDistance: x must have shape [..., rows, features], rank 2 or more, got shape [3]. A single vector is one row: x.reshape([1, -1]).',
    );
  });

  it('error: ShapeError for batch shapes that do not broadcast', () => {
    expect(() => pairwiseDistance(tf.zeros([2, 1, 3]), tf.zeros([3, 1, 3]))).toThrow(
      'pairwiseDistance: y must have batch dimensions that broadcast with those of x',
    );
  });

  it('error: DtypeError for integers', () => {
    const call = (): tf.Tensor => pairwiseDistance(tf.zeros([2, 3], 'int32'));
    expect(call).toThrow(DtypeError);
    expect(call).toThrow('x must be float32, got int32. Convert with x.toFloat().');
  });

  it('error: DomainError lists the metrics', () => {
    const metric = 'euclid' as 'euclidean';
    expect(() => pairwiseDistance([[1]], [[1]], { metric })).toThrow(DomainError);
    expect(() => pairwiseDistance([[1]], [[1]], { metric })).toThrow(
      'pairwiseDistance: metric must be one of ',
    );
  });

  it('aliases mean the same', async () => {
    const x = [[1, 2]];
    const y = [[4, 6]];
    const of = (metric: 'l1' | 'cityblock' | 'l2'): Promise<Float32Array> =>
      valuesOf(pairwiseDistance(x, y, { metric }));
    expect([...(await of('l1'))]).toEqual([7]);
    expect([...(await of('cityblock'))]).toEqual([7]);
    expect([...(await of('l2'))]).toEqual([5]);
  });
});
