import { Decimal } from 'decimal.js';

/** Numbers of one precision. */
export interface Arithmetic<T> {
  readonly of: (value: number) => T;
  readonly add: (a: T, b: T) => T;
  readonly sub: (a: T, b: T) => T;
  readonly mul: (a: T, b: T) => T;
  readonly div: (a: T, b: T) => T;
  readonly sqrt: (a: T) => T;
  /** e^length, for lengths > 0. */
  readonly exp: (length: number) => T;
  /** The nearest float64. */
  readonly toNumber: (a: T) => number;
  /** Natural logarithm of |a| in float64; -Infinity for 0. */
  readonly logSize: (a: T) => number;
  readonly toText: (a: T) => string;
}

/** Bits of a float64's significand. */
export const FLOAT64_BITS = 53;

export const float64: Arithmetic<number> = {
  of: (value) => value,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  sqrt: Math.sqrt,
  exp: Math.exp,
  toNumber: (a) => a,
  logSize: (a) => Math.log(Math.abs(a)),
  toText: String,
};

/**
 * Bits carried beyond those asked for: points near the boundary of the ball at radius R differ from one
 * another from bit R / ln 2 on, and what is left after that is the precision of their distance.
 */
const GUARD_BITS = 64;

/** Digits per word of decimal.js. */
const WORD = 1e7;

/** Decimal numbers of at least the given number of bits, with guard digits. */
export function decimals(bits: number): Arithmetic<Decimal> {
  const precision = Math.ceil((bits + GUARD_BITS) * Math.log10(2));
  // A constructor of our own: precision is a setting of the constructor that users may share.
  const Own = Decimal.clone({ defaults: true, precision });
  return {
    of: (value) => new Own(value),
    add: (a, b) => a.plus(b),
    sub: (a, b) => a.minus(b),
    mul: (a, b) => a.times(b),
    div: (a, b) => a.dividedBy(b),
    sqrt: (a) => a.sqrt(),
    exp: (length) => new Own(length).exp(),
    toNumber: (a) => a.toNumber(),
    logSize: ({ d, e }) => {
      // The first words hold more digits than a float64; toNumber would underflow far from the origin.
      const [first, second = 0, third = 0] = d;
      const digits = String(first).length;
      const leading = first + second / WORD + third / (WORD * WORD);
      return Math.log(leading) + (e - digits + 1) * Math.LN10;
    },
    toText: (a) => a.toString(),
  };
}
