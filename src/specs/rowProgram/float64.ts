import type { BaseFunction, UnaryFunction } from './graph.js';

/** Derived functions that JavaScript computes itself; all others are lowered to base functions. */
const DERIVED = {
  expm1: Math.expm1,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  atan: Math.atan,
  atanh: Math.atanh,
} as const satisfies Readonly<Partial<Record<UnaryFunction, (v: number) => number>>>;

const BASE: Readonly<Record<BaseFunction, (v: number) => number>> = {
  neg: (v) => -v,
  abs: Math.abs,
  sign: Math.sign,
  sqrt: Math.sqrt,
  square: (v) => v * v,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  asin: Math.asin,
  asinh: Math.asinh,
};

/** Functions in float64, of a program lowered to {@link FLOAT64_NATIVE}. */
export const FLOAT64_FUNCTIONS: Readonly<Partial<Record<UnaryFunction, (v: number) => number>>> = {
  ...BASE,
  ...DERIVED,
};

export const FLOAT64_NATIVE: ReadonlySet<UnaryFunction> = new Set(
  Object.keys(DERIVED) as (keyof typeof DERIVED)[],
);
