import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { rowDistanceSpec } from '../../../src/specs/rowDistance.js';
import { runKernel } from '../../../src/specs/spec.js';
import { productForm } from '../../../src/specs/metricForm.js';
import { cityblockForm } from '../../../src/specs/metricForms.js';
import type { MetricForm } from '../../../src/specs/metricForm.js';
import { expectNoLeak } from '../../support/leaks.js';
import { FORM_CASES, oracle, tensorsOf } from './formCases.js';
import type { Rows } from './formCases.js';
import { startWasm, valuesOf } from './start.js';

function distances(form: MetricForm, x: Rows, y: Rows, d: number): Promise<number[]> {
  const [out] = tf.tidy(() => {
    const flat = (tensor: tf.Tensor): tf.Tensor => tensor.reshape(tensor.shape.slice(1));
    const [a, b] = [x, y].map((rows) => tensorsOf({ form }, rows, d));
    return runKernel(
      rowDistanceSpec,
      {
        x: flat(a.values),
        y: flat(b.values),
        xAux: a.aux && flat(a.aux),
        yAux: b.aux && flat(b.aux),
      },
      { form },
    );
  });
  return valuesOf(out);
}

const plain = (...values: number[]): Rows => ({
  values: Float32Array.from(values),
  aux: new Float32Array(0),
  count: values.length,
});

describe('rowDistance kernel on wasm', () => {
  beforeAll(startWasm);

  it.each(FORM_CASES)('$name is the float64 distance, rounded', async ({ name, form, rows }) => {
    for (const d of name === 'haversine' ? [1] : [1, 3, 64, 257, 1000]) {
      const [x, y] = [rows(7, d, d), rows(7, d, d + 1)];
      const want = oracle(form, x, y, d);
      const got = await distances(form, x, y, d);
      expect(got).toEqual(got.map((_, i) => Math.fround(want(i, i).value)));
    }
  });

  it('is 0 for equal rows, 1 for the cosine of a zero row, and keeps NaN and infinity', async () => {
    const cosine = productForm('cosine');
    const x: Rows = { ...plain(3, 4, 0, 0, 0.1, 0.7), count: 3 };
    expect(await distances(cosine, x, x, 2)).toEqual([0, 1, 0]);
    const odd = plain(NaN, Infinity, 1);
    const even = plain(1, 1, 1);
    expect(await distances(cityblockForm, odd, even, 1)).toEqual([NaN, Infinity, 0]);
    expect(await distances(productForm('squares', true), odd, even, 1)).toEqual([NaN, Infinity, 0]);
  });

  it('takes no rows and rows without features', async () => {
    const none: Rows = { values: new Float32Array(0), aux: new Float32Array(0), count: 0 };
    expect(await distances(cityblockForm, none, none, 5)).toEqual([]);
    const empty = { ...none, count: 2 };
    expect(await distances(cityblockForm, empty, empty, 0)).toEqual([0, 0]);
    expect(await distances(productForm('cosine'), empty, empty, 0)).toEqual([1, 1]);
  });

  it('leaves no tensor behind', async () => {
    await expectNoLeak(async () => {
      await distances(cityblockForm, plain(1, 2), plain(3, 4), 1);
    });
  });
});
