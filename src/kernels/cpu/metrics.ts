import { evaluatorOf } from '../../specs/evaluate.js';
import type { MetricForm } from '../../specs/metricForm.js';

/** Rows of one side of a distance: features, and scalars per row where the form has them. */
export interface RowSide {
  readonly values: Float32Array;
  readonly aux: Float32Array | undefined;
}

/**
 * Distance of two rows in float64. `rank` orders neighbours, smaller first; `finish` turns its result
 * into the distance.
 */
export interface RowMetric {
  /** Rank of row i of x and row j of y; rows count through the batch. */
  readonly rank: (i: number, j: number) => number;
  readonly finish: (rank: number) => number;
}

type RowFunction = (
  x: Float32Array,
  xStart: number,
  y: Float32Array,
  yStart: number,
  d: number,
) => number;

const identity = (rank: number): number => rank;

const squares: RowFunction = (x, xStart, y, yStart, d) => {
  let sum = 0;
  for (let f = 0; f < d; f++) {
    const difference = x[xStart + f] - y[yStart + f];
    sum += difference * difference;
  }
  return sum;
};

const negativeProduct: RowFunction = (x, xStart, y, yStart, d) => {
  let sum = 0;
  for (let f = 0; f < d; f++) sum -= x[xStart + f] * y[yStart + f];
  return sum;
};

const cosine: RowFunction = (x, xStart, y, yStart, d) => {
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let f = 0; f < d; f++) {
    const a = x[xStart + f];
    const b = y[yStart + f];
    xy += a * b;
    xx += a * a;
    yy += b * b;
  }
  // A NaN row has no angle to anything, not even to the zero vector.
  if (Number.isNaN(xy)) return NaN;
  if (xx === 0 || yy === 0) return 1;
  // Rounding may carry |x.y| past |x||y| by an ulp; NaN passes through.
  const distance = 1 - xy / (Math.sqrt(xx) * Math.sqrt(yy));
  return distance < 0 ? 0 : distance;
};

const ROW_FUNCTIONS = { squares, cosine, innerProduct: negativeProduct } as const;

/** The metric of a form over two sets of rows of d features. */
export function rowMetric(form: MetricForm, d: number, x: RowSide, y: RowSide): RowMetric {
  if (form.family === 'expression') {
    const { aux } = form;
    const evaluator = evaluatorOf(form);
    return {
      rank: (i, j) =>
        evaluator.rank(x.values, i * d, y.values, j * d, d, x.aux, i * aux, y.aux, j * aux),
      finish: evaluator.finish,
    };
  }
  const rank = ROW_FUNCTIONS[form.family];
  return {
    rank: (i, j) => rank(x.values, i * d, y.values, j * d, d),
    finish:
      form.family === 'innerProduct' ? (negative) => -negative : form.root ? Math.sqrt : identity,
  };
}
