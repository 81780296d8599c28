import { DomainError } from '../errors.js';
import type { Mode } from '../specs/metricForm.js';
import type { MetricOptions } from '../ops/metricRows.js';

/** Metric and mode of a search. */
export interface SearchOptions extends MetricOptions {
  /** As in knn. Default 'exact': the same bits however the rows are cut into blocks. */
  readonly mode?: Mode;
}

/** Options of everything that takes long. */
export interface RunOptions {
  /** Stops with the signal's reason between two slabs. */
  readonly signal?: AbortSignal;
  /** Called now and then with what is done so far, and the total where it is known. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** Offset of a query's own point, as knn understands excludeSelf. */
export type ExcludeSelf = boolean | { readonly offset: number };

/** @throws DomainError for an offset that is no integer. */
export function selfOffsetOf(op: string, excludeSelf: ExcludeSelf | undefined): number | undefined {
  if (excludeSelf === undefined || excludeSelf === false) return undefined;
  if (excludeSelf === true) return 0;
  const { offset } = excludeSelf;
  if (Number.isInteger(offset)) return offset;
  throw new DomainError({
    op,
    arg: 'excludeSelf.offset',
    expected: 'be an integer',
    got: String(offset),
  });
}

/** @throws DomainError unless 1 <= k <= most. */
export function checkNeighborCount(op: string, k: number, most: number, what: string): void {
  if (Number.isInteger(k) && k >= 1 && k <= most) return;
  const range =
    most === Infinity ? 'an integer, 1 or more' : `an integer in [1, ${what} = ${most}]`;
  const fix = 'Lower k, add points, or pass pad: true to fill up with index -1.';
  throw new DomainError({
    op,
    arg: 'k',
    expected: `be ${range}`,
    got: String(k),
    ...(most === Infinity ? {} : { fix }),
  });
}

/** The last index that an int32 can be. */
export const LAST_INDEX = 2 ** 31 - 1;

/** @throws DomainError when indices would not fit int32. */
export function checkIndexRange(op: string, points: number): void {
  if (points - 1 <= LAST_INDEX) return;
  throw new DomainError({
    op,
    arg: 'points',
    expected: `be at most ${LAST_INDEX + 1}, as indices are int32`,
    got: String(points),
  });
}
