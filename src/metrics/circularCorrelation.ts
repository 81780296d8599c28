import { DomainError } from '../errors.js';
import { checkSameLength, checkValues } from './checks.js';

/**
 * Correlation of two sets of angles:
 * rho = sum_{i<j} sin(a_i - a_j) sin(b_i - b_j) / sqrt(sum sin^2(a_i - a_j) sum sin^2(b_i - b_j)),
 * from eight sums over i.
 *
 * @param a, b Angles in radians, one pair per row.
 * @returns A number in [-1, 1]: 1 when b is a turned by a constant, -1 when it is also mirrored, near 0
 * when they are unrelated.
 * Cost: O(n). No mean direction enters, so evenly spread angles are fine.
 * @throws ShapeError for lists that are empty or differ in length; DomainError for NaN, infinite values, or
 * a set whose angles are all equal or opposite (no correlation is defined).
 * Reference: Fisher, Lee, A correlation coefficient for circular data, 1983, eq. 1 and its computing form.
 * @example
 * circularCorrelation([0, 1, 2], [3, 4, 5]); // 1
 */
export function circularCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const op = 'circularCorrelation';
  checkValues(op, 'a', a);
  checkSameLength(op, ['a', a], ['b', b]);
  checkValues(op, 'b', b);
  const n = a.length;
  const sums = new Float64Array(4);
  for (let i = 0; i < n; i++) {
    const [ca, sa, cb, sb] = [Math.cos(a[i]), Math.sin(a[i]), Math.cos(b[i]), Math.sin(b[i])];
    sums[0] += ca * cb;
    sums[1] += sa * sb;
    sums[2] += ca * sb;
    sums[3] += sa * cb;
  }
  const spread = spreadOf(op, 'a', a) * spreadOf(op, 'b', b);
  const product = 4 * (sums[0] * sums[1] - sums[2] * sums[3]);
  return Math.max(-1, Math.min(1, product / Math.sqrt(spread)));
}

/** 4 sum_{i<j} sin^2(a_i - a_j) = n^2 - (sum cos 2a)^2 - (sum sin 2a)^2. */
function spreadOf(op: string, arg: string, angles: ArrayLike<number>): number {
  const n = angles.length;
  let [cosines, sines] = [0, 0];
  for (let i = 0; i < n; i++) {
    cosines += Math.cos(2 * angles[i]);
    sines += Math.sin(2 * angles[i]);
  }
  const spread = n * n - cosines * cosines - sines * sines;
  // Rounding of the sums leaves about n^2 units in the last place.
  if (spread > 16 * n * n * Number.EPSILON) return spread;
  const infinite = Array.from(angles).find((angle) => !Number.isFinite(angle));
  throw new DomainError({
    op,
    arg,
    expected: 'be finite angles that are not all equal or opposite',
    got: infinite === undefined ? `${n} angles on one line` : String(infinite),
  });
}
