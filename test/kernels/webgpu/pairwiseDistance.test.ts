import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { UnsupportedError } from '../../../src/errors.js';
import { pairwiseWithin } from '../../../src/kernels/webgpu/pairwiseDistance.js';
import { expressions as e, variable } from '../../../src/specs/expression.js';
import { expressionForm, productForm } from '../../../src/specs/metricForm.js';
import type { MetricForm, Mode } from '../../../src/specs/metricForm.js';
import * as forms from '../../../src/specs/metricForms.js';
import { pairwiseDistanceSpec } from '../../../src/specs/pairwiseDistance.js';
import { runKernel } from '../../../src/specs/spec.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { expectClose } from '../../support/compare.js';
import { TOLERANCES } from '../../support/tolerances.js';
import type { Tolerance } from '../../support/tolerances.js';
import { FORM_CASES, formDistance } from './formCases.js';
import type { FormCase, RowData } from './formCases.js';
import { webgpuBackend } from './runWgsl.js';

type Shape = readonly [batch: number, n: number, m: number, d: number];

const EUCLIDEAN = productForm('squares', true);
const SQUARES = productForm('squares');
const COSINE = productForm('cosine');
const INNER = productForm('innerProduct');

const normals: FormCase['make'] = (count, d, rng) => ({
  rows: Float32Array.from({ length: count * d }, () => rng.normal()),
  aux: new Float32Array(0),
});

