import { SLAB_ELEMENTS } from '../numerics.js';
import type { Masks } from '../ops/masks.js';
import type { KnnAttrs } from '../specs/knn.js';
import { nearestOnDevice, rowsOf, sliceQueryMasks, sliceSide, tidy } from './sides.js';
import type { DeviceNeighbors, Side } from './sides.js';

/** A run of consecutive queries. */
export interface Slab {
  readonly start: number;
  readonly count: number;
}

/** Cut n rows into slabs of at most `size`. */
export function slabs(n: number, size: number): Slab[] {
  return Array.from({ length: Math.ceil(n / size) }, (_, i) => ({
    start: i * size,
    count: Math.min(size, n - i * size),
  }));
}

/** Queries per slab: results and features of a slab stay below SLAB_ELEMENTS. */
export function querySlabs(queries: Side, k: number): Slab[] {
  const d = queries.rows.shape[2] ?? 0;
  const size = Math.max(1, Math.floor(SLAB_ELEMENTS / Math.max(1, k, d)));
  return slabs(rowsOf(queries), size);
}

/** Search with the queries of one slab. */
export function searchSlab(
  queries: Side,
  points: Side,
  masks: Masks,
  attrs: KnnAttrs,
  { start, count }: Slab,
): DeviceNeighbors {
  if (start === 0 && count === rowsOf(queries)) {
    return nearestOnDevice(queries, points, masks, attrs);
  }
  const selfOffset = attrs.selfOffset === undefined ? undefined : attrs.selfOffset + start;
  return tidy(() =>
    nearestOnDevice(
      sliceSide(queries, start, count),
      points,
      sliceQueryMasks(masks, start, count),
      { ...attrs, selfOffset },
    ),
  );
}
