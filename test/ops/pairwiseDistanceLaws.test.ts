import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { pairwiseDistance } from '../../src/ops/pairwiseDistance.js';
import type { PairwiseDistanceOptions } from '../../src/ops/pairwiseDistance.js';
import { MODES } from '../../src/specs/metricForm.js';
import { referencePairwise } from '../reference/pairwiseDistance.js';
import { normalRows } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { METRIC_CASES, featuresOf, metricCase, optionsOf } from '../support/metricCases.js';
import { TOLERANCES, bound } from '../support/tolerances.js';

describeOp('pairwiseDistance', ({ run }) => {
  const distances = async (
    x: Matrix,
    y?: Matrix,
    options?: PairwiseDistanceOptions,
  ): Promise<Float32Array> => {
    const tensor = run(() => pairwiseDistance(x, y, options));
    const values = (await tensor.data()) as Float32Array;
    tensor.dispose();
    return values;
  };

  describe.each(METRIC_CASES.map((entry) => [entry.title, entry] as const))('%s', (_, entry) => {
    const d = featuresOf(entry, 19);
    const options = optionsOf(entry, d);
    const n = 24;
    const x = entry.rows(n, d, 3);

    it('the same bits on every run', async () => {
      for (const mode of MODES) {
        const first = await distances(x, undefined, { ...options, mode });
        expect(await distances(x, undefined, { ...options, mode })).toEqual(first);
      }
    });

    it('never negative, never NaN, and zero on the diagonal', async () => {
      for (const mode of ['exact', 'direct'] as const) {
        const values = await distances(x, undefined, { ...options, mode });
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            if (entry.metric !== 'innerProduct') {
              expect(values[i * n + j]).toBeGreaterThanOrEqual(0);
            }
          }
          if (entry.zeroDiagonal) expect(values[i * n + i]).toBe(0);
        }
      }
    });

    if (entry.symmetric) {
      it('symmetric to the bit', async () => {
        const values = await distances(x, undefined, options);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < i; j++) expect(values[i * n + j]).toBe(values[j * n + i]);
        }
      });
    }

    if (entry.triangle) {
      it('no way round is shorter', async () => {
        const values = await distances(x, undefined, options);
        const scale = entry.scale(x, x);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            const direct = values[i * n + j];
            const slack = 3 * bound(entry.tolerance, direct, scale);
            for (let k = 0; k < n; k++) {
              const round = values[i * n + k] + values[k * n + j];
              if (direct > round + slack) expect.fail(`${i} ${j} ${k}: ${direct} above ${round}`);
            }
          }
        }
        expect(values.length).toBe(n * n);
      });
    }

    if (entry.translates) {
      it('moved by 1e6 it is what the moved rows say', async () => {
        const [a, b] = [x.slice(0, 6), x.slice(6)].map((rows) =>
          rows.map((row) => row.map((v) => Math.fround(v + 1e6))),
        );
        const want = referencePairwise(entry.metric, a, b, entry.parameters(d)).flat();
        for (const mode of ['exact', 'direct'] as const) {
          const got = await distances(a, b, { ...options, mode });
          expectClose(got, want, entry.tolerance, entry.scale(x, x));
        }
      });
    }

    it('in slabs of rows it is what it is whole', async () => {
      const whole = await distances(x.slice(0, 8), x, options);
      const parts: number[] = [];
      for (let i = 0; i < 8; i++) parts.push(...(await distances([x[i]], x, options)));
      expect(parts).toEqual([...whole]);
    });
  });

  it('close rows far from the origin do not collapse', async () => {
    expect([...(await distances([[512695]], [[512804]]))]).toEqual([109]);
    expect([...(await distances([[10000]], [[10001]]))]).toEqual([1]);
    const one = [Array<number>(1000).fill(1)];
    const near = [Array<number>(1000).fill(Math.fround(1.001))];
    const want = referencePairwise('euclidean', one, near).flat();
    expectClose(await distances(one, near), want, TOLERANCES.distance);
  });

  it('up to 4,096 features keep their accuracy', async () => {
    for (const title of ['euclidean', 'cityblock', 'cosine', 'innerProduct', 'canberra']) {
      const entry = metricCase(title);
      for (const d of [2047, 2056, 4095, 4096]) {
        const [x, y] = [entry.rows(3, d, d), entry.rows(5, d, d + 1)];
        const want = referencePairwise(entry.metric, x, y).flat();
        const got = await distances(x, y, { metric: entry.metric });
        expectClose(got, want, entry.tolerance, entry.scale(x, y));
      }
    }
  });

  it('overflow gives infinity, a zero row has cosine distance 1', async () => {
    expect([...(await distances([[1e30]], [[-1e30]], { metric: 'sqeuclidean' }))]).toEqual([
      Infinity,
    ]);
    expect([...(await distances([[0, 0]], [[1, 2]], { metric: 'cosine' }))]).toEqual([1]);
  });

  it('fast is never negative and close to the oracle', async () => {
    const x = normalRows(40, 12, 1, 1);
    const y = normalRows(70, 12, 2, 1);
    for (const metric of ['euclidean', 'sqeuclidean', 'cosine', 'innerProduct'] as const) {
      const got = await distances(x, [...y, ...x], { metric, mode: 'fast' });
      const want = referencePairwise(metric, x, [...y, ...x]).flat();
      expectClose(got, want, TOLERANCES.expandedRoot, 16);
      if (metric !== 'innerProduct') {
        for (const value of got) expect(value).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it('as many rows as need several slabs', async () => {
    const x = normalRows(700, 3, 1);
    const y = normalRows(900, 3, 2);
    const got = await distances(x, y, { metric: 'cityblock' });
    const want = referencePairwise('cityblock', x, y).flat();
    expectClose(got, want, TOLERANCES.distance);
    const dx = run(() =>
      tf.tidy(() =>
        tf.grad((a) => tf.sum(pairwiseDistance(a, tf.tensor2d(y), { metric: 'cityblock' })))(
          tf.tensor2d(x),
        ),
      ),
    );
    const signs = x.flatMap((row) =>
      row.map((v, f) => y.reduce((sum, other) => sum + Math.sign(v - other[f]), 0)),
    );
    expect([...(await dx.data())]).toEqual(signs);
    dx.dispose();
  });
});
