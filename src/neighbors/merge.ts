import { DomainError, ShapeError } from '../errors.js';

/** Neighbours of many queries on the host: row i is [i k, (i + 1) k). */
export interface Neighbors {
  /** Number of queries. */
  readonly count: number;
  readonly k: number;
  /** Nearest first; an empty slot holds +Infinity (innerProduct: -Infinity). */
  readonly distances: Float32Array;
  /** An empty slot holds -1. */
  readonly indices: Int32Array;
  /**
   * What neighbours are ordered by where it is not the distance itself: the metric 'spherical' ranks
   * 1 - cos, of which several values may round to one angle. Merging needs it.
   */
  readonly ranks?: Float32Array;
}

export interface MergeOptions {
  /** Neighbours to keep. Default: the largest k of the parts. */
  readonly k?: number;
  /** Larger is nearer (innerProduct). Default false. */
  readonly descending?: boolean;
}

const OP = 'mergeNeighbors';

/** One sorted list per query: values and indices. */
export interface SortedLists {
  readonly k: number;
  readonly values: Float32Array;
  readonly indices: Int32Array;
}

/** Lists without any neighbour. */
export function emptyLists(count: number, k: number, descending: boolean): SortedLists {
  const values = new Float32Array(count * k).fill(descending ? -Infinity : Infinity);
  return { k, values, indices: new Int32Array(count * k).fill(-1) };
}

/** Whether neighbour (va, ia) stands before (vb, ib): by value, then lower index, empty slots last. */
function stands(va: number, ia: number, vb: number, ib: number, descending: boolean): boolean {
  if (ia < 0 || ib < 0) return ia >= 0;
  if (va !== vb) return descending ? va > vb : va < vb;
  return ia < ib;
}

/** The k first of two sorted lists per query; `shift` is added to the indices of the second. */
export function mergeLists(
  a: SortedLists,
  b: SortedLists,
  k: number,
  descending: boolean,
  shift = 0,
): SortedLists {
  const count = a.indices.length / a.k;
  const out = emptyLists(count, k, descending);
  for (let row = 0; row < count; row++) {
    let i = row * a.k;
    let j = row * b.k;
    const endA = i + a.k;
    const endB = j + b.k;
    for (let slot = row * k; slot < (row + 1) * k; slot++) {
      const ia = i < endA ? a.indices[i] : -1;
      const ib = j < endB ? b.indices[j] : -1;
      if (ia < 0 && ib < 0) break;
      const shifted = ib < 0 ? -1 : ib + shift;
      if (stands(a.values[i], ia, b.values[j], shifted, descending)) {
        out.values[slot] = a.values[i++];
        out.indices[slot] = ia;
      } else {
        out.values[slot] = b.values[j++];
        out.indices[slot] = shifted;
      }
    }
  }
  return out;
}

/**
 * The nearest neighbours of all parts together: each part holds the neighbours of the same queries among
 * some of the points, with indices that are valid for all (blocks and shards give such); no point is in
 * two parts. Merging is exact: in mode 'exact' the result has the same bits as one search of all points.
 *
 * @param parts One or more; their k may differ.
 * @param options.k Default: the largest k of the parts. A part whose own k is smaller than that must
 * hold all of its points.
 * @param options.descending True for similarities (innerProduct). Default false.
 * @returns Neighbours sorted by (distance, index), empty slots last.
 * @throws ShapeError when the parts are none or have different numbers of queries; DomainError when a
 * part is not sorted.
 * @example
 * const all = mergeNeighbors([await first, await second], { k: 10 });
 */
export function mergeNeighbors(parts: readonly Neighbors[], options: MergeOptions = {}): Neighbors {
  checkParts(parts);
  const { descending = false } = options;
  const k = options.k ?? Math.max(...parts.map((part) => part.k));
  if (!Number.isInteger(k) || k < 1) {
    throw new DomainError({ op: OP, arg: 'k', expected: 'be an integer >= 1', got: String(k) });
  }
  const { count } = parts[0];
  const ranked = parts.some(({ ranks }) => ranks !== undefined);
  if (ranked && parts.some(({ ranks }) => ranks === undefined)) {
    const got = 'parts without ranks';
    throw new ShapeError({ op: OP, arg: 'parts', expected: 'all have ranks, or none', got });
  }
  const lists = parts.map((part, p) => {
    const list = { k: part.k, values: part.ranks ?? part.distances, indices: part.indices };
    checkSorted(list, p, descending);
    return list;
  });
  const best = lists
    .slice(1)
    .reduce(
      (merged, list) => mergeLists(merged, list, k, descending),
      mergeLists(lists[0], emptyLists(count, k, descending), k, descending),
    );
  if (!ranked) return { count, k, distances: best.values, indices: best.indices };
  const distances = distancesOf(parts, best, descending);
  return { count, k, distances, indices: best.indices, ranks: best.values };
}

/** Distances of merged neighbours, looked up in the part that each comes from. */
function distancesOf(
  parts: readonly Neighbors[],
  best: SortedLists,
  descending: boolean,
): Float32Array {
  const { k } = best;
  const out = new Float32Array(best.indices.length).fill(descending ? -Infinity : Infinity);
  for (let row = 0; row < parts[0].count; row++) {
    const found = new Map<number, number>();
    for (const part of parts) {
      for (let s = row * part.k; s < (row + 1) * part.k; s++) {
        if (part.indices[s] >= 0) found.set(part.indices[s], part.distances[s]);
      }
    }
    for (let s = row * k; s < (row + 1) * k; s++) {
      out[s] = found.get(best.indices[s]) ?? out[s];
    }
  }
  return out;
}

function checkParts(parts: readonly Neighbors[]): void {
  if (parts.length === 0) {
    throw new ShapeError({ op: OP, arg: 'parts', expected: 'be one or more', got: 'none' });
  }
  const { count } = parts[0];
  parts.forEach((part, p) => {
    const arg = `parts[${p}]`;
    if (part.count !== count) {
      const expected = `have ${count} queries as parts[0]`;
      throw new ShapeError({ op: OP, arg, expected, got: String(part.count) });
    }
    const size = part.count * part.k;
    const lengths = [part.distances, part.indices, part.ranks ?? part.indices].map((a) => a.length);
    if (part.k < 1 || lengths.some((length) => length !== size)) {
      const expected = `hold count x k = ${part.count} x ${part.k} values in each array`;
      throw new ShapeError({ op: OP, arg, expected, got: lengths.join(', ') });
    }
  });
}

function checkSorted({ k, values, indices }: SortedLists, p: number, descending: boolean): void {
  for (let s = 1; s < indices.length; s++) {
    if (s % k === 0 || indices[s] < 0) continue;
    if (stands(values[s - 1], indices[s - 1], values[s], indices[s], descending)) continue;
    throw new DomainError({
      op: OP,
      arg: `parts[${p}]`,
      expected: `be sorted ${descending ? 'descending' : 'ascending'}, ties by lower index`,
      got: `slots ${(s - 1) % k} and ${s % k} of query ${Math.floor(s / k)} out of order`,
      fix: 'Set descending for a similarity such as innerProduct.',
    });
  }
}
