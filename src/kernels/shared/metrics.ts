import { evaluatorOf } from '../../specs/evaluate.js';
import type { ExpressionForm, MetricForm, ProductForm } from '../../specs/metricForm.js';

/** Rows of one side of a distance: features, and scalars per row where the form has them. */
export interface RowSide {
  readonly values: Float32Array;
  readonly aux: Float32Array | undefined;
}

/**
 * Distances of rows in float64. A rank orders neighbours, smaller first; `finish`, which never
 * decreases, turns it into the distance.
 */
export interface RowMetric {
  /**
   * out[t] = rank of row i of x and row first + t of y, 0 <= t < count; rows count through the batch.
   */
  readonly ranks: (i: number, first: number, count: number, out: Float64Array) => void;
  /** out[t] = rank of row i of x and row rows[t] of y, 0 <= t < count. */
  readonly ranksAt: RanksAt;
  readonly finish: (rank: number) => number;
}

type RanksAt = (i: number, rows: Int32Array, count: number, out: Float64Array) => void;

/** Rows of y that stay in cache while several rows of x meet them: 128 KiB, at least a few. */
export function pointsPerBlock(d: number): number {
  return Math.max(16, Math.min(1024, Math.floor(32768 / Math.max(1, d))));
}

const identity = (rank: number): number => rank;
const negated = (rank: number): number => -rank;

/** The metric of a form over two sets of rows of d features. */
export function rowMetric(form: MetricForm, d: number, x: RowSide, y: RowSide): RowMetric {
  const { ranksAt, finish } =
    form.family === 'expression'
      ? expressionMetric(form, d, x, y)
      : productMetric(form, d, x.values, y.values);
  let rows = new Int32Array(0);
  return {
    ranksAt,
    ranks: (i, first, count, out) => {
      if (rows.length < count) rows = new Int32Array(count);
      for (let t = 0; t < count; t++) rows[t] = first + t;
      ranksAt(i, rows, count, out);
    },
    finish,
  };
}

type ListedMetric = Pick<RowMetric, 'ranksAt' | 'finish'>;

function expressionMetric(form: ExpressionForm, d: number, x: RowSide, y: RowSide): ListedMetric {
  const { aux } = form;
  const { rank, finish } = evaluatorOf(form);
  return {
    ranksAt: (i, rows, count, out) => {
      for (let t = 0; t < count; t++) {
        const j = rows[t];
        out[t] = rank(x.values, i * d, y.values, j * d, d, x.aux, i * aux, y.aux, j * aux);
      }
    },
    finish,
  };
}

function productMetric(
  { family, root }: ProductForm,
  d: number,
  x: Float32Array,
  y: Float32Array,
): ListedMetric {
  switch (family) {
    case 'squares':
      return {
        ranksAt: (i, rows, count, out) => {
          squares(x, i * d, y, rows, d, count, out);
        },
        finish: root ? Math.sqrt : identity,
      };
    case 'innerProduct':
      return {
        ranksAt: (i, rows, count, out) => {
          products(x, i * d, y, rows, d, count, out);
          for (let t = 0; t < count; t++) out[t] = -out[t];
        },
        finish: negated,
      };
    case 'cosine': {
      if (d === 0)
        return { ranksAt: (_i, _rows, count, out) => out.fill(1, 0, count), finish: identity };
      const xSizes = squaredLengths(x, d);
      const ySizes = x === y ? xSizes : squaredLengths(y, d);
      return {
        ranksAt: (i, rows, count, out) => {
          products(x, i * d, y, rows, d, count, out);
          for (let t = 0; t < count; t++) {
            out[t] = cosineDistance(out[t], xSizes[i], ySizes[rows[t]]);
          }
        },
        finish: identity,
      };
    }
  }
}

function cosineDistance(product: number, xSize: number, ySize: number): number {
  // A NaN row has no angle to anything, not even to the zero vector.
  if (Number.isNaN(product)) return NaN;
  if (xSize === 0 || ySize === 0) return 1;
  // Rounding may carry |x.y| past |x||y| by an ulp; NaN passes through.
  // The root of the product, not the product of roots: equal rows are at exactly 0.
  const distance = 1 - product / Math.sqrt(xSize * ySize);
  return distance < 0 ? 0 : distance;
}

/** Squared length of every row, in float64, where not even the product of two leaves the range. */
function squaredLengths(rows: Float32Array, d: number): Float64Array {
  const out = new Float64Array(rows.length / d);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let f = i * d; f < (i + 1) * d; f++) sum += rows[f] * rows[f];
    out[i] = sum;
  }
  return out;
}

// One row against four at a time: each sum still adds feature after feature, but the processor need
// not wait for one addition before it starts the next.

function squares(
  x: Float32Array,
  xStart: number,
  y: Float32Array,
  rows: Int32Array,
  d: number,
  count: number,
  out: Float64Array,
): void {
  let t = 0;
  for (; t + 4 <= count; t += 4) {
    const y0 = rows[t] * d;
    const y1 = rows[t + 1] * d;
    const y2 = rows[t + 2] * d;
    const y3 = rows[t + 3] * d;
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let f = 0; f < d; f++) {
      const v = x[xStart + f];
      const d0 = v - y[y0 + f];
      const d1 = v - y[y1 + f];
      const d2 = v - y[y2 + f];
      const d3 = v - y[y3 + f];
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    out[t] = s0;
    out[t + 1] = s1;
    out[t + 2] = s2;
    out[t + 3] = s3;
  }
  for (; t < count; t++) {
    let sum = 0;
    for (let f = 0; f < d; f++) {
      const difference = x[xStart + f] - y[rows[t] * d + f];
      sum += difference * difference;
    }
    out[t] = sum;
  }
}

function products(
  x: Float32Array,
  xStart: number,
  y: Float32Array,
  rows: Int32Array,
  d: number,
  count: number,
  out: Float64Array,
): void {
  let t = 0;
  for (; t + 4 <= count; t += 4) {
    const y0 = rows[t] * d;
    const y1 = rows[t + 1] * d;
    const y2 = rows[t + 2] * d;
    const y3 = rows[t + 3] * d;
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let f = 0; f < d; f++) {
      const v = x[xStart + f];
      s0 += v * y[y0 + f];
      s1 += v * y[y1 + f];
      s2 += v * y[y2 + f];
      s3 += v * y[y3 + f];
    }
    out[t] = s0;
    out[t + 1] = s1;
    out[t + 2] = s2;
    out[t + 3] = s3;
  }
  for (; t < count; t++) {
    let sum = 0;
    for (let f = 0; f < d; f++) sum += x[xStart + f] * y[rows[t] * d + f];
    out[t] = sum;
  }
}
