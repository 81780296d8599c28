import Decimal from 'decimal.js';

/** Elementary functions to 40 digits. Imports nothing from src. */

Decimal.set({ precision: 60 });

const over =
  (f: (v: Decimal) => Decimal) =>
  (v: Decimal): Decimal =>
    v.isZero() ? new Decimal(1) : f(v).div(v);

const FUNCTIONS = {
  log1p: (v: Decimal) => v.add(1).ln(),
  expm1: (v: Decimal) => v.exp().sub(1),
  sinh: (v: Decimal) => v.sinh(),
  cosh: (v: Decimal) => v.cosh(),
  tanh: (v: Decimal) => v.tanh(),
  asinh: (v: Decimal) => v.asinh(),
  acosh1p: (v: Decimal) => v.add(1).acosh(),
  atanh: (v: Decimal) => v.atanh(),
  sinhc: over((v) => v.sinh()),
  tanhc: over((v) => v.tanh()),
  asinhc: over((v) => v.asinh()),
  atanhc: over((v) => v.atanh()),
} as const;

export type ElementaryName = keyof typeof FUNCTIONS;

/** Float64 value of a function, correctly rounded. */
export function referenceElementary(name: ElementaryName, x: number): number {
  return FUNCTIONS[name](new Decimal(x)).toNumber();
}
