/** Central differences in float64 of a scalar function of a flat vector. */
export function numericGradient(
  f: (x: readonly number[]) => number,
  x: readonly number[],
  step = 1e-5,
): number[] {
  return x.map((value, i) => {
    const at = (moved: number): number => f([...x.slice(0, i), moved, ...x.slice(i + 1)]);
    return (at(value + step) - at(value - step)) / (2 * step);
  });
}

/** Rows of d features of a flat vector. */
export function rowsOf(flat: readonly number[], d: number): number[][] {
  return Array.from({ length: flat.length / d }, (_, i) => flat.slice(i * d, (i + 1) * d));
}

/** Sum of products, element by element. */
export function weightedSum(values: readonly number[], weights: readonly number[]): number {
  return values.reduce((sum, value, i) => sum + value * weights[i], 0);
}
