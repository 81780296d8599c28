/**
 * The one table of tolerances. `relative` is the allowed |got - want| / |want|, `absolute` the error
 * allowed besides, in units of the largest magnitude that entered the computation.
 */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
  readonly reason: string;
}

const ULP = 2 ** -23;

export const TOLERANCES = {
  distance: {
    relative: 16 * ULP,
    absolute: 0,
    reason:
      'every term of the sum is a rounded difference (relative 1 ulp) and terms are >= 0, so only the ' +
      'order of summation adds to that: blocked float32 sums stay below 16 ulp to 4,096 features',
  },
  elementary: {
    relative: 64 * ULP,
    absolute: 0,
    reason:
      'as distance, with elementary functions of up to 4 ulp in the terms and at the end, and a power ' +
      'or a quotient that may double the error of what it is given; where kl and jensenshannon change ' +
      'from series to closed form an ulp of the logarithm is 7 to 16 of the term',
  },
  expandedSquares: {
    relative: 16 * ULP,
    absolute: 32 * ULP,
    reason:
      '|x|^2 + |y|^2 - 2 x.y of rows near their mean: the error is relative to the squared lengths',
  },
  cosine: {
    relative: 16 * ULP,
    absolute: 4 * ULP,
    reason:
      '1 - cos cancels for near-parallel vectors: float32 unit vectors leave an absolute error of a few ulp of 1',
  },
  correlation: {
    relative: 16 * ULP,
    absolute: 16 * ULP,
    reason: 'as cosine, of rows less their mean, which is rounded to float32 once more',
  },
  spherical: {
    relative: 16 * ULP,
    absolute: 32 * ULP,
    reason: 'an angle away from 0 and pi, where its slope by the cosine is below 4',
  },
  mapped: {
    relative: 32 * ULP,
    absolute: 8 * ULP,
    reason:
      'differences of features that were computed in float32, absolute in units of the features',
  },
  rowMap: {
    relative: 16 * ULP,
    absolute: 4 * ULP,
    reason:
      'sums of up to 300 float32 products and a handful of operations after them; in units of the ' +
      'values where these cancel',
  },
  rowMapGradient: {
    relative: 2e-4,
    absolute: 2e-5,
    reason: 'float32 gradients against central differences in float64, whose own error is 1e-6',
  },
  hyperbolicExact: {
    relative: ULP,
    absolute: 2 ** -44,
    reason:
      'a map of the ball or the hyperboloid in float64, rounded once: half an ulp of the value, and 2^-44 of ' +
      'what the coordinates bring about (their size times the slope by them)',
  },
  hyperbolicFloat32: {
    relative: 16 * ULP,
    absolute: 8 * ULP,
    reason:
      'a map of the ball or the hyperboloid in float32: backward stable, so off by what rounding each ' +
      'coordinate, scalar and curvature some times costs (their size times the slope by them)',
  },
  hyperbolicGradientExact: {
    relative: 2 * ULP,
    absolute: 2 ** -40,
    reason:
      'gradient programs in float64, rounded once; absolute in units of the largest slope by the row',
  },
  hyperbolicGradientFloat32: {
    relative: 64 * ULP,
    absolute: 256 * ULP,
    reason:
      'gradient programs of some hundreds of float32 operations at points within three radii of ' +
      'curvature (e^3 = 20); absolute in units of the largest slope by the row',
  },
  hyperbolicCentroid: {
    relative: 32 * ULP,
    absolute: 32 * ULP,
    reason:
      'float32 sums of points, absolute in units of the largest coordinate: the direction of the sum keeps ' +
      '2^-24, and of each point only what is across it enters its depth',
  },
  shares: {
    relative: 32 * ULP,
    absolute: 16 * ULP,
    reason: 'rows divided by their sum in float32: every share carries a few ulp, their sum is 1',
  },
  trigonometric: {
    relative: 64 * ULP,
    absolute: 16 * ULP,
    reason: 'float32 sin, cos and asin of angles of order 1, away from antipodes',
  },
  power: {
    relative: 128 * ULP,
    absolute: 0,
    reason:
      'pow as exp2(p log2(v)) in float32 on a GPU: the error grows with |p log2(v)|, here below 16',
  },
  hyperbolic: {
    relative: 64 * ULP,
    absolute: 16 * ULP,
    reason: 'asinh of a quotient of float32 scalars per row, absolute in units of s |x| + 1',
  },
  antipode: {
    relative: 0,
    absolute: 6e-4,
    reason: 'asin near 1: half an ulp under the root becomes its root, 2 sqrt(2^-24)',
  },
  expandedRoot: {
    relative: 16 * ULP,
    absolute: 2e-3,
    reason:
      '|x|^2 + |y|^2 - 2 x.y cancels to some ulp of |x|^2, and a root of that stands in the distance',
  },
  innerProduct: {
    relative: 0,
    absolute: 16 * ULP,
    reason: 'blocked float32 sums of rounded products, relative to the sum of their magnitudes',
  },
  generated: {
    relative: 128 * ULP,
    absolute: 0,
    reason:
      'random expressions of up to four levels without cancellation: powers and exponentials multiply ' +
      'the few ulp of what is inside them, up to 8 times a level',
  },
  reordered: {
    relative: 64 * ULP,
    absolute: 6e-4,
    reason:
      'one float32 computation against another order of it; near 0 and pi an angle turns half an ulp of its ' +
      'cosine into the root of that',
  },
  gradient: {
    relative: 2e-3,
    absolute: 2e-3,
    reason:
      'float32 gradient against central differences (step 1e-5) of the float64 oracle; the bound is on ' +
      'truncation plus rounding of float32 products of order 1',
  },
  product: {
    relative: 64 * ULP,
    absolute: 64 * ULP,
    reason:
      'float32 dot products of up to 1,024 terms of mixed sign, error relative to the sum of magnitudes',
  },
  relationLoss: {
    relative: 256 * ULP,
    absolute: 256 * ULP,
    reason:
      'a logarithm of sums of exp(-d): an error of some ulp in every distance, of rows that earlier ' +
      'batches have moved in float32',
  },
  relationTable: {
    relative: 1e-4,
    absolute: 2e-5,
    reason:
      'rows after several float32 steps of gradients of order 1, whose directions lose digits as the ' +
      'inverse of the distance of a pair, in units of the largest row',
  },
  relationFall: {
    relative: 2e-2,
    absolute: 2e-6,
    reason:
      'a step of 1e-3 against its first order; the positions are rounded to float32, which is 1e-4 of a step',
  },
  mapExact: {
    relative: 4 * ULP,
    absolute: 2 * ULP,
    reason:
      'float64 throughout, rounded once: an ulp of the value, and what cancels in float64 is below',
  },
  mapFloat32: {
    relative: 128 * ULP,
    absolute: 128 * ULP,
    reason:
      'a map of rows composed in float32 of some dozens of operations, at points a few radii of curvature ' +
      'from the origin, where gaps 1 - c |x|^2 are above 1e-2',
  },
  mapLaw: {
    relative: 2e-4,
    absolute: 2e-4,
    reason:
      'a law across two maps: the first result is rounded to float32, which the second magnifies by up ' +
      'to some thousands at points within three radii of curvature',
  },
  optimizer: {
    relative: 32 * ULP,
    absolute: 32 * ULP,
    reason:
      'ten steps of some float32 operations each on weights of order 1; beta2 in float32 makes 1 - beta2^t ' +
      'of the first steps wrong by 2^-24 / 1e-3, half of which the root takes off a step of 0.05',
  },
  golden: {
    relative: 1e-12,
    absolute: 1e-15,
    reason: 'float64 against float64 or more: sums of a few terms, in another order',
  },
  goldenHyperbolic: {
    relative: 1e-9,
    absolute: 1e-12,
    reason:
      'geoopt in float64 to radius 2.5: its forms cancel by some thousands, its norms and denominators ' +
      'are clamped at 1e-15, its hyperbolic norm at 1e-8',
  },
  goldenCancelling: {
    relative: 1e-9,
    absolute: 3e-8,
    reason:
      'the other library takes a difference of numbers of order 1 in float64, or the root of one',
  },
} as const satisfies Readonly<Record<string, Tolerance>>;

