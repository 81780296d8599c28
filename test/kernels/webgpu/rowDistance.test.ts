import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { rowDistanceWithin } from '../../../src/kernels/webgpu/rowDistance.js';
import { productForm } from '../../../src/specs/metricForm.js';
import type { MetricForm } from '../../../src/specs/metricForm.js';
import * as forms from '../../../src/specs/metricForms.js';
import { rowDistanceSpec } from '../../../src/specs/rowDistance.js';
import { runKernel } from '../../../src/specs/spec.js';
import { Rng } from '../../../src/util/rng.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { expectClose } from '../../support/compare.js';
import { TOLERANCES } from '../../support/tolerances.js';
import type { Tolerance } from '../../support/tolerances.js';
import { FORM_CASES, formDistance } from './formCases.js';
import type { FormCase, RowData } from './formCases.js';
import { webgpuBackend } from './runWgsl.js';

const EUCLIDEAN = productForm('squares', true);
const COSINE = productForm('cosine');

const normals: FormCase['make'] = (count, d, rng) => ({
  rows: Float32Array.from({ length: count * d }, () => rng.normal()),
  aux: new Float32Array(0),
});

describeOnBackend('webgpu', 'rowDistance kernel on webgpu', () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  /** Run the kernel; with a limit as if one binding held no more bytes. */
  async function distances(
    form: MetricForm,
    n: number,
    d: number,
    x: RowData,
    y: RowData,
    limit?: number,
  ): Promise<Float32Array> {
    const scalars = form.family === 'expression' ? form.aux : 0;
    const inputs = { x: tf.tensor2d(x.rows, [n, d]), y: tf.tensor2d(y.rows, [n, d]) };
    const aux =
      scalars === 0
        ? {}
        : { xAux: tf.tensor2d(x.aux, [n, scalars]), yAux: tf.tensor2d(y.aux, [n, scalars]) };
    const all = { ...inputs, ...aux };
    let result: tf.Tensor;
    if (limit === undefined) [result] = runKernel(rowDistanceSpec, all, { form });
    else {
      const outputs = [{ shape: [n], dtype: 'float32' as const }];
      const call = { inputs: all, attrs: { form }, backend: webgpuBackend(), outputs };
      result = tf.engine().makeTensorFromTensorInfo(rowDistanceWithin(call, limit)[0]);
    }
    const values = (await result.data()) as Float32Array;
    expect(result.shape).toEqual([n]);
    tf.dispose([result, ...Object.values(all)]);
    return values;
  }

  async function check(
    form: MetricForm,
    n: number,
    d: number,
    make: FormCase['make'],
    tolerance: Tolerance,
    scale = 1,
  ): Promise<void> {
    const rng = new Rng(n + d);
    const [x, y] = [make(n, d, rng), make(n, d, rng)];
    const distance = formDistance(form, d, x, y);
    const want = Array.from({ length: n }, (_, i) => distance(i, i));
    expectClose(await distances(form, n, d, x, y), want, tolerance, scale);
  }

  it.each(FORM_CASES)('reference: $name', async ({ form, make, tolerance }) => {
    for (const d of [0, 1, 3, 65, 127]) await check(form, 70, d, make, tolerance);
    for (const d of [128, 257, 1024]) await check(form, 5, d, make, tolerance);
  });

  it.each([
    { name: 'euclidean', form: EUCLIDEAN, tolerance: TOLERANCES.distance, scale: 1 },
    { name: 'squares', form: productForm('squares'), tolerance: TOLERANCES.distance, scale: 1 },
    { name: 'cosine', form: COSINE, tolerance: TOLERANCES.cosine, scale: 1 },
    {
      name: 'inner product',
      form: productForm('innerProduct'),
      tolerance: TOLERANCES.product,
      scale: 1024,
    },
  ])('reference: $name', async ({ form, tolerance, scale }) => {
    for (const d of [0, 1, 2, 3, 15, 16, 17, 64, 65]) {
      await check(form, 130, d, normals, tolerance, scale);
    }
    for (const d of [128, 257, 1024, 4096, 20000]) {
      await check(form, 3, d, normals, tolerance, scale);
    }
  });

  it('edge: NaN and infinity stay in their rows, coincident rows are at 0', async () => {
    for (const form of [EUCLIDEAN, COSINE, forms.chebyshevForm]) {
      for (const d of [4, 200]) {
        const x = normals(5, d, new Rng(3));
        const y = { rows: x.rows.slice(), aux: new Float32Array(5) };
        x.rows[1 * d + 2] = NaN;
        x.rows[2 * d + 1] = Infinity;
        const aux = Float32Array.of(0, NaN, 0, 0, 0);
        const got = await distances(form, 5, d, { ...x, aux }, y);
        expect(got[1]).toBeNaN();
        expect(Number.isFinite(got[2])).toBe(false);
        expect([got[0], got[3], got[4]]).toEqual([0, 0, 0]);
      }
    }
  });

  it('edge: no rows, and more rows than workgroups in one dimension', async () => {
    const none = { rows: new Float32Array(0), aux: new Float32Array(0) };
    expect(await distances(EUCLIDEAN, 0, 3, none, none)).toEqual(new Float32Array(0));
    const n = 70_000;
    const d = 128;
    const x = tf.range(0, n).reshape([n, 1]).tile([1, d]);
    const y = tf.zeros([n, d]);
    const [result] = runKernel(rowDistanceSpec, { x, y }, { form: forms.cityblockForm });
    expect(await result.data()).toEqual(Float32Array.from({ length: n }, (_, i) => i * d));
    tf.dispose([x, y, result]);
  });

  it('limits: inputs over a binding are taken in parts, same bits on every run', async () => {
    for (const form of [EUCLIDEAN, COSINE, forms.chebyshevForm]) {
      const rng = new Rng(4);
      const make = FORM_CASES.find((candidate) => candidate.form === form)?.make ?? normals;
      const [x, y] = [make(71, 6, rng), make(71, 6, rng)];
      const whole = await distances(form, 71, 6, x, y);
      expect(await distances(form, 71, 6, x, y, 640)).toEqual(whole);
      expect(await distances(form, 71, 6, x, y)).toEqual(whole);
    }
  });

  it('memory: buffers of unit rows and parts are given back', async () => {
    const x = normals(50, 7, new Rng(12));
    const run = async (): Promise<void> => {
      await distances(COSINE, 50, 7, x, x);
      await distances(COSINE, 50, 7, x, x, 480);
    };
    await run();
    const before = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    await run();
    const after = tf.memory() as tf.MemoryInfo & { numBytesInGPU: number };
    expect(after.numBytesInGPU).toBe(before.numBytesInGPU);
    expect(after.numDataBuffers).toBe(before.numDataBuffers);
  });
});
