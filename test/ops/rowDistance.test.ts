import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import { rowDistance } from '../../src/ops/rowDistance.js';
import type { MetricOptions } from '../../src/ops/metricRows.js';
import { referenceRowDistance } from '../reference/rowDistance.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp, kernelNameOf, kernelsRun } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { numericGradient, rowsOf, weightedSum } from '../support/gradcheck.js';
import { expectNoLeak } from '../support/leaks.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import type { MetricCase } from '../support/metricCases.js';
import { TOLERANCES } from '../support/tolerances.js';

async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = [...(await tensor.data())];
  tensor.dispose();
  return values;
}

describeOp('rowDistance', ({ form, run }) => {
  const distances = (x: Matrix, y: Matrix, options: MetricOptions = {}): Promise<number[]> =>
    valuesOf(run(() => rowDistance(x, y, options)));

  const expectOracle = async (entry: MetricCase, x: Matrix, y: Matrix): Promise<void> => {
    const d = x[0].length;
    const got = await distances(x, y, optionsOf(entry, d));
    const want = referenceRowDistance(entry.metric, x, y, entry.parameters(d));
    expectClose(got, want, entry.tolerance, entry.scale(x, y));
  };

  it('runs the form that the test names', async () => {
    const x = tf.randomNormal([4, 3]);
    const names = await kernelsRun(() => run(() => rowDistance(x, x)));
    expect(names.includes(kernelNameOf('rowDistance'))).toBe(form === 'kernel');
    x.dispose();
  });

  describe.each(METRIC_CASES.map((entry) => [entry.title, entry] as const))('%s', (_, entry) => {
    it('reference: the oracle, sizes round the tiles', async () => {
      for (const [n, d] of [
        [1, 1],
        [5, 2],
        [33, 3],
        [64, 16],
        [257, 7],
        [9, 65],
        [3, 300],
      ]) {
        const features = featuresOf(entry, d);
        await expectOracle(entry, entry.rows(n, features, n), entry.rows(n, features, n + 1));
      }
    });

    it('gradient: equals central differences of the oracle; 0 at coincident rows', async () => {
      const d = featuresOf(entry, 4);
      const n = 3;
      const options = optionsOf(entry, d);
      const x = entry.rows(n, d, 1);
      const y = entry.rows(n, d, 2);
      const weights = normalRows(1, n, 3)[0];
      const gradients = async (a: Matrix, b: Matrix): Promise<number[][]> => {
        const both = run(() =>
          tf.tidy(() => {
            const f = (s: tf.Tensor, t: tf.Tensor): tf.Scalar =>
              tf.sum(tf.mul(rowDistance(s, t, options), tf.tensor1d(weights)));
            return tf.grads(f)([tf.tensor2d(a), tf.tensor2d(b)]);
          }),
        );
        return Promise.all(both.map(valuesOf));
      };
      const [dx, dy] = await gradients(x, y);
      if (['hamming', 'jaccard'].includes(entry.metric)) {
        for (const value of [...dx, ...dy]) expect(Math.abs(value)).toBe(0);
      } else {
        const loss = (a: Matrix, b: Matrix): number =>
          weightedSum(referenceRowDistance(entry.metric, a, b, entry.parameters(d)), weights);
        const wantX = numericGradient((flat) => loss(rowsOf(flat, d), y), x.flat());
        const wantY = numericGradient((flat) => loss(x, rowsOf(flat, d)), y.flat());
        expectClose(dx, wantX, TOLERANCES.gradient);
        expectClose(dy, wantY, TOLERANCES.gradient);
      }
      if (entry.metric === 'innerProduct') return;
      const slack = ['cosine', 'correlation', 'spherical'].includes(entry.metric) ? 1e-3 : 0;
      for (const value of (await gradients(x, x)).flat()) {
        expect(Math.abs(value)).toBeLessThanOrEqual(slack);
      }
    });

    it('memory: nothing is left after value and gradient', async () => {
      const d = featuresOf(entry, 3);
      const x = tf.tensor2d(entry.rows(5, d, 1));
      const options = optionsOf(entry, d);
      await expectNoLeak(async () => {
        await valuesOf(run(() => rowDistance(x, x, options)));
        await valuesOf(
          run(() => tf.grad((a) => tf.sum(rowDistance(a, a, options)))(x)),
        );
      });
      x.dispose();
    });
  });

  it('property: equals the oracle on random shapes and metrics', async () => {
    const cases = fc.record({
      title: fc.constantFrom(...METRIC_CASES.map(({ title }) => title)),
      n: fc.integer({ min: 1, max: 70 }),
      d: fc.integer({ min: 1, max: 40 }),
      seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ title, n, d, seed }) => {
        const entry = metricCase(title);
        const features = featuresOf(entry, d);
        await expectOracle(entry, entry.rows(n, features, seed), entry.rows(n, features, seed + 1));
      }),
      PROPERTY,
    );
  });

  it('edge: all dimensions but the last broadcast, for every metric', async () => {
    for (const entry of METRIC_CASES) {
      const d = featuresOf(entry, 4);
      const x = [entry.rows(3, d, 1), entry.rows(3, d, 2)];
      const y = entry.rows(1, d, 3);
      const options = optionsOf(entry, d);
      const got = run(() => rowDistance(tf.tensor3d(x), tf.tensor2d(y), options));
      expect(got.shape, entry.title).toEqual([2, 3]);
      const rows = x.flat();
      const want = referenceRowDistance(
        entry.metric,
        rows,
        rows.map(() => y[0]),
        entry.parameters(d),
      );
      expectClose(await valuesOf(got), want, entry.tolerance, entry.scale(rows, y));
    }
  });

  it('edge: no rows, no features, NaN', async () => {
    const none = run(() => rowDistance(tf.zeros([0, 3]), tf.zeros([0, 3])));
    expect(none.shape).toEqual([0]);
    none.dispose();
    for (const entry of METRIC_CASES) {
      if (entry.features === undefined) {
        const got = await valuesOf(
          run(() => rowDistance(tf.zeros([2, 0]), tf.zeros([2, 0]), optionsOf(entry, 0))),
        );
        const want = referenceRowDistance(entry.metric, [[], []], [[], []], entry.parameters(0));
        expectClose(got, want, entry.tolerance);
      }
      const d = featuresOf(entry, 3);
      const [a, b] = entry.rows(2, d, 1);
      const x = [[NaN, ...a.slice(1)], a, [...a.slice(0, -1), NaN]];
      const values = await distances(x, [b, b, b], optionsOf(entry, d));
      expect(values.map(Number.isNaN), entry.title).toEqual([true, false, true]);
    }
  });

  it('edge: far from the origin and among near duplicates', async () => {
    expect(await distances([[512695]], [[512804]])).toEqual([109]);
    for (const entry of METRIC_CASES.filter(({ translates }) => translates)) {
      const [x, y] = [1, 2].map((seed) =>
        entry.rows(9, 6, seed).map((row) => row.map((v) => Math.fround(v + 1e6))),
      );
      const near = { ...entry, scale: () => entry.scale(entry.rows(9, 6, 1), [[4]]) };
      await expectOracle(near, x, y);
    }
    const [row] = normalRows(1, 64, 1);
    const beside = row.map((v, f) => (f === 7 ? Math.fround(v * (1 + 2 ** -20)) : v));
    await expectOracle(metricCase('euclidean'), [row], [beside]);
  });

  it('edge: the same bits on every run', async () => {
    for (const entry of METRIC_CASES) {
      const d = featuresOf(entry, 9);
      const [x, y] = [entry.rows(50, d, 1), entry.rows(50, d, 2)];
      const first = await distances(x, y, optionsOf(entry, d));
      expect(await distances(x, y, optionsOf(entry, d)), entry.title).toEqual(first);
    }
  });
});

describe('rowDistance arguments', () => {
  it('error: ShapeError when features differ or rows do not broadcast', () => {
    const call = (): tf.Tensor => rowDistance(tf.zeros([2, 3]), tf.zeros([2, 4]));
    expect(call).toThrow(ShapeError);
    expect(call).toThrow('rowDistance: y must have as many features as x and rows that broadcast');
    expect(() => rowDistance(tf.zeros([2, 3]), tf.zeros([4, 3]))).toThrow('got shape [4, 3]');
    expect(() => rowDistance(tf.zeros([3]), tf.zeros([3]))).toThrow('rank 2 or more');
  });

  it('error: DtypeError for integers, DomainError for an unknown metric', () => {
    expect(() => rowDistance(tf.zeros([2, 3], 'int32'), tf.zeros([2, 3]))).toThrow(DtypeError);
    const metric = 'l3' as 'l2';
    expect(() => rowDistance([[1]], [[1]], { metric })).toThrow(DomainError);
  });
});
