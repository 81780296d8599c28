import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { evaluatorOf } from '../../../src/specs/evaluate.js';
import { productForm } from '../../../src/specs/metricForm.js';
import type { MetricForm } from '../../../src/specs/metricForm.js';
import * as forms from '../../../src/specs/metricForms.js';
import { Rng } from '../../../src/util/rng.js';
import { TOLERANCES } from '../../support/tolerances.js';
import type { Tolerance } from '../../support/tolerances.js';

/** Rows of a metric: features, and scalars per row. */
export interface Rows {
  readonly values: Float32Array;
  readonly aux: Float32Array;
  readonly count: number;
}

/** A form with rows from its domain. */
export interface FormCase {
  readonly name: string;
  readonly form: MetricForm;
  readonly rows: (count: number, d: number, seed: number) => Rows;
  readonly tolerance: Tolerance;
}

type Draw = (rng: Rng) => number;

const normal: Draw = (rng) => rng.normal();
const uniform: Draw = (rng) => rng.uniform();
/** Small whole numbers, 0 in half of the cases: rows that agree and vanish in many features. */
const counts: Draw = (rng) => Math.max(0, Math.floor(rng.uniform() * 6) - 2);

const rowsOf =
  (feature: Draw, scalars: readonly Draw[] = []) =>
  (count: number, d: number, seed: number): Rows => {
    const rng = new Rng(seed);
    const values = Float32Array.from({ length: count * d }, () => feature(rng));
    const aux = Float32Array.from({ length: count * scalars.length }, (_, i) =>
      scalars[i % scalars.length](rng),
    );
    return { values, aux, count };
  };

/** Rows that add to 1. */
const shares = (count: number, d: number, seed: number): Rows => {
  const rows = rowsOf(uniform)(count, d, seed);
  for (let i = 0; i < count; i++) {
    const row = rows.values.subarray(i * d, (i + 1) * d);
    const total = row.reduce((sum, value) => sum + value, 0);
    row.forEach((value, f) => (row[f] = value / total));
  }
  return rows;
};

const zero: Draw = () => 0;
const { distance, innerProduct, cosine, elementary } = TOLERANCES;

const expressionCases: readonly FormCase[] = [
  { name: 'cityblock', form: forms.cityblockForm, rows: rowsOf(normal), tolerance: distance },
  {
    name: 'chebyshev',
    form: forms.chebyshevForm,
    rows: rowsOf(normal, [zero]),
    tolerance: distance,
  },
  { name: 'minkowski 3', form: forms.minkowskiForm(3), rows: rowsOf(normal), tolerance: distance },
  {
    name: 'minkowski 2.5',
    form: forms.minkowskiForm(2.5),
    rows: rowsOf(normal),
    tolerance: distance,
  },
  {
    name: 'minkowski 1.3',
    form: forms.minkowskiForm(1.3),
    rows: rowsOf(normal),
    tolerance: distance,
  },
  { name: 'canberra', form: forms.canberraForm, rows: rowsOf(counts), tolerance: distance },
  { name: 'braycurtis', form: forms.braycurtisForm, rows: rowsOf(uniform), tolerance: distance },
  { name: 'hamming', form: forms.hammingForm, rows: rowsOf(counts, [zero]), tolerance: distance },
  { name: 'jaccard', form: forms.jaccardForm, rows: rowsOf(counts, [zero]), tolerance: distance },
  { name: 'jensenshannon', form: forms.jensenshannonForm, rows: shares, tolerance: elementary },
  { name: 'kl', form: forms.klForm, rows: shares, tolerance: elementary },
  {
    name: 'haversine',
    form: forms.haversineForm,
    rows: (count, _d, seed) =>
      rowsOf(
        (rng) => 3 * (rng.uniform() - 0.5),
        [(rng) => 6.2 * (rng.uniform() - 0.5), (rng) => 3 * (rng.uniform() - 0.5), () => 0],
      )(count, 1, seed),
    tolerance: elementary,
  },
  {
    name: 'poincare',
    form: forms.poincareForm(1),
    rows: rowsOf((rng) => 0.01 * rng.normal(), [(rng) => 0.2 + 0.8 * rng.uniform()]),
    tolerance: distance,
  },
  {
    name: 'lorentz',
    form: forms.lorentzForm(0.7),
    rows: rowsOf(normal, [uniform, uniform]),
    tolerance: distance,
  },
];

export const FORM_CASES: readonly FormCase[] = [
  {
    name: 'euclidean',
    form: productForm('squares', true),
    rows: rowsOf(normal),
    tolerance: distance,
  },
  { name: 'sqeuclidean', form: productForm('squares'), rows: rowsOf(normal), tolerance: distance },
  { name: 'cosine', form: productForm('cosine'), rows: rowsOf(normal), tolerance: cosine },
  {
    name: 'innerProduct',
    form: productForm('innerProduct'),
    rows: rowsOf(normal),
    tolerance: innerProduct,
  },
  ...expressionCases,
];

/** Float64 distance of row i of x and row j of y, and the magnitude that entered it. */
export function oracle(
  form: MetricForm,
  x: Rows,
  y: Rows,
  d: number,
): (i: number, j: number) => { value: number; scale: number } {
  if (form.family === 'expression') {
    const { rank, finish } = evaluatorOf(form);
    const { aux } = form;
    return (i, j) => ({
      value: finish(rank(x.values, i * d, y.values, j * d, d, x.aux, i * aux, y.aux, j * aux)),
      scale: 1,
    });
  }
  return (i, j) => {
    const a = x.values.subarray(i * d, (i + 1) * d);
    const b = y.values.subarray(j * d, (j + 1) * d);
    const sum = (term: (v: number, w: number) => number): number =>
      a.reduce((total, v, f) => total + term(v, b[f]), 0);
    const dot = sum((v, w) => v * w);
    if (form.family === 'innerProduct') {
      return { value: dot, scale: sum((v, w) => Math.abs(v * w)) };
    }
    if (form.family === 'squares') {
      const square = sum((v, w) => (v - w) ** 2);
      return { value: form.root ? Math.sqrt(square) : square, scale: 1 };
    }
    const product = sum((v) => v * v) * b.reduce((total, w) => total + w * w, 0);
    return { value: product === 0 ? 1 : Math.max(0, 1 - dot / Math.sqrt(product)), scale: 1 };
  };
}

/** The tensors of a side, [1, rows, ...]; `aux` is absent for forms without scalars. */
export function tensorsOf(
  { form }: Pick<FormCase, 'form'>,
  rows: Rows,
  d: number,
): { values: Tensor; aux: Tensor | undefined } {
  const width = form.family === 'expression' ? form.aux : 0;
  return {
    values: tf.tensor3d(rows.values, [1, rows.count, d]),
    aux: width === 0 ? undefined : tf.tensor3d(rows.aux, [1, rows.count, width]),
  };
}
