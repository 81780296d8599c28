import { referenceDistance } from './distance.js';
import type { ReferenceParameters } from './distance.js';

export { referenceDistance };

/** Distances of every row of x to every row of y, in float64. */
export function referencePairwise(
  metric: string,
  x: readonly ArrayLike<number>[],
  y: readonly ArrayLike<number>[],
  parameters: ReferenceParameters = {},
): number[][] {
  return x.map((a) => y.map((b) => referenceDistance(metric, a, b, parameters)));
}
