import { FLOAT32_MAX, FLOAT32_TINY } from '../numerics.js';
import type { Metric } from '../specs/metric.js';
import type { Mode } from '../specs/metricForm.js';
import type { OraclePair } from './oracle.js';

/** Spacing of float32 numbers at 1: the unit of all bounds here. */
export const ULP = 2 ** -23;

/**
 * How far a result may lie from the float64 oracle: `relative` ulp of the quantity that is computed plus
 * `absolute` ulp of the magnitude that cancels in it ({@link OraclePair.scale}).
 */
export interface Bound {
  readonly relative: number;
  readonly absolute: number;
  readonly reason: string;
}

/** The bounds by kind of arithmetic; the tests hold the ops to the same numbers. */
export const BOUNDS = {
  rounded: {
    relative: 0.5 + 2 ** -20,
    absolute: 2 ** -20,
    reason:
      'the float64 value rounded once; what the extended precision of a device (44 bits or more) ' +
      'leaves shows only where the value cancels',
  },
  distance: {
    relative: 16,
    absolute: 0,
    reason:
      'every term is a rounded difference (relative 1 ulp) and terms are >= 0, so only the order of ' +
      'summation adds to that: blocked float32 sums stay below 16 ulp to 4,096 features',
  },
  power: {
    relative: 128,
    absolute: 0,
    reason: 'pow of a GPU is exp2(p log2(v)), whose error grows with |p log2(v)|',
  },
  cosine: {
    relative: 16,
    absolute: 4,
    reason: '1 - cos cancels for near-parallel rows: unit rows of float32 leave a few ulp of 1',
  },
  correlation: {
    relative: 16,
    absolute: 16,
    reason: 'as cosine, of rows less their mean, which is rounded once more',
  },
  product: {
    relative: 64,
    absolute: 64,
    reason: 'terms of both signs: the error is relative to the sum of their magnitudes',
  },
  mapped: {
    relative: 32,
    absolute: 8,
    reason: 'differences of features that were computed in float32, relative to their length',
  },
  shares: {
    relative: 32,
    absolute: 16,
    reason: 'rows divided by their sum in float32: every share carries a few ulp',
  },
  trigonometric: {
    relative: 64,
    absolute: 16,
    reason: 'float32 sin, cos and asin; steep at the antipode, which the oracle counts',
  },
  hyperbolic: {
    relative: 64,
    absolute: 16,
    reason: 'asinh of a quotient of float32 scalars per row, each of some ulp',
  },
  expanded: {
    relative: 16,
    absolute: 16,
    reason:
      'mode fast may expand the square about the mean of the points: the error is relative to the ' +
      'squared lengths there',
  },
} as const satisfies Readonly<Record<string, Bound>>;

const OF_METRIC: Readonly<Partial<Record<Metric, keyof typeof BOUNDS>>> = {
  correlation: 'correlation',
  cosine: 'cosine',
  haversine: 'trigonometric',
  hellinger: 'mapped',
  innerProduct: 'product',
  jensenshannon: 'shares',
  kl: 'shares',
  lorentz: 'hyperbolic',
  mahalanobis: 'mapped',
  minkowski: 'power',
  poincare: 'hyperbolic',
  seuclidean: 'mapped',
  // The bound of the cosine that the angle is taken of.
  spherical: 'cosine',
};

/** Metrics without rounded preparation and without transcendental functions: exact mode rounds once. */
const ROUNDED: ReadonlySet<Metric> = new Set<Metric>([
  'braycurtis',
  'canberra',
  'chebyshev',
  'cityblock',
  'cosine',
  'euclidean',
  'hamming',
  'innerProduct',
  'jaccard',
  'sqeuclidean',
]);

/** What ran: our kernel, the composed form as asked for, or the composed form for want of a kernel. */
export type VerifyForm = 'kernel' | 'composed' | 'fallback';

/**
 * Whether the neighbours of a search are fixed by the float64 distances alone, on every backend: the
 * promise of our kernels in exact mode. The composed form computes in float32.
 */
export function isDetermined(op: string, metric: Metric, mode: Mode, form: VerifyForm): boolean {
  return op === 'knn' && mode === 'exact' && form === 'kernel' && ROUNDED.has(metric);
}

/** The bound of an op. */
export function boundOf(op: string, metric: Metric, mode: Mode, form: VerifyForm): Bound {
  if (isDetermined(op, metric, mode, form)) return BOUNDS.rounded;
  const isSquare = metric === 'euclidean' || metric === 'sqeuclidean';
  return mode === 'fast' && isSquare ? BOUNDS.expanded : BOUNDS[OF_METRIC[metric] ?? 'distance'];
}

/** The largest |got - value| that the bound allows for one pair. */
export function allowedError(pair: OraclePair, bound: Bound): number {
  const { value, inner, finish, scale } = pair;
  const error = ULP * (bound.relative * Math.abs(inner) + bound.absolute * scale);
  if (finish === undefined) return error;
  const spread = Math.max(finish(inner + error) - value, value - finish(floorOf(inner, error)));
  return spread + bound.relative * ULP * Math.abs(value);
}

/** inner - error, not below 0 where inner itself is not: roots have no value there. */
function floorOf(inner: number, error: number): number {
  return inner >= 0 ? Math.max(0, inner - error) : inner - error;
}

/**
 * Error that the smallest float32 numbers leave: devices may flush them to 0, and a power p of a
 * difference underflows long before the difference does.
 */
export function underflow(power: number, features: number): number {
  return (features * FLOAT32_TINY) ** (1 / power);
}

/** Whether the sum of powers behind a distance is above what float32 holds. */
export function overflows(power: number, value: number): boolean {
  return Math.abs(value) ** power > FLOAT32_MAX;
}

/** Power of the differences that float32 arithmetic adds up, and of which the distance is a root. */
export function powerOf(metric: Metric, p: number | undefined): number {
  if (metric === 'minkowski') return p === undefined || p === Infinity ? 1 : p;
  return metric === 'euclidean' ? 2 : 1;
}