const OF_METRIC: Readonly<Record<string, Tolerance>> = {
  cosine: TOLERANCES.cosine,
  correlation: TOLERANCES.correlation,
  spherical: TOLERANCES.spherical,
  innerProduct: TOLERANCES.product,
  mahalanobis: TOLERANCES.mapped,
  seuclidean: TOLERANCES.mapped,
  hellinger: TOLERANCES.mapped,
  jensenshannon: TOLERANCES.shares,
  kl: TOLERANCES.shares,
  haversine: TOLERANCES.trigonometric,
  minkowski: TOLERANCES.power,
  poincare: TOLERANCES.hyperbolic,
  lorentz: TOLERANCES.hyperbolic,
};

/** Tolerance of a distance in the given metric. */
export function distanceTolerance(metric: string): Tolerance {
  return OF_METRIC[metric] ?? TOLERANCES.distance;
}

/** Largest allowed |got - want|. */
export function bound(tolerance: Tolerance, want: number, scale = 1): number {
  return tolerance.relative * Math.abs(want) + tolerance.absolute * scale;
}

/** Whether got equals want within the tolerance; NaN equals NaN, infinities must be equal. */
export function isClose(got: number, want: number, tolerance: Tolerance, scale = 1): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  const rounded = Math.fround(want);
  if (!Number.isFinite(rounded)) return got === rounded;
  return Math.abs(got - want) <= bound(tolerance, want, scale);
}
