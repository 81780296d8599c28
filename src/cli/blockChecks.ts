import { DomainError } from '../errors.js';
import { areFinite, rowSize } from '../util/rows.js';
import type { Rows } from '../util/rows.js';

/**
 * Check a block of a stream here, where the name of the input and its own row numbers are known.
 * @param numberOf Number in the input of a row of the block.
 * @throws DomainError naming the first NaN or infinite value.
 */
export function checkBlock(
  op: string,
  input: string,
  x: Rows,
  numberOf: (row: number) => number,
  fix = 'Remove or impute such rows first.',
): void {
  if (areFinite(x.data)) return;
  const bad = x.data.findIndex((value) => !Number.isFinite(value));
  const size = rowSize(x);
  const row = numberOf(Math.floor(bad / size));
  const got = `${x.data[bad]} at row ${row}, feature ${bad % size}`;
  throw new DomainError({ op, arg: input, expected: 'be finite', got, fix });
}
