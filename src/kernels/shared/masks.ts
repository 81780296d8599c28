import { WORD_BITS } from '../../util/bits.js';

/** Which pairs of a knn search exist; absent parts forbid nothing. */
export interface Masks {
  readonly selfOffset: number | undefined;
  /** [allowedBatch, allowedQueries, words], sizes of 1 broadcast. */
  readonly allowed: Int32Array | undefined;
  readonly allowedBatch: number;
  readonly allowedQueries: number;
  readonly words: number;
  /** [B, q] and [B, n]. */
  readonly queryGroups: Int32Array | undefined;
  readonly pointGroups: Int32Array | undefined;
}

/** Whether query i of batch b may return point j. */
export function isAllowed(
  masks: Masks,
  b: number,
  i: number,
  j: number,
  q: number,
  n: number,
): boolean {
  const { selfOffset, allowed, queryGroups, pointGroups } = masks;
  if (selfOffset !== undefined && j === i + selfOffset) return false;
  if (allowed !== undefined) {
    const batch = masks.allowedBatch === 1 ? 0 : b;
    const query = masks.allowedQueries === 1 ? 0 : i;
    const word = (batch * masks.allowedQueries + query) * masks.words + Math.floor(j / WORD_BITS);
    if (((allowed[word] >>> (j % WORD_BITS)) & 1) === 0) return false;
  }
  if (queryGroups === undefined || pointGroups === undefined) return true;
  return queryGroups[b * q + i] === pointGroups[b * n + j];
}
