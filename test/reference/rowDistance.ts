import { referenceDistance } from './distance.js';
import type { ReferenceParameters } from './distance.js';

/** Distance of every row of x to the row of y at the same place, in float64. */
export function referenceRowDistance(
  metric: string,
  x: readonly ArrayLike<number>[],
  y: readonly ArrayLike<number>[],
  parameters: ReferenceParameters = {},
): number[] {
  return x.map((row, i) => referenceDistance(metric, row, y[i], parameters));
}
