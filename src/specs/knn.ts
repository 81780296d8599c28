import type { Metric } from './metric.js';
import type { OpSpec } from './spec.js';

export interface KnnAttrs {
  readonly metric: Metric;
  /** Neighbours per query; 1 <= k <= n, or k <= n - 1 when a point is excluded for every query. */
  readonly k: number;
  /**
   * Query row i never returns point i + selfOffset (by index: an equal twin stays a neighbour);
   * undefined excludes nothing.
   */
  readonly selfOffset: number | undefined;
}

/**
 * Inputs queries [B, q, d] and points [B, n, d], float32; outputs distances [B, q, k] float32,
 * ascending, and indices [B, q, k] int32.
 *
 * Order is total and equal on all backends: by distance, then lower index. A NaN distance is never
 * returned; slots that stay empty because of that hold index -1 and distance +Infinity.
 */
export const knnSpec: OpSpec<'queries' | 'points', KnnAttrs> = {
  op: 'knn',
  kernelName: 'LatentKnn',
  inputs: ['queries', 'points'],
  infer: ({ queries }, { k }) => [
    { shape: [queries[0], queries[1], k], dtype: 'float32' },
    { shape: [queries[0], queries[1], k], dtype: 'int32' },
  ],
};
