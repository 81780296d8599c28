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
  cosine: {
    relative: 16 * ULP,
    absolute: 4 * ULP,
    reason:
      '1 - cos cancels for near-parallel vectors: float32 unit vectors leave an absolute error of a few ulp of 1',
  },
  innerProduct: {
    relative: 0,
    absolute: 16 * ULP,
    reason: 'blocked float32 sums of rounded products, relative to the sum of their magnitudes',
  },
  elementary: {
    relative: 64 * ULP,
    absolute: 0,
    reason:
      'terms that subtract elementary functions of float32 arguments: where kl and jensenshannon change ' +
      'from series to closed form (t = 1/8, t^2 = 1/16) an ulp of the logarithm is 16 of the term',
  },
  generated: {
    relative: 128 * ULP,
    absolute: 0,
    reason:
      'random expressions of up to four levels without cancellation: powers and exponentials multiply ' +
      'the few ulp of what is inside them, up to 8 times a level',
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
} as const satisfies Readonly<Record<string, Tolerance>>;

/** Tolerance of a distance in the given metric. */
export function distanceTolerance(metric: string): Tolerance {
  return metric === 'cosine' ? TOLERANCES.cosine : TOLERANCES.distance;
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
