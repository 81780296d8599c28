import { referenceDistance } from './pairwiseDistance.js';

/** One query's neighbours. */
export interface ReferenceNeighbours {
  readonly distances: number[];
  readonly indices: number[];
}

/**
 * Float64 oracle: sort all points by (distance, index); NaN distances are left out and the list is
 * filled up with index -1 and distance Infinity.
 */
export function referenceKnn(
  metric: string,
  queries: readonly (readonly number[])[],
  points: readonly (readonly number[])[],
  k: number,
  selfOffset?: number,
): ReferenceNeighbours[] {
  return queries.map((query, i) => {
    const candidates = points
      .map((point, index) => ({ index, distance: referenceDistance(metric, query, point) }))
      .filter(({ index, distance }) => {
        const isSelf = selfOffset !== undefined && index === i + selfOffset;
        return !isSelf && !Number.isNaN(distance);
      })
      .sort((a, b) => (a.distance === b.distance ? a.index - b.index : a.distance - b.distance))
      .slice(0, k);
    const pad = k - candidates.length;
    return {
      distances: [...candidates.map((c) => c.distance), ...Array<number>(pad).fill(Infinity)],
      indices: [...candidates.map((c) => c.index), ...Array<number>(pad).fill(-1)],
    };
  });
}
