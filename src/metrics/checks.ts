import { DomainError, ShapeError } from '../errors.js';

/**
 * Check a list of numbers: not empty, no NaN (infinities are ordered and allowed).
 * @throws ShapeError or DomainError.
 */
export function checkValues(op: string, arg: string, values: ArrayLike<number>): void {
  if (values.length === 0) {
    throw new ShapeError({ op, arg, expected: 'have at least one value', got: '0 values' });
  }
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) {
      throw new DomainError({ op, arg, expected: 'have no NaN', got: `NaN at index ${i}` });
    }
  }
}

/** @throws ShapeError when two lists that go together differ in length. */
export function checkSameLength(
  op: string,
  [nameA, a]: readonly [string, ArrayLike<unknown>],
  [nameB, b]: readonly [string, ArrayLike<unknown>],
): void {
  if (a.length === b.length) return;
  throw new ShapeError({
    op,
    arg: nameB,
    expected: `have as many values as ${nameA}, which has ${a.length}`,
    got: `${b.length} values`,
  });
}

/** @throws DomainError when a fraction lies outside [0, 1]. */
export function checkFraction(op: string, arg: string, value: number): void {
  if (value >= 0 && value <= 1) return;
  throw new DomainError({ op, arg, expected: 'lie in [0, 1]', got: String(value) });
}
