import { DomainError } from '../errors.js';

/** @throws DomainError unless the number is finite and the rule holds. */
export function checkNumber(
  op: string,
  arg: string,
  value: number,
  holds: boolean,
  expected: string,
): void {
  if (holds && Number.isFinite(value)) return;
  throw new DomainError({ op, arg, expected, got: String(value) });
}

/** @throws DomainError unless it is an integer >= 1. */
export function checkCount(op: string, arg: string, value: number): void {
  checkNumber(op, arg, value, Number.isInteger(value) && value >= 1, 'be an integer >= 1');
}
