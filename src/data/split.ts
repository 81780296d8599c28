import { DomainError, ShapeError } from '../errors.js';
import { Rng } from '../util/rng.js';
import { takeRows, takeTargets } from '../util/rows.js';
import type { Rows, Targets } from '../util/rows.js';

/** Rows with their targets and conditions, or without. */
export interface Sample {
  readonly x: Rows;
  readonly y?: Targets;
  /** One row of numbers per row, for models that take them. */
  readonly condition?: Rows;
}

/** Two parts that share no row; rows keep their order. */
export interface SplitRows {
  readonly fit: Sample;
  readonly held: Sample;
}

/**
 * Split rows at random into two parts.
 * @param sample Rows, and their targets and conditions if there are any; at least 2 rows.
 * @param fraction Share of the rows to hold out, in (0, 1); at least one row goes to each part.
 * @param seed Integer; the same seed gives the same split.
 * @returns `fit`, the rest, and `held`, round(fraction x rows) rows; both copies, in row order.
 * @throws DomainError when the fraction is outside (0, 1). @throws ShapeError for less than 2 rows.
 * @example
 * const { fit, held } = splitRows(await loadDataset('abalone'), 0.2, 7);
 */
export function splitRows({ x, y, condition }: Sample, fraction: number, seed: number): SplitRows {
  const { fit, held } = splitIndices(x.count, fraction, seed);
  const take = (rows: Int32Array): Sample => ({
    x: takeRows(x, rows),
    ...(y === undefined ? {} : { y: takeTargets(y, rows) }),
    ...(condition === undefined ? {} : { condition: takeRows(condition, rows) }),
  });
  return { fit: take(fit), held: take(held) };
}

/** Row numbers of the two parts that {@link splitRows} makes of `rows` rows. Errors as there. */
export function splitIndices(
  rows: number,
  fraction: number,
  seed: number,
): { readonly fit: Int32Array; readonly held: Int32Array } {
  const op = 'splitRows';
  if (!(fraction > 0 && fraction < 1)) {
    const expected = 'be in (0, 1)';
    throw new DomainError({ op, arg: 'fraction', expected, got: String(fraction) });
  }
  if (rows < 2) {
    throw new ShapeError({ op, arg: 'x', expected: 'have at least 2 rows', got: String(rows) });
  }
  const count = Math.min(rows - 1, Math.max(1, Math.round(fraction * rows)));
  const { drawn, rest } = new Rng(seed).draw(rows, count);
  return { fit: rest, held: drawn };
}
