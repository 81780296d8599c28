import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import { pairwiseDistance } from '../../src/ops/pairwiseDistance.js';
import type { PairwiseDistanceOptions } from '../../src/ops/pairwiseDistance.js';
import { MODES } from '../../src/specs/metricForm.js';
import { referencePairwise } from '../reference/pairwiseDistance.js';
import { normalRows, PROPERTY } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp, kernelNameOf, kernelsRun } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { numericGradient } from '../support/gradcheck.js';
import { expectNoLeak } from '../support/leaks.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import type { MetricCase } from '../support/metricCases.js';
import { matrix } from '../support/neighbours.js';
import { TOLERANCES } from '../support/tolerances.js';

async function valuesOf(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return values;
}

describeOp('pairwiseDistance', ({ form, run }) => {
  const distances = (x: Matrix, y?: Matrix, options?: PairwiseDistanceOptions) =>
    valuesOf(run(() => pairwiseDistance(x, y, options)));

  const expectOracle = async (
    entry: MetricCase,
    x: Matrix,
    y: Matrix,
    options: PairwiseDistanceOptions = {},
  ): Promise<void> => {
    const d = x[0].length;
    const got = await distances(x, y, { ...optionsOf(entry, d), ...options });
    const want = referencePairwise(entry.metric, x, y, entry.parameters(d)).flat();
    expectClose(got, want, entry.tolerance, entry.scale(x, y));
  };

  it('runs the form that the test names', async () => {
    const x = tf.randomNormal([4, 3]);
    const names = await kernelsRun(() => run(() => pairwiseDistance(x)));
    expect(names.includes(kernelNameOf('pairwiseDistance'))).toBe(form === 'kernel');
    x.dispose();
  });

  describe.each(METRIC_CASES.map((entry) => [entry.title, entry] as const))('%s', (_, entry) => {
    it('reference: the oracle, row counts and features round the tiles', async () => {
      for (const [n, m, d] of [
        [1, 1, 1],
        [3, 5, 2],
        [7, 9, 3],
        [17, 33, 5],
        [31, 16, 16],
        [5, 65, 31],
        [2, 7, 129],
        [3, 4, 1025],
      ]) {
        const features = featuresOf(entry, d);
        // Weights of a dense matrix of 1,025 rows are beside the point.
        if (entry.metric === 'mahalanobis' && d > 200) continue;
        const x = entry.rows(n, features, 7 * n + d);
        const y = entry.rows(m, features, 11 * m + d + 1);
        await expectOracle(entry, x, y);
      }
    });

    it('memory: nothing is left after value and gradient', async () => {
      const d = featuresOf(entry, 3);
      const x = tf.tensor2d(entry.rows(5, d, 1));
      const options = optionsOf(entry, d);
      await expectNoLeak(async () => {
        await valuesOf(run(() => pairwiseDistance(x, x, options)));
        await valuesOf(
          run(() => tf.grad((a) => tf.sum(pairwiseDistance(a, a, options)))(x)),
        );
      });
      x.dispose();
    });
  });

  it('property: equals the oracle on random shapes and metrics', async () => {
    const cases = fc.record({
      title: fc.constantFrom(...METRIC_CASES.map(({ title }) => title)),
      mode: fc.constantFrom('exact' as const, 'direct' as const),
      n: fc.integer({ min: 1, max: 20 }),
      m: fc.integer({ min: 1, max: 20 }),
      d: fc.integer({ min: 1, max: 40 }),
      seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ title, mode, n, m, d, seed }) => {
        const entry = metricCase(title);
        const features = featuresOf(entry, d);
        const x = entry.rows(n, features, seed);
        await expectOracle(entry, x, entry.rows(m, features, seed + 1), { mode });
      }),
      { ...PROPERTY, numRuns: 40 },
    );
  });

  it('edge: NaN stays in its row, for every metric and mode', async () => {
    for (const entry of METRIC_CASES) {
      const d = featuresOf(entry, 3);
      const [a, b, y] = entry.rows(3, d, 1);
      for (const mode of MODES) {
        const x = [[NaN, ...a.slice(1)], b, [...a.slice(0, -1), NaN]];
        const got = await distances(x, [y], { ...optionsOf(entry, d), mode });
        expect([...got].map(Number.isNaN), `${entry.title} ${mode}`).toEqual([true, false, true]);
      }
    }
  });

  it('edge: no rows, and no features', async () => {
    for (const entry of METRIC_CASES) {
      const d = featuresOf(entry, 3);
      for (const [n, m] of [
        [0, 2],
        [2, 0],
        [0, 0],
      ]) {
        const inputs = [matrix(entry.rows(n, d, 1), d), matrix(entry.rows(m, d, 2), d)];
        const none = run(() => pairwiseDistance(inputs[0], inputs[1], optionsOf(entry, d)));
        expect(none.shape, entry.title).toEqual([n, m]);
        tf.dispose([none, ...inputs]);
      }
      if (entry.features !== undefined) continue;
      const got = await valuesOf(
        run(() => pairwiseDistance(tf.zeros([2, 0]), tf.zeros([1, 0]), optionsOf(entry, 0))),
      );
      const want = referencePairwise(entry.metric, [[], []], [[]], entry.parameters(0)).flat();
      expectClose(got, want, entry.tolerance);
    }
  });

  it('edge: batch dimensions broadcast, for every metric', async () => {
    for (const entry of METRIC_CASES) {
      const d = featuresOf(entry, 4);
      const x = [entry.rows(3, d, 1), entry.rows(3, d, 2)];
      const y = entry.rows(5, d, 3);
      const options = optionsOf(entry, d);
      const got = run(() => pairwiseDistance(tf.tensor3d(x), tf.tensor2d(y), options));
      expect(got.shape, entry.title).toEqual([2, 3, 5]);
      const want = x.flatMap((rows) =>
        referencePairwise(entry.metric, rows, y, entry.parameters(d)).flat(),
      );
      expectClose(await valuesOf(got), want, entry.tolerance, entry.scale(x.flat(), y));
    }
  });

  it('gradient: of one distance, by differences of the oracle', async () => {
    const [x, y] = [normalRows(1, 3, 1), normalRows(1, 3, 2)];
    const got = run(() =>
      tf.tidy(() => tf.grad((a) => tf.sum(pairwiseDistance(a, tf.tensor2d(y))))(tf.tensor2d(x))),
    );
    const want = numericGradient((flat) => referencePairwise('euclidean', [flat], y)[0][0], x[0]);
    expectClose(await valuesOf(got), want, TOLERANCES.gradient);
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

  it('error: DomainError lists metrics and modes', () => {
    const metric = 'euclid' as 'euclidean';
    expect(() => pairwiseDistance([[1]], [[1]], { metric })).toThrow(DomainError);
    expect(() => pairwiseDistance([[1]], [[1]], { metric })).toThrow(
      /metric must be one of braycurtis, .*, sqeuclidean, got 'euclid'/,
    );
    const mode = 'slow' as 'fast';
    expect(() => pairwiseDistance([[1]], [[1]], { mode })).toThrow(
      "pairwiseDistance: mode must be one of exact, fast, direct, got 'slow'.",
    );
  });

  it('error: parameters that are missing, superfluous or out of range', () => {
    const call =
      (options: PairwiseDistanceOptions): (() => tf.Tensor) =>
      () =>
        pairwiseDistance([[1, 2]], [[1, 2]], options);
    expect(call({ metric: 'minkowski' })).toThrow(
      "p must be given for metric 'minkowski', got undefined",
    );
    expect(call({ metric: 'minkowski', p: 0 })).toThrow('p must be a number above 0, got 0');
    expect(call({ metric: 'minkowski', p: NaN })).toThrow('p must be a number above 0, got NaN');
    expect(call({ metric: 'euclidean', p: 2 })).toThrow(
      "p must be absent for metric 'euclidean', which has no such parameter",
    );
    expect(call({ metric: 'poincare', c: -1 })).toThrow('c must be a number above 0, got -1');
    expect(call({ metric: 'seuclidean', V: [1] })).toThrow(
      'V must hold 2 variances, one per feature, got 1',
    );
    expect(call({ metric: 'seuclidean', V: [1, 0] })).toThrow('V[1] must be a number above 0');
    expect(call({ metric: 'mahalanobis', VI: [[1]] })).toThrow(
      'VI must be a matrix of [2, 2] numbers',
    );
    const notPositive = [
      [1, 2],
      [2, 1],
    ];
    expect(call({ metric: 'mahalanobis', VI: notPositive })).toThrow(
      'VI must be symmetric and positive definite',
    );
    const notSymmetric = [
      [2, 1],
      [0, 2],
    ];
    expect(call({ metric: 'mahalanobis', VI: notSymmetric })).toThrow(
      'VI must be symmetric and positive definite',
    );
    expect(() => pairwiseDistance([[1]], [[1]], { metric: 'haversine' })).toThrow(
      "must have 2 features for metric 'haversine'",
    );
  });

  it('aliases mean the same', async () => {
    const of = (metric: NonNullable<PairwiseDistanceOptions['metric']>, p?: number) =>
      valuesOf(
        pairwiseDistance([[1, 2]], [[4, 6]], p === undefined ? { metric } : { metric, p }),
      ).then(([v]) => v);
    expect(await of('l1')).toBe(7);
    expect(await of('manhattan')).toBe(7);
    expect(await of('cityblock')).toBe(7);
    expect(await of('l2')).toBe(5);
    expect(await of('linf')).toBe(4);
    expect(await of('dot')).toBe(16);
    expect(await of('ip')).toBe(16);
    expect(await of('lp', 1)).toBe(7);
    expect(await of('lp', Infinity)).toBe(4);
  });
});
