import { DomainError } from '../errors.js';
import { rowSize } from '../util/rows.js';
import type { Rows } from '../util/rows.js';

/**
 * Check a block of a stream here, where the name of the input and its own row numbers are known.
 * @param firstRow Number of the block's first row in the input.
 * @throws DomainError naming the first NaN or infinite value.
 */
export function checkBlock(op: string, input: string, x: Rows, firstRow: number): void {
  const bad = x.data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const size = rowSize(x);
  throw new DomainError({
    op,
    arg: input,
    expected: 'be finite',
    got: `${x.data[bad]} at row ${firstRow + Math.floor(bad / size)}, feature ${bad % size}`,
    fix: 'Remove or impute such rows first.',
  });
}
