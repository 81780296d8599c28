import { FLOAT64_UNARY } from '../evaluate.js';
import { lowering, polynomial } from './functions.js';
import type { Definition } from './functions.js';
import type { UnaryFunction } from './graph.js';

/** Derived functions that JavaScript computes itself, under the same names. */
const DERIVED = {
  expm1: Math.expm1,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  atan: Math.atan,
  atanh: Math.atanh,
} as const satisfies Readonly<Partial<Record<UnaryFunction, (v: number) => number>>>;

/** Functions in float64, of a program lowered by {@link lowerFloat64}. */
export const FLOAT64_FUNCTIONS: Readonly<Partial<Record<UnaryFunction, (v: number) => number>>> = {
  ...FLOAT64_UNARY,
  ...DERIVED,
};

const NATIVE = Object.keys(DERIVED) as (keyof typeof DERIVED)[];

/** f(v) / v with 1 at 0: f of float64 keeps its relative accuracy there, so no series is needed. */
const overArgument =
  (f: UnaryFunction): Definition =>
  (g, v) =>
    g.where('eq', v, 0, 1, g.div(g.unary(f, v), v));

/** Shorter forms than those of float32: what they lose is far below a rounding to float32. */
const SHORT: Readonly<Partial<Record<UnaryFunction, Definition>>> = {
  // Where sinh is past float32, its quotient by infinity would be NaN.
  sinhc: (g, v) =>
    g.where(
      'lt',
      g.unary('abs', v),
      500,
      overArgument('sinh')(g, v),
      g.unary('abs', g.unary('sinh', v)),
    ),
  tanhc: overArgument('tanh'),
  atanhc: overArgument('atanh'),
};

/** To functions that {@link FLOAT64_FUNCTIONS} has. */
export const lowerFloat64 = lowering(NATIVE, SHORT);

const CLOSE = 1e-3;

/** v P(v^2) near 0, where a closed form of float64 would lose more than a millionth of float32's digits. */
const oddNearZero =
  (coefficients: readonly number[], closed: Definition): Definition =>
  (g, v) => {
    const size = g.unary('abs', v);
    const near = g.mul(v, polynomial(g, g.square(v), coefficients));
    const far = closed(g, size);
    const value = g.where('lt', v, 0, g.neg(far), far);
    return g.where('lt', size, CLOSE, near, value);
  };

/** Everything by exponential and logarithm, which WebAssembly engines call without passing through JavaScript. */
const BY_EXP_AND_LOG: Readonly<Partial<Record<UnaryFunction, Definition>>> = {
  ...SHORT,
  sign: (g, v) => g.where('lt', v, 0, -1, g.where('lt', 0, v, 1, v)),
  log1p: (g, v) => {
    const near = g.mul(v, polynomial(g, v, [1, -1 / 2, 1 / 3, -1 / 4]));
    return g.where('lt', g.unary('abs', v), CLOSE, near, g.unary('log', g.add(1, v)));
  },
  expm1: (g, v) => {
    const near = g.mul(v, polynomial(g, v, [1, 1 / 2, 1 / 6, 1 / 24]));
    return g.where('lt', g.unary('abs', v), CLOSE, near, g.sub(g.unary('exp', v), 1));
  },
  asinh: oddNearZero([1, -1 / 6, 3 / 40], (g, v) =>
    g.unary('log', g.add(v, g.sqrt(g.add(1, g.square(v))))),
  ),
  sinh: oddNearZero([1, 1 / 6, 1 / 120], (g, v) => {
    const e = g.unary('exp', v);
    return g.mul(0.5, g.sub(e, g.div(1, e)));
  }),
  cosh: (g, v) => {
    const e = g.unary('exp', v);
    return g.mul(0.5, g.add(e, g.div(1, e)));
  },
  tanh: oddNearZero([1, -1 / 3, 2 / 15], (g, v) =>
    g.sub(1, g.div(2, g.add(1, g.unary('exp', g.mul(2, v))))),
  ),
  atanh: oddNearZero([1, 1 / 3, 1 / 5], (g, v) =>
    g.mul(0.5, g.unary('log', g.div(g.add(1, v), g.sub(1, v)))),
  ),
};

/** To exp, log, sin, cos, asin, atan and arithmetic, for float64. */
export const lowerToExpAndLog = lowering(NATIVE, BY_EXP_AND_LOG);
