import { isReferenceSimilarity, referenceDistance } from './distance.js';
import type { ReferenceParameters } from './distance.js';

/** One query's neighbours, nearest first; empty slots hold index -1. */
export interface ReferenceNeighbours {
  /** In float64. */
  readonly distances: number[];
  readonly indices: number[];
}

export interface ReferenceKnnOptions {
  readonly parameters?: ReferenceParameters;
  /** Query i never finds point i + selfOffset. */
  readonly selfOffset?: number | undefined;
  /** Whether query i may find point j. */
  readonly allowed?: (query: number, point: number) => boolean;
}

/**
 * Oracle: all points sorted by (distance rounded to float32, index), similarities from the largest.
 * NaN is left out, and the list is filled up with index -1 and the farthest value there is.
 */
export function referenceKnn(
  metric: string,
  queries: readonly ArrayLike<number>[],
  points: readonly ArrayLike<number>[],
  k: number,
  options: ReferenceKnnOptions = {},
): ReferenceNeighbours[] {
  const { parameters = {}, selfOffset, allowed = () => true } = options;
  const sign = isReferenceSimilarity(metric) ? -1 : 1;
  return queries.map((query, i) => {
    const candidates = points
      .map((point, index) => {
        const distance = referenceDistance(metric, query, point, parameters);
        return { index, distance, rounded: Math.fround(distance) * sign };
      })
      .filter(({ index, distance }) => {
        const isSelf = selfOffset !== undefined && index === i + selfOffset;
        return !isSelf && allowed(i, index) && !Number.isNaN(distance);
      })
      .sort((a, b) => (a.rounded === b.rounded ? a.index - b.index : a.rounded - b.rounded))
      .slice(0, k);
    const pad = k - candidates.length;
    return {
      distances: [
        ...candidates.map((c) => c.distance),
        ...Array<number>(pad).fill(sign * Infinity),
      ],
      indices: [...candidates.map((c) => c.index), ...Array<number>(pad).fill(-1)],
    };
  });
}
