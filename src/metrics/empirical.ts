import { checkValues } from './checks.js';

/** Number of elements of an ascending list that are below `value`. */
export function countBelow(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Number of elements of an ascending list that are at most `value`. */
export function countUpTo(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * How probable a value at least as large as each given one is, judged by reference values:
 * p(v) = (1 + #{ref >= v}) / (n + 1).
 *
 * For a value exchangeable with the reference, P(p <= t) <= t: p is a conformal p-value. It is never 0:
 * the smallest is 1 / (n + 1).
 *
 * @param reference n >= 1 values, any order.
 * @param values Values to judge.
 * @returns Float64Array in (0, 1], one per value; low = larger than most reference values.
 * Cost: O((n + m) log n).
 * @throws ShapeError when the reference is empty; DomainError for NaN.
 * Reference: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, section 2.2.
 * @example empiricalProbability([1, 2, 3], [2, 9]); // [0.75, 0.25]
 */
export function empiricalProbability(
  reference: ArrayLike<number>,
  values: ArrayLike<number>,
): Float64Array {
  checkValues('empiricalProbability', 'reference', reference);
  if (values.length > 0) checkValues('empiricalProbability', 'values', values);
  const sorted = Float64Array.from(reference).sort();
  const n = sorted.length;
  return Float64Array.from(values, (v) => (1 + n - countBelow(sorted, v)) / (n + 1));
}
