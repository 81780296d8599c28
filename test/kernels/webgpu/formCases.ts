import { evaluatorOf } from '../../../src/specs/evaluate.js';
import type { ExpressionForm, MetricForm } from '../../../src/specs/metricForm.js';
import * as forms from '../../../src/specs/metricForms.js';
import type { Rng } from '../../../src/util/rng.js';
import { TOLERANCES } from '../../support/tolerances.js';
import type { Tolerance } from '../../support/tolerances.js';

/** Rows in one array, and their scalars. */
export interface RowData {
  readonly rows: Float32Array;
  readonly aux: Float32Array;
}

/** An expression form with rows from its domain. */
export interface FormCase {
  readonly name: string;
  readonly form: ExpressionForm;
  readonly make: (count: number, d: number, rng: Rng) => RowData;
  readonly tolerance: Tolerance;
}

type Row = (d: number, rng: Rng) => number[];
const fill = (d: number, value: (f: number) => number): number[] =>
  Array.from({ length: d }, (_, f) => Math.fround(value(f)));
const normalRow: Row = (d, rng) => fill(d, () => rng.normal());
const symbolRow: Row = (d, rng) => fill(d, () => Math.floor(rng.uniform() * 3));
const angleRow: Row = (d, rng) => fill(d, () => rng.uniform() * 3 - 1.5);
/** Shares that add to 1, about a tenth of them 0. */
const shareRow: Row = (d, rng) => {
  const raw = fill(d, () => (rng.uniform() < 0.1 ? 0 : rng.uniform()));
  const total = raw.reduce((sum, v) => sum + v, 0) || 1;
  return raw.map((v) => Math.fround(v / total));
};
const positiveShareRow: Row = (d, rng) => fill(d, () => (0.1 + rng.uniform()) / Math.max(1, d));
const unitRow: Row = (d, rng) => {
  const raw = normalRow(d, rng);
  const length = Math.hypot(...raw) || 1;
  return raw.map((v) => Math.fround(v / length));
};
const ballRow: Row = (d, rng) => {
  const radius = 0.9 * rng.uniform();
  return unitRow(d, rng).map((v) => Math.fround(v * radius));
};

/** Rows and scalars, one after the other. */
const source =
  (row: Row, scalars: (row: number[], rng: Rng) => number[] = () => []) =>
  (count: number, d: number, rng: Rng): RowData => {
    const rows: number[] = [];
    const aux: number[] = [];
    for (let i = 0; i < count; i++) {
      const values = row(d, rng);
      rows.push(...values);
      aux.push(...scalars(values, rng));
    }
    return { rows: Float32Array.from(rows), aux: Float32Array.from(aux) };
  };
const zero = (row: number[]): number[] => [row.some(Number.isNaN) ? NaN : 0];

const { distance, elementary } = TOLERANCES;
const C = 1.3;

/** Every form of specs/metricForms.ts. */
export const FORM_CASES: readonly FormCase[] = [
  { name: 'cityblock', form: forms.cityblockForm, make: source(normalRow), tolerance: distance },
  {
    name: 'chebyshev',
    form: forms.chebyshevForm,
    make: source(normalRow, zero),
    tolerance: distance,
  },
  {
    name: 'minkowski 3',
    form: forms.minkowskiForm(3),
    make: source(normalRow),
    tolerance: elementary,
  },
  {
    name: 'minkowski 1.7',
    form: forms.minkowskiForm(1.7),
    make: source(normalRow),
    tolerance: elementary,
  },
  { name: 'canberra', form: forms.canberraForm, make: source(normalRow), tolerance: distance },
  { name: 'braycurtis', form: forms.braycurtisForm, make: source(normalRow), tolerance: distance },
  { name: 'hamming', form: forms.hammingForm, make: source(symbolRow, zero), tolerance: distance },
  { name: 'jaccard', form: forms.jaccardForm, make: source(symbolRow, zero), tolerance: distance },
  {
    name: 'jensenshannon',
    form: forms.jensenshannonForm,
    make: source(shareRow),
    tolerance: elementary,
  },
  { name: 'kl', form: forms.klForm, make: source(positiveShareRow), tolerance: elementary },
  {
    name: 'haversine',
    form: forms.haversineForm,
    make: source(angleRow, (_, rng) => [rng.uniform() * 6 - 3, rng.uniform() * 3 - 1.5, 0]),
    tolerance: elementary,
  },
  {
    name: 'poincare',
    form: forms.poincareForm(C),
    make: source(ballRow, (row) => [1 - row.reduce((sum, v) => sum + v * v, 0)]),
    tolerance: elementary,
  },
  {
    name: 'lorentz',
    form: forms.lorentzForm(C),
    make: source(unitRow, (_, rng) => {
      const r = 3 * rng.uniform();
      return [Math.expm1(r), Math.sinh(r)];
    }),
    tolerance: elementary,
  },
];

/** Float64 distance of row i of x to row j of y, by the definition of the form. */
export function formDistance(
  form: MetricForm,
  d: number,
  x: RowData,
  y: RowData,
): (i: number, j: number) => number {
  if (form.family === 'expression') {
    const { rank, finish } = evaluatorOf(form);
    const { aux } = form;
    return (i, j) => finish(rank(x.rows, i * d, y.rows, j * d, d, x.aux, i * aux, y.aux, j * aux));
  }
  const product = (a: Float32Array, i: number, b: Float32Array, j: number): number => {
    let sum = 0;
    for (let f = 0; f < d; f++) sum += a[i * d + f] * b[j * d + f];
    return sum;
  };
  return (i, j) => {
    const xy = product(x.rows, i, y.rows, j);
    if (form.family === 'innerProduct') return xy;
    if (form.family === 'cosine') {
      const lengths =
        Math.sqrt(product(x.rows, i, x.rows, i)) * Math.sqrt(product(y.rows, j, y.rows, j));
      return lengths === 0 ? 1 : 1 - xy / lengths;
    }
    let sum = 0;
    for (let f = 0; f < d; f++) sum += (x.rows[i * d + f] - y.rows[j * d + f]) ** 2;
    return form.root ? Math.sqrt(sum) : sum;
  };
}
