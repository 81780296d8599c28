import type { Metric } from '../../specs/metric.js';

/**
 * Distance of two rows of length d, in float64. `rank` orders neighbours without the final root,
 * `finish` turns its result into the distance.
 */
export interface RowMetric {
  readonly rank: (
    x: Float32Array,
    xStart: number,
    y: Float32Array,
    yStart: number,
    d: number,
  ) => number;
  readonly finish: (rank: number) => number;
}

const identity = (rank: number): number => rank;

const sqeuclidean: RowMetric['rank'] = (x, xStart, y, yStart, d) => {
  let sum = 0;
  for (let f = 0; f < d; f++) {
    const difference = x[xStart + f] - y[yStart + f];
    sum += difference * difference;
  }
  return sum;
};

const manhattan: RowMetric['rank'] = (x, xStart, y, yStart, d) => {
  let sum = 0;
  for (let f = 0; f < d; f++) sum += Math.abs(x[xStart + f] - y[yStart + f]);
  return sum;
};

const cosine: RowMetric['rank'] = (x, xStart, y, yStart, d) => {
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

export const ROW_METRICS: Readonly<Record<Metric, RowMetric>> = {
  euclidean: { rank: sqeuclidean, finish: Math.sqrt },
  sqeuclidean: { rank: sqeuclidean, finish: identity },
  manhattan: { rank: manhattan, finish: identity },
  cosine: { rank: cosine, finish: identity },
};
