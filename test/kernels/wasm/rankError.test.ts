import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { instantiate } from '../../../src/kernels/wasm/module.js';
import { inputRange, rankError } from '../../../src/kernels/wasm/rankError.js';
import { evaluatorOf } from '../../../src/specs/evaluate.js';
import { expressions as e, variable } from '../../../src/specs/expression.js';
import { knnSpec } from '../../../src/specs/knn.js';
import { expressionForm } from '../../../src/specs/metricForm.js';
import type { ExpressionForm } from '../../../src/specs/metricForm.js';
import * as forms from '../../../src/specs/metricForms.js';
import { runKernel } from '../../../src/specs/spec.js';
import { FORM_CASES, oracle, tensorsOf } from './formCases.js';
import type { FormCase, Rows } from './formCases.js';
import { generate } from './generated.js';
import { startWasm, valuesOf } from './start.js';

const RANGE = { features: 100, auxMin: 0.1, auxMax: 2 };
const [x, y] = [variable('x'), variable('y')];

const formOf = (term: Parameters<typeof e.abs>[0]): ExpressionForm =>
  expressionForm({
    reduce: 'sum',
    terms: [e.mul(1, term)],
    rank: variable('s0'),
    finish: variable('r'),
    aux: 0,
  });

const bounded = FORM_CASES.flatMap((one) =>
  one.form.family === 'expression' && rankError(one.form, 10, RANGE) !== undefined
    ? [{ ...one, form: one.form }]
    : [],
);

/** Rows i of the nested arrays that the generated tile takes. */
const nested = (values: Float32Array, count: number): number[][] => {
  const width = values.length / count;
  return Array.from({ length: count }, (_, i) =>
    Array.from(values.subarray(i * width, (i + 1) * width)),
  );
};

describe('bound of float32 ranks', () => {
  it('exists for sums and quotients of terms that are not negative', () => {
    expect(bounded.map(({ name }) => name)).toEqual([
      'cityblock',
      'chebyshev',
      'minkowski 3',
      'minkowski 2.5',
      'canberra',
      'braycurtis',
      'hamming',
      'jaccard',
      'poincare',
      'lorentz',
    ]);
  });

  it('does not exist where values are subtracted, compared or left to float32 range', () => {
    const square = e.square(e.sub(x, y));
    const none = [
      formOf(e.abs(e.sub(square, x))),
      formOf(e.where('lt', square, 1, square, 1)),
      formOf(e.square(e.log1p(x))),
      formOf(e.sub(x, y)),
      formOf(e.div(1, square)),
    ];
    for (const form of none) expect(rankError(form, 10, RANGE), form.key).toBeUndefined();
    const large = { features: 1e30, auxMin: 0, auxMax: 0 };
    expect(rankError(formOf(e.mul(square, e.abs(x))), 10, large)).toBeUndefined();
    expect(rankError(forms.braycurtisForm, 10, { ...large, features: 3e38 })).toBeUndefined();
    expect(rankError(forms.poincareForm(1), 10, { ...RANGE, auxMin: -1 })).toBeUndefined();
    expect(inputRange([Float32Array.of(1)], [Float32Array.of(-1)])).toBeUndefined();
  });

  it('ignores NaN and infinity, which are the same in float64', () => {
    const features = [Float32Array.of(1, NaN, -Infinity), Float32Array.of(-3)];
    const scalars = [Float32Array.of(NaN, 2), undefined];
    expect(inputRange(features, scalars)).toEqual({ features: 3, auxMin: 2, auxMax: 2 });
    expect(inputRange(features, [])).toEqual({ features: 3, auxMin: 0, auxMax: 0 });
  });

  it.each(bounded)('holds for $name, not by orders of magnitude', ({ form, rows }) => {
    const module = instantiate(true);
    const { tile } = generate(form, module);
    const { rank } = evaluatorOf(form);
    let largest = 0;
    for (const d of [1, 7, 64, 65, 500]) {
      const [a, b] = [rows(4, d, d), rows(8, d, d + 1)];
      const range = inputRange([a.values, b.values], [a.aux, b.aux]);
      const error = range && rankError(form, d, range);
      if (error === undefined) throw new Error('the form has no bound');
      const [p, q] = [nested(a.values, 4), nested(b.values, 8)];
      const [pAux, qAux] = [nested(a.aux, 4), nested(b.aux, 8)];
      tile(p, q, pAux, qAux).forEach((row, i) => {
        row.forEach((got, j) => {
          const want = rank(p[i], 0, q[j], 0, d, pAux[i], 0, qAux[j], 0);
          const allowed = error.relative * want + error.absolute;
          expect(Math.abs(got - want)).toBeLessThanOrEqual(allowed);
          if (want > 0) largest = Math.max(largest, Math.abs(got - want) / allowed);
        });
      });
    }
    expect(largest).toBeGreaterThan(0.001);
  });
});

/** Points of which each occurs twice, then again a little apart. */
function crowded(formCase: FormCase, count: number, d: number): Rows {
  const base = formCase.rows(count / 3, d, 5);
  const values = Float32Array.from([...base.values, ...base.values, ...base.values]);
  for (let i = 0; i < count / 3; i++) {
    values[((2 * count) / 3 + i) * d] *= 1 + 2 ** -22;
  }
  return { values, aux: Float32Array.from([...base.aux, ...base.aux, ...base.aux]), count };
}

describe('exact neighbours by expressions on wasm', () => {
  beforeAll(startWasm);

  it.each(FORM_CASES.filter(({ form }) => form.family === 'expression'))(
    '$name are those of the float64 distances, rounded',
    async (formCase) => {
      const d = formCase.name === 'haversine' ? 1 : 21;
      const k = 6;
      const points = crowded(formCase, d === 1 ? 6000 : 900, d);
      const queries = formCase.rows(40, d, 6);
      const [distances, indices] = tf.tidy(() => {
        const [q, p] = [queries, points].map((rows) => tensorsOf(formCase, rows, d));
        return runKernel(
          knnSpec,
          { queries: q.values, points: p.values, queryAux: q.aux, pointAux: p.aux },
          { form: formCase.form, k, mode: 'exact', selfOffset: 3, resident: false },
        );
      });
      const got = { distances: await valuesOf(distances), indices: await valuesOf(indices) };
      const value = oracle(formCase.form, queries, points, d);
      const want: { distances: number[]; indices: number[] } = { distances: [], indices: [] };
      for (let i = 0; i < queries.count; i++) {
        const pairs = Array.from({ length: points.count }, (_, j) => ({
          j,
          distance: Math.fround(value(i, j).value),
        }))
          .filter(({ j }) => j !== i + 3)
          .sort((a, b) => a.distance - b.distance || a.j - b.j)
          .slice(0, k);
        want.distances.push(...pairs.map(({ distance }) => distance));
        want.indices.push(...pairs.map(({ j }) => j));
      }
      expect(got).toEqual(want);
    },
  );
});
