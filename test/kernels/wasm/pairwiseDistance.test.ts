import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { pairwiseDistanceSpec } from '../../../src/specs/pairwiseDistance.js';
import type { MetricForm } from '../../../src/specs/metricForm.js';
import {
  chebyshevForm,
  cityblockForm,
  hammingForm,
  klForm,
} from '../../../src/specs/metricForms.js';
import { runKernel } from '../../../src/specs/spec.js';
import { referencePairwise } from '../../reference/pairwiseDistance.js';
import { expectClose } from '../../support/compare.js';
import { formOf, PLAIN_METRICS } from '../../support/forms.js';
import type { PlainMetric } from '../../support/forms.js';
import { expectNoLeak } from '../../support/leaks.js';
import { distanceTolerance, isClose, TOLERANCES } from '../../support/tolerances.js';
import { FORM_CASES, oracle, tensorsOf } from './formCases.js';
import type { FormCase, Rows } from './formCases.js';
import { normals, rowsOf, startWasm, valuesOf } from './start.js';

/** Distances of n to m rows of d values by the kernel. */
async function distances(
  metric: PlainMetric,
  x: Float32Array,
  y: Float32Array,
  [batch, n, m, d]: readonly [number, number, number, number],
): Promise<number[]> {
  const [out] = tf.tidy(() => {
    const inputs = { x: tf.tensor3d(x, [batch, n, d]), y: tf.tensor3d(y, [batch, m, d]) };
    return runKernel(pairwiseDistanceSpec, inputs, { form: formOf(metric), mode: 'exact' });
  });
  expect(out.shape).toEqual([batch, n, m]);
  return valuesOf(out);
}

function reference(metric: PlainMetric, x: Float32Array, y: Float32Array, d: number): number[] {
  const [n, m] = [x.length / d, y.length / d];
  return referencePairwise(metric, rowsOf(x, n, d), rowsOf(y, m, d)).flat();
}

/** Distances by the kernel, one matrix, with the scalars of the form. */
async function formDistances(form: MetricForm, x: Rows, y: Rows, d: number): Promise<number[]> {
  const [out] = tf.tidy(() => {
    const [a, b] = [x, y].map((rows) => tensorsOf({ form }, rows, d));
    const inputs = { x: a.values, y: b.values, xAux: a.aux, yAux: b.aux };
    return runKernel(pairwiseDistanceSpec, inputs, { form, mode: 'exact' });
  });
  return valuesOf(out);
}

/** Distances that are not the oracle's, in words. */
async function wrong(formCase: FormCase, n: number, m: number, d: number): Promise<string[]> {
  const { form, tolerance } = formCase;
  const [x, y] = [formCase.rows(n, d, d + n), formCase.rows(m, d, d + m + 1)];
  const got = await formDistances(form, x, y, d);
  const want = oracle(form, x, y, d);
  return got.flatMap((distance, at) => {
    const { value, scale } = want(Math.floor(at / m), at % m);
    const close = isClose(distance, value, tolerance, scale);
    return close ? [] : [`d ${d}, element ${at}: ${distance}, not ${value}`];
  });
}

const EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 63, 64, 65];