describeOnBackend('webgpu', 'pairwiseDistance kernel on webgpu', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  const side = ({ rows, aux }: RowData, batch: number, n: number, d: number, scalars: number) => ({
    rows: tf.tensor3d(rows, [batch, n, d]),
    aux: scalars === 0 ? undefined : tf.tensor3d(aux, [batch, n, scalars]),
  });

  /** Run the kernel; with a limit as if one binding held no more bytes. */
  async function distances(
    form: MetricForm,
    [batch, n, m, d]: Shape,
    x: RowData,
    y: RowData,
    { mode = 'direct', limit }: { readonly mode?: Mode; readonly limit?: number } = {},
  ): Promise<Float32Array> {
    const scalars = form.family === 'expression' ? form.aux : 0;
    const [a, b] = [side(x, batch, n, d, scalars), side(y, batch, m, d, scalars)];
    const inputs = { x: a.rows, y: b.rows, xAux: a.aux, yAux: b.aux };
    const attrs = { form, mode };
    let result: tf.Tensor;
    if (limit === undefined) [result] = runKernel(pairwiseDistanceSpec, inputs, attrs);
    else {
      const { x: xRows, y: yRows } = inputs;
      const aux = a.aux && b.aux ? { xAux: a.aux, yAux: b.aux } : {};
      const [info] = pairwiseWithin(
        {
          inputs: { x: xRows, y: yRows, ...aux },
          attrs,
          backend: webgpuBackend(),
          outputs: [{ shape: [batch, n, m], dtype: 'float32' }],
        },
        limit,
      );
      result = tf.engine().makeTensorFromTensorInfo(info);
    }
    const values = (await result.data()) as Float32Array;
    expect(result.shape).toEqual([batch, n, m]);
    tf.dispose([result, ...Object.values(inputs).filter((t) => t !== undefined)]);
    return values;
  }

  /** Float64 distances of all pairs within their element of the batch. */
  function wanted(form: MetricForm, [batch, n, m, d]: Shape, x: RowData, y: RowData): number[] {
    const distance = formDistance(form, d, x, y);
    return Array.from({ length: batch * n * m }, (_, e) =>
      distance(Math.floor(e / m), Math.floor(e / (n * m)) * m + (e % m)),
    );
  }

  async function check(
    form: MetricForm,
    shape: Shape,
    make: FormCase['make'],
    tolerance: Tolerance,
    mode: Mode = 'direct',
    scale = 1,
  ): Promise<void> {
    const rng = new Rng(shape[1] + shape[3]);
    const x = make(shape[0] * shape[1], shape[3], rng);
    const y = make(shape[0] * shape[2], shape[3], rng);
    const got = await distances(form, shape, x, y, { mode });
    expectClose(got, wanted(form, shape, x, y), tolerance, scale);
  }

  describe.each(FORM_CASES)('$name', ({ form, make, tolerance }) => {
    it('reference: many tiles with ragged edges, in a batch', async () => {
      await check(form, [2, 67, 65, 5], make, tolerance);
    });

    it('reference: any number of features', async () => {
      for (const d of [0, 1, 2, 3, 16, 65, 257]) await check(form, [1, 67, 65, d], make, tolerance);
      await check(form, [1, 67, 65, 1024], make, tolerance);
    });
  });

  describe.each([
    { name: 'euclidean', form: EUCLIDEAN, tolerance: TOLERANCES.distance },
    { name: 'squares', form: SQUARES, tolerance: TOLERANCES.distance },
    { name: 'cosine', form: COSINE, tolerance: TOLERANCES.cosine },
  ])('$name', ({ form, tolerance }) => {
    it('reference: product form in many tiles with ragged edges, in a batch', async () => {
      await check(form, [3, 67, 65, 5], normals, tolerance);
    });

    it('reference: product form of any number of features', async () => {
      for (const d of [0, 1, 2, 3, 15, 16, 17, 64, 65, 257, 1024, 4096]) {
        await check(form, [1, 66, 65, d], normals, tolerance);
      }
    });
  });

  it('reference: inner products', async () => {
    for (const d of [0, 1, 3, 16, 17, 65, 1024]) {
      await check(INNER, [2, 66, 65, d], normals, TOLERANCES.product, 'direct', 4 * d);
    }
  });

  it.each([EUCLIDEAN, forms.chebyshevForm])(
    'reference: tiles for few rows or columns, $key',
    async (form) => {
      const found = FORM_CASES.find((candidate) => candidate.form === form);
      const make = found?.make ?? normals;
      for (const [n, m] of [
        [1, 1],
        [1, 300],
        [3, 257],
        [8, 65],
        [300, 1],
        [257, 8],
        [9, 9],
        [64, 64],
      ]) {
        await check(form, [2, n, m, 7], make, TOLERANCES.distance);
      }
    },
  );

  it('reference: a term that is not 0 for zeros counts real features only', async () => {
    const term = e.where('eq', variable('x'), 0, e.cos(e.sub(variable('x'), variable('y'))), 1);
    const [s0, r] = [variable('s0'), variable('r')];
    const form = expressionForm({ reduce: 'sum', terms: [term], rank: s0, finish: r, aux: 0 });
    for (const d of [1, 5, 7, 66]) {
      await check(form, [1, 40, 70, d], normals, TOLERANCES.elementary);
    }
  });

  describe('fast mode', () => {
    it('reference: products of centred rows, error relative to squared lengths', async () => {
      for (const d of [1, 3, 16, 65, 784]) {
        await check(SQUARES, [2, 70, 65, d], normals, TOLERANCES.expandedSquares, 'fast', 4 * d);
      }
    });

    it('property: moving all rows far away changes nothing beyond rounding', async () => {
      const rng = new Rng(5);
      const moved: FormCase['make'] = (count, d) => ({
        // Multiples of 1/8 below 2^20 + 8 are float32 numbers: moving them loses nothing.
        rows: Float32Array.from(
          { length: count * d },
          () => 2 ** 20 + Math.floor(rng.uniform() * 64) / 8,
        ),
        aux: new Float32Array(0),
      });
      await check(SQUARES, [1, 70, 65, 16], moved, TOLERANCES.expandedSquares, 'fast', 1024);
    });

    it('edge: never negative, and a row that is not finite spoils no other', async () => {
      const rng = new Rng(7);
      const x = normals(70, 17, rng);
      x.rows[5 * 17 + 3] = NaN;
      x.rows[9 * 17] = Infinity;
      const got = await distances(EUCLIDEAN, [1, 70, 70, 17], x, x, { mode: 'fast' });
      got.forEach((value, index) => {
        const rows = [Math.floor(index / 70), index % 70];
        if (rows.includes(5)) expect(value).toBeNaN();
        else if (rows.includes(9)) expect(value).not.toBeLessThan(Infinity);
        else expect(value).toBeGreaterThanOrEqual(0);
      });
    });
  });

  it.each([EUCLIDEAN, SQUARES, COSINE, forms.cityblockForm, forms.chebyshevForm])(
    'edge: NaN and infinity stay in their rows, $key',
    async (form) => {
      const rng = new Rng(8);
      const x = normals(70, 3, rng).rows;
      x[33 * 3 + 1] = NaN;
      x[40 * 3] = Infinity;
      const scalars = Float32Array.from({ length: 70 }, (_, i) => (i === 33 ? NaN : 0));
      const y = { rows: normals(50, 3, rng).rows, aux: new Float32Array(50) };
      const got = await distances(form, [1, 70, 50, 3], { rows: x, aux: scalars }, y);
      got.forEach((value, index) => {
        const row = Math.floor(index / 50);
        if (row === 33) expect(value).toBeNaN();
        else expect(Number.isFinite(value)).toBe(row !== 40);
      });
    },
  );

  it('edge: X against X has a zero diagonal and is symmetric, bit by bit, on every run', async () => {
    const x = normals(100, 33, new Rng(9));
    for (const form of [EUCLIDEAN, forms.cityblockForm]) {
      const got = await distances(form, [1, 100, 100, 33], x, x);
      for (let i = 0; i < 100; i++) {
        expect(got[i * 101]).toBe(0);
        for (let j = 0; j < i; j++) expect(got[i * 100 + j]).toBe(got[j * 100 + i]);
      }
      expect(await distances(form, [1, 100, 100, 33], x, x)).toEqual(got);
    }
  });

  it('edge: close rows far from the origin', async () => {
    const aux = new Float32Array(0);
    const x = { rows: Float32Array.of(512695), aux };
    const y = { rows: Float32Array.of(512804), aux };
    for (const mode of ['direct', 'exact', 'fast'] as const) {
      expect(await distances(EUCLIDEAN, [1, 1, 1, 1], x, y, { mode })).toEqual(
        Float32Array.of(109),
      );
    }
  });

  it('edge: cosine of huge, tiny, zero and nearly parallel rows', async () => {
    const rows = Float32Array.of(3e38, 0, 0, 2e-38, 3e-30, 3e-30, 0, 0);
    const x = { rows, aux: new Float32Array(0) };
    const got = await distances(COSINE, [1, 4, 4, 2], x, x);
    const half = 1 - Math.SQRT1_2;
    const want = [0, 1, half, 1, 1, 0, half, 1, half, half, 0, 1, 1, 1, 1, 1];
    expectClose(got, want, TOLERANCES.cosine);
    // Zero rows are a matter of definition, not of rounding.
    expect([got[3], got[7], got[11], got[15]]).toEqual([1, 1, 1, 1]);
    const a = { ...x, rows: Float32Array.of(1, 0) };
    const b = { ...x, rows: Float32Array.of(1, 1e-3) };
    const [near] = await distances(COSINE, [1, 1, 1, 2], a, b);
    const exact = 1 - 1 / Math.hypot(1, b.rows[1]);
    expect(Math.abs(near - exact) / exact).toBeLessThan(1e-4);
  });

  it('edge: more than 65,535 workgroups', async () => {
    // One small matrix is one workgroup.
    const n = 70_000;
    const x = tf.range(0, n).reshape<tf.Tensor3D>([n, 1, 1]);
    const y = tf.fill([n, 1, 1], -1);
    const attrs = { form: forms.cityblockForm, mode: 'direct' } as const;
    const [result] = runKernel(pairwiseDistanceSpec, { x, y }, attrs);
    expect(await result.data()).toEqual(Float32Array.from({ length: n }, (_, i) => i + 1));
    tf.dispose([x, y, result]);
  });

  it('edge: empty sides', async () => {
    const none = { rows: new Float32Array(0), aux: new Float32Array(0) };
    const one = { rows: Float32Array.of(1, 2), aux: new Float32Array(0) };
    expect(await distances(EUCLIDEAN, [1, 0, 1, 2], none, one)).toEqual(new Float32Array(0));
    expect(await distances(EUCLIDEAN, [0, 3, 2, 2], none, none)).toEqual(new Float32Array(0));
  });

  it.each([
    { form: EUCLIDEAN, mode: 'direct' as const },
    { form: COSINE, mode: 'direct' as const },
    { form: forms.chebyshevForm, mode: 'exact' as const },
  ])('limits: inputs over a binding are taken in parts, $form.key', async ({ form, mode }) => {
    const rng = new Rng(11);
    const make = FORM_CASES.find((candidate) => candidate.form === form)?.make ?? normals;
    const shape = [2, 71, 90, 6] as const;
    const [x, y] = [make(142, 6, rng), make(180, 6, rng)];
    // 20 rows of 8 padded numbers.
    const got = await distances(form, shape, x, y, { mode, limit: 640 });
    expect(got).toEqual(await distances(form, shape, x, y, { mode }));
  });

  it('error: one row over a binding', async () => {
    const x = { rows: new Float32Array(200), aux: new Float32Array(0) };
    const call = distances(EUCLIDEAN, [1, 1, 1, 200], x, x, { limit: 640 });
    await expect(call).rejects.toThrow(UnsupportedError);
    await expect(call).rejects.toThrow('pairwiseDistance: x must have rows within the 640 bytes');
  });

  it('error: a result over the binding limit is named before anything runs', () => {
    const limit = webgpuBackend().device.limits.maxStorageBufferBindingSize;
    const n = Math.ceil(Math.sqrt(limit / 4)) + 1;
    const x = tf.zeros<tf.Rank.R3>([1, n, 1]);
    const call = (): tf.Tensor[] =>
      runKernel(pairwiseDistanceSpec, { x, y: x }, { form: EUCLIDEAN, mode: 'direct' });
    expect(call).toThrow(UnsupportedError);
    expect(call).toThrow(`pairwiseDistance: the result must take at most the ${limit} bytes`);
    expect(call).toThrow(`got shape [1, ${n}, ${n}]`);
    x.dispose();
  });

  it('memory: buffers of prepared rows are given back', async () => {
    const x = normals(50, 7, new Rng(12));
    const run = async (): Promise<void> => {
      await distances(COSINE, [1, 50, 50, 7], x, x);
      await distances(EUCLIDEAN, [1, 50, 50, 7], x, x, { mode: 'fast' });
      await distances(EUCLIDEAN, [1, 50, 50, 7], x, x, { limit: 320 });
    };
    await run();
    const before = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    await run();
    const after = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    expect(after.numBytesInGPU).toBe(before.numBytesInGPU);
    expect(after.numDataBuffers).toBe(before.numDataBuffers);
  });
});
