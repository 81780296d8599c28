import type { MetricOptions } from '../../src/ops/metricRows.js';
import type { Metric } from '../../src/specs/metric.js';
import { Rng } from '../../src/util/rng.js';
import type { ReferenceParameters } from '../reference/distance.js';
import { normalRows } from './arbitraries.js';
import type { Matrix } from './arbitraries.js';
import type { BackendContext } from './backends.js';
import { distanceTolerance } from './tolerances.js';
import type { Tolerance } from './tolerances.js';

/** One metric with its parameters, rows that it is defined for, and what it promises. */
export interface MetricCase {
  /** Unique among the cases. */
  readonly title: string;
  readonly metric: Metric;
  /** Parameters for rows of d features, for the op and for the oracle. */
  readonly parameters: (d: number) => ReferenceParameters;
  /** Seeded rows in the domain of the metric. */
  readonly rows: (count: number, d: number, seed: number) => Matrix;
  /** The only number of features, where there is one. */
  readonly features?: number;
  /**
   * Whether rows go to the kernels as they are and the form is algebraic: exact search then gives the
   * oracle's bits.
   */
  readonly exact: boolean;
  readonly tolerance: Tolerance;
  /** Unit of the absolute tolerance. */
  readonly scale: (x: Matrix, y: Matrix) => number;
  /** D(x, y) = D(y, x), to the bit. */
  readonly symmetric: boolean;
  /** D(x, x) = 0, to the bit. */
  readonly zeroDiagonal: boolean;
  readonly triangle: boolean;
  /** D(x + t, y + t) = D(x, y). */
  readonly translates: boolean;
}

/** Options of an op for rows of d features. */
export function optionsOf({ metric, parameters }: MetricCase, d: number): MetricOptions {
  return { metric, ...parameters(d) };
}

/**
 * Whether a pair's distance may differ in its last bits by where the pair stands: TensorFlow's vector code
 * for transcendental functions treats the last elements of an array otherwise than the others. The kernels
 * there compute in float64 and do not show it.
 */
export function bitsDependOnPlace(
  { backend, form }: Pick<BackendContext, 'backend' | 'form'>,
  { exact }: MetricCase,
): boolean {
  return backend === 'tensorflow' && form === 'composed' && !exact;
}

/** The number of features to use when asked for d. */
export const featuresOf = ({ features }: MetricCase, d: number): number => features ?? d;

const largest = (rows: Matrix): number =>
  rows.reduce((most, row) => row.reduce((m, v) => Math.max(m, Math.abs(v)), most), 0);
const longest = (rows: Matrix): number =>
  rows.reduce((most, row) => Math.max(most, Math.hypot(...row)), 0);

const one = (): number => 1;

function positiveRows(count: number, d: number, seed: number): Matrix {
  return normalRows(count, d, seed).map((row) => row.map((v) => Math.fround(Math.exp(v))));
}

/** Small integers, many of them 0. */
function fewValues(count: number, d: number, seed: number): Matrix {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => Array.from({ length: d }, () => rng.int(3)));
}

/** Latitude and longitude. */
function places(count: number, _d: number, seed: number): Matrix {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => [
    Math.fround((rng.uniform() - 0.5) * 3),
    Math.fround((rng.uniform() - 0.5) * 6),
  ]);
}

/** Points of the ball of curvature -c, radius up to 0.95 of its own. */
const ballRows =
  (c: number): MetricCase['rows'] =>
  (count, d, seed) => {
    const rng = new Rng(seed);
    return Array.from({ length: count }, () => {
      const direction = Array.from({ length: d }, () => rng.normal());
      const radius = (0.95 * rng.uniform()) / Math.sqrt(c);
      const length = Math.hypot(...direction) || 1;
      return direction.map((v) => Math.fround((v / length) * radius));
    });
  };

/** Symmetric and positive definite, exact in float32. */
function inverseCovariance(d: number): number[][] {
  return Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_unused, j) =>
      i === j ? 2 + (i % 3) : 0.5 ** (2 + Math.abs(i - j)),
    ),
  );
}

const plain = (metric: Metric, changes: Partial<Omit<MetricCase, 'metric'>> = {}): MetricCase => ({
  title: metric,
  metric,
  parameters: () => ({}),
  rows: normalRows,
  exact: false,
  tolerance: distanceTolerance(metric),
  scale: one,
  symmetric: true,
  zeroDiagonal: true,
  triangle: true,
  translates: false,
  ...changes,
});

const minkowski = (p: number): MetricCase =>
  plain('minkowski', {
    title: `minkowski p=${p}`,
    parameters: () => ({ p }),
    exact: p === 1 || p === 2 || p === Infinity,
    triangle: p >= 1,
    translates: true,
  });

export const METRIC_CASES: readonly MetricCase[] = [
  plain('euclidean', { exact: true, translates: true }),
  plain('sqeuclidean', { exact: true, translates: true, triangle: false }),
  plain('cityblock', { exact: true, translates: true }),
  plain('chebyshev', { exact: true, translates: true }),
  ...[0.5, 1, 1.5, 2, 3, 4.25, Infinity].map(minkowski),
  plain('cosine', { exact: true, zeroDiagonal: false, symmetric: false, triangle: false }),
  plain('innerProduct', {
    exact: true,
    zeroDiagonal: false,
    triangle: false,
    scale: (x, y) => longest(x) * longest(y),
  }),
  plain('correlation', {
    zeroDiagonal: false,
    symmetric: false,
    triangle: false,
    translates: true,
  }),
  plain('spherical', { zeroDiagonal: false, symmetric: false }),
  plain('canberra', { exact: true }),
  plain('braycurtis', { exact: true, triangle: false, rows: positiveRows }),
  plain('hamming', { exact: true, rows: fewValues }),
  plain('jaccard', { exact: true, rows: fewValues }),
  plain('jensenshannon', { rows: positiveRows }),
  plain('kl', { rows: positiveRows, symmetric: false, triangle: false }),
  plain('hellinger', { rows: positiveRows, scale: (x, y) => Math.sqrt(longest([...x, ...y])) }),
  plain('haversine', { rows: places, features: 2 }),
  plain('mahalanobis', {
    parameters: (d) => ({ VI: inverseCovariance(d) }),
    translates: true,
    scale: (x, y) => 2 * longest([...x, ...y]),
  }),
  plain('seuclidean', {
    parameters: (d) => ({ V: Array.from({ length: d }, (_, f) => 0.25 * (1 + (f % 5))) }),
    translates: true,
    scale: (x, y) => 2 * largest([...x, ...y]),
  }),
  ...[1, 0.5].map((c) =>
    plain('poincare', { title: `poincare c=${c}`, parameters: () => ({ c }), rows: ballRows(c) }),
  ),
  ...[1, 2].map((c) =>
    plain('lorentz', {
      title: `lorentz c=${c}`,
      parameters: () => ({ c }),
      scale: (x, y) => 1 + Math.sqrt(c) * longest([...x, ...y]),
    }),
  ),
];

/** The case of a title. */
export function metricCase(title: string): MetricCase {
  const found = METRIC_CASES.find((candidate) => candidate.title === title);
  if (found === undefined) throw new Error(`no metric case ${title}`);
  return found;
}