describe('pairwiseDistance kernel on wasm', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it.each(PLAIN_METRICS)('%s equals the oracle for sizes around the tiles', async (metric) => {
    const size = fc.constantFrom(...EDGES);
    await fc.assert(
      fc.asyncProperty(size, size, size, fc.nat(2 ** 30), async (n, m, d, seed) => {
        const [x, y] = [normals(n * d, seed), normals(m * d, seed + 1)];
        const got = await distances(metric, x, y, [1, n, m, d]);
        expectClose(got, reference(metric, x, y, d), distanceTolerance(metric));
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  it.each(PLAIN_METRICS)('%s keeps its bound at 4096 features', async (metric) => {
    const d = 4096;
    const y = normals(9 * d, 2);
    const x = normals(5 * d, 1).map((value, i) => (i < d ? y[i] + 1e-3 * value : value + 3));
    const got = await distances(metric, x, y, [1, 5, 9, d]);
    expectClose(got, reference(metric, x, y, d), distanceTolerance(metric));
  });

  it('keeps its bound for rows of equal differences, the worst case of plain summation', async () => {
    const d = 4096;
    const x = new Float32Array(64 * d);
    for (let i = 0; i < 64; i++) x.fill(0.1 + i * 0.013, i * d, (i + 1) * d);
    const y = new Float32Array(d);
    for (const metric of ['euclidean', 'sqeuclidean', 'cityblock'] as const) {
      const got = await distances(metric, x, y, [1, 64, 1, d]);
      expectClose(got, reference(metric, x, y, d), distanceTolerance(metric));
    }
  });

  it('loses nothing far from the origin', async () => {
    const got = await distances(
      'euclidean',
      Float32Array.of(512695),
      Float32Array.of(512804),
      [1, 1, 1, 1],
    );
    expect(got).toEqual([109]);
  });

  it('handles a batch matrix by matrix', async () => {
    const [batch, n, m, d] = [3, 5, 11, 6];
    const [x, y] = [normals(batch * n * d, 4), normals(batch * m * d, 5)];
    const got = await distances('cityblock', x, y, [batch, n, m, d]);
    const want = Array.from({ length: batch }, (_, b) =>
      reference(
        'cityblock',
        x.slice(b * n * d, (b + 1) * n * d),
        y.slice(b * m * d, (b + 1) * m * d),
        d,
      ),
    ).flat();
    expectClose(got, want, distanceTolerance('cityblock'));
  });

  it('gives the same bits on one, two and three threads', async () => {
    const [n, m, d] = [203, 301, 70];
    const [x, y] = [normals(n * d, 6), normals(m * d, 7)];
    for (const metric of PLAIN_METRICS) {
      const results: number[][] = [];
      for (const threads of [1, 2, 3]) {
        setThreads(threads);
        results.push(await distances(metric, x, y, [1, n, m, d]));
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    }
  });

  it('cuts results that are larger than a slab', async () => {
    const [n, m, d] = [3000, 4001, 2];
    const [x, y] = [normals(n * d, 8), normals(m * d, 9)];
    const got = await distances('sqeuclidean', x, y, [1, n, m, d]);
    for (const [i, j] of [
      [0, 0],
      [2047, 4000],
      [2999, 17],
      [2999, 4000],
    ]) {
      const want = (x[2 * i] - y[2 * j]) ** 2 + (x[2 * i + 1] - y[2 * j + 1]) ** 2;
      expect(Math.abs(got[i * m + j] - want)).toBeLessThan(1e-6 * want);
    }
  });

  it('is 0 for equal rows and 1 for the zero vector in cosine distance', async () => {
    const d = 37;
    const x = normals(9 * d, 10);
    x.fill(0, 8 * d);
    const got = await distances('cosine', x, x, [1, 9, 9, d]);
    for (let i = 0; i < 8; i++) expect(got[i * 9 + i]).toBe(0);
    for (let i = 0; i < 9; i++) expect([got[i * 9 + 8], got[8 * 9 + i]]).toEqual([1, 1]);
    expect(got.every((value) => value >= 0)).toBe(true);
  });

  it('keeps NaN to its rows, in cosine distance to the zero vector too', async () => {
    const x = Float32Array.of(1, 2, NaN, 1, 0, 0);
    for (const metric of PLAIN_METRICS) {
      const got = await distances(metric, x, x, [1, 3, 3, 2]);
      got.forEach((value, i) => {
        expect(Number.isNaN(value)).toBe(i % 3 === 1 || Math.floor(i / 3) === 1);
      });
    }
  });

  it('squares numbers near both ends of float32', async () => {
    for (const scale of [1e25, 3e37, 1e-25, 1e-36]) {
      const x = normals(4 * 5, 11).map((value) => value * scale);
      const y = normals(9 * 5, 12).map((value) => value * scale);
      const got = await distances('euclidean', x, y, [1, 4, 9, 5]);
      expectClose(got, reference('euclidean', x, y, 5), distanceTolerance('euclidean'));
    }
    const far = await distances(
      'sqeuclidean',
      Float32Array.of(1e30),
      Float32Array.of(0),
      [1, 1, 1, 1],
    );
    expect(far).toEqual([Infinity]);
  });

  it('takes empty rows and no rows', async () => {
    const none = new Float32Array(0);
    expect(await distances('euclidean', none, none, [1, 2, 3, 0])).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await distances('cosine', none, none, [1, 1, 2, 0])).toEqual([1, 1]);
    expect(await distances('euclidean', none, normals(6, 1), [1, 0, 3, 2])).toEqual([]);
  });

  it('leaves no tensors behind', async () => {
    await expectNoLeak(async () => {
      await distances('cosine', normals(60, 1), normals(90, 2), [1, 20, 30, 3]);
    });
  });
});

describe('pairwiseDistance kernel on wasm, all forms', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it.each(FORM_CASES)('$name equals the float64 oracle', async (formCase) => {
    for (const d of formCase.name === 'haversine' ? [1] : [1, 2, 3, 63, 64, 65, 257, 4096]) {
      expect(await wrong(formCase, 5, 9, d)).toEqual([]);
      expect(await wrong(formCase, 4, 8, d)).toEqual([]);
    }
  });

  it.each(FORM_CASES)('$name is the same on one and two threads', async ({ name, form, rows }) => {
    const d = name === 'haversine' ? 1 : 65;
    const [x, y] = [rows(131, d, 1), rows(d === 1 ? 8000 : 257, d, 2)];
    setThreads(1);
    const one = await formDistances(form, x, y, d);
    setThreads(2);
    expect(await formDistances(form, x, y, d)).toEqual(one);
  });

  it('takes rows without features in every form', async () => {
    for (const { name, form, rows } of FORM_CASES.filter((one) => one.name !== 'haversine')) {
      const [x, y] = [rows(3, 0, 1), rows(5, 0, 2)];
      const got = await formDistances(form, x, y, 0);
      const want = oracle(form, x, y, 0);
      const expected = got.map((_, at) => Math.fround(want(Math.floor(at / 5), at % 5).value));
      got.forEach((value, at) => {
        expect(Math.abs(value - expected[at]), name).toBeLessThanOrEqual(1e-6 * expected[at]);
      });
    }
  });

  it('lets NaN and infinity through to their own pairs', async () => {
    const x: Rows = {
      values: Float32Array.of(1, NaN, Infinity),
      aux: new Float32Array(0),
      count: 3,
    };
    const got = await formDistances(cityblockForm, x, x, 1);
    expect(got).toEqual([0, NaN, Infinity, NaN, NaN, NaN, Infinity, NaN, NaN]);
  });

  it('makes NaN of a row whose scalar is NaN, where the terms would swallow it', async () => {
    const x: Rows = { values: Float32Array.of(1, NaN), aux: Float32Array.of(0, NaN), count: 2 };
    for (const form of [chebyshevForm, hammingForm]) {
      expect(await formDistances(form, x, x, 1)).toEqual([0, NaN, NaN, NaN]);
    }
  });

  it('keeps kl right where one probability is far below the other, or 0', async () => {
    const row = (...values: number[]): Rows => ({
      values: Float32Array.from(values),
      aux: new Float32Array(0),
      count: values.length,
    });
    const [x, y] = [row(0.5, 1e-10, 1e-40, 0), row(0.25, 1e-12, 1e-30, 0)];
    const want = oracle(klForm, x, y, 1);
    const got = await formDistances(klForm, x, y, 1);
    expectClose(
      got,
      got.map((_, at) => want(Math.floor(at / 4), at % 4).value),
      TOLERANCES.elementary,
    );
  });
});
