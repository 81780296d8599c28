import { WORD_BITS } from '../../util/bits.js';
import type { Handle, Ops } from './ops.js';

/** Masks of one matrix of a batch. */
export interface Masks {
  readonly selfOffset: number | undefined;
  /** [q or 1, words], int32. */
  readonly allowed: Handle | undefined;
  /** [q] and [n], int32. */
  readonly queryGroups: Handle | undefined;
  readonly pointGroups: Handle | undefined;
}

const range = (count: number, first = 0): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => first + i);

/** Pairs that do not exist, [rows, n] or broadcastable; undefined where all do. */
export function excludedPairs(
  ops: Ops,
  { selfOffset, allowed, queryGroups, pointGroups }: Masks,
  first: number,
  rows: number,
  n: number,
): Handle | undefined {
  const parts: Handle[] = [];
  if (selfOffset !== undefined) {
    const self = ops.integers(range(rows, first + selfOffset), [rows, 1]);
    parts.push(ops.binary('Equal', self, ops.integers(range(n), [1, n])));
  }
  if (allowed !== undefined) {
    const words = allowed.shape[0] === 1 ? allowed : ops.rows(allowed, first, rows);
    const word = ops.integers(range(n).map((j) => Math.floor(j / WORD_BITS)));
    const bit = ops.integers(
      range(n).map((j) => j % WORD_BITS),
      [1, n],
    );
    const shifted = ops.binary('RightShift', ops.gather(words, word, 1), bit);
    const one = ops.integers(Int32Array.of(1), []);
    parts.push(ops.binary('NotEqual', ops.binary('BitwiseAnd', shifted, one), one));
  }
  if (queryGroups !== undefined && pointGroups !== undefined) {
    const own = ops.reshape(ops.rows(queryGroups, first, rows), [rows, 1]);
    parts.push(ops.binary('NotEqual', own, ops.reshape(pointGroups, [1, n])));
  }
  if (parts.length === 0) return undefined;
  return parts.reduce((all, part) => ops.binary('LogicalOr', all, part));
}
