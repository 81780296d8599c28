/**
 * Float64 oracle, written from the textbook definitions; imports nothing from src.
 */
export function referenceDistance(
  metric: string,
  x: readonly number[],
  y: readonly number[],
): number {
  const differences = x.map((value, f) => value - y[f]);
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, f) => sum + value * b[f], 0);
  switch (metric) {
    case 'euclidean':
      return Math.sqrt(dot(differences, differences));
    case 'sqeuclidean':
      return dot(differences, differences);
    case 'cityblock':
      return differences.reduce((sum, value) => sum + Math.abs(value), 0);
    case 'cosine': {
      const lengths = Math.sqrt(dot(x, x)) * Math.sqrt(dot(y, y));
      return lengths === 0 ? 1 : 1 - dot(x, y) / lengths;
    }
    default:
      throw new Error(`no reference for metric ${metric}`);
  }
}

/** Distances of every row of x to every row of y. */
export function referencePairwise(
  metric: string,
  x: readonly (readonly number[])[],
  y: readonly (readonly number[])[],
): number[][] {
  return x.map((a) => y.map((b) => referenceDistance(metric, a, b)));
}
