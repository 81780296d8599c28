import { FLOAT32_MAX } from '../../numerics.js';
import { RowGraph } from './graph.js';
import type {
  DerivedFunction,
  RowNode,
  RowOperand,
  RowProgram,
  UnaryFunction,
  Value,
} from './graph.js';

/**
 * What each function of a row program is: its derivative, and for the derived ones their form in base
 * functions, which keeps the relative error of float32 at a few ulp over the whole domain. Forms near a
 * point where the closed one cancels are Taylor series; where they end, the first term left out is below
 * 2^-30 of the sum.
 *
 * xRoot(z) are functions of a signed square: sinhcRoot(z) = sinh(r) / r with r = sqrt(z), and for
 * z < 0 sin(r) / r with r = sqrt(-z). They are smooth through 0, so maps written with them need no
 * special case for zero vectors, and one form serves both signs of curvature.
 */

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

/** c[0] + v (c[1] + v (c[2] + ...)). */
export function polynomial(g: RowGraph, v: Value, coefficients: readonly number[]): Value {
  return coefficients
    .slice(0, -1)
    .reduceRight<Value>(
      (tail, c) => g.add(c, g.mul(v, tail)),
      g.constant(coefficients[coefficients.length - 1]),
    );
}

const derivativeSeries = (coefficients: readonly number[]): number[] =>
  coefficients.slice(1).map((c, i) => c * (i + 1));

// Series in z of f(sqrt z) / sqrt z.
const SINHC = range(9).map((k) => 1 / factorial(2 * k + 1));
const ASINHC = ((): number[] => {
  const series: number[] = [];
  let central = 1;
  for (let k = 0; k < 16; k++) {
    series.push(((k % 2 === 0 ? 1 : -1) * central) / (2 * k + 1));
    central *= (2 * k + 1) / (2 * k + 2);
  }
  return series;
})();
const ATANHC = range(16).map((k) => 1 / (2 * k + 1));
/** tanh t / t, from tanh' = 1 - tanh^2. */
const TANHC = ((): number[] => {
  const a = [1];
  for (let n = 1; n < 16; n++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += a[i] * a[n - 1 - i];
    a.push(-sum / (2 * n + 1));
  }
  return a;
})();
const EXPM1 = range(11).map((k) => 1 / factorial(k + 1));

/** |z| up to which a series is used. */
const CUT = { sinhc: 1, tanhc: 0.36, asinhc: 0.16, atanhc: 0.16 } as const;

const signed = (g: RowGraph, v: Value, size: Value): Value =>
  g.where('lt', v, 0, g.neg(size), size);

/** E = e^-2|v|: 4 E / (1 + E)^2 is 1 / cosh^2 v without overflow. */
function sechSquared(g: RowGraph, v: Value): Value {
  const e = g.unary('exp', g.mul(-2, g.unary('abs', v)));
  return g.div(g.mul(4, e), g.square(g.add(1, e)));
}

/** f(r) for r = sqrt(z) when z >= 0, otherwise circular(r) for r = sqrt(-z). */
function bySign(
  g: RowGraph,
  z: Value,
  hyperbolic: (r: Value) => Value,
  circular: (r: Value) => Value,
): Value {
  const r = g.sqrt(g.unary('abs', z));
  return g.where('lt', z, 0, circular(r), hyperbolic(r));
}

const nearZero = (g: RowGraph, z: Value, cut: number, near: Value, far: Value): Value =>
  g.where('lt', g.unary('abs', z), cut, near, far);

const tangent = (g: RowGraph, r: Value): Value => g.div(g.unary('sin', r), g.unary('cos', r));

/** (closed - value) / 2z away from 0, the derivative of a root function there. */
const slope = (g: RowGraph, z: Value, closed: Value, value: Value): Value =>
  g.div(g.sub(closed, value), g.mul(2, z));

/** A function written in others. */
export type Definition = (g: RowGraph, v: Value) => Value;

/** Forms in base functions and in derived ones that are defined before. */
const DEFINITIONS: Readonly<Record<DerivedFunction, Definition>> = {
  expm1: (g, v) =>
    nearZero(g, v, 0.5, g.mul(v, polynomial(g, v, EXPM1)), g.sub(g.unary('exp', v), 1)),
  sinh: (g, v) => {
    const size = g.unary('abs', v);
    const half = g.unary('exp', g.mul(0.5, size));
    const e = g.unary('exp', size);
    const middle = g.mul(0.5, g.sub(e, g.div(1, e)));
    // e^|v| overflows before its half does.
    const far = g.where('lt', size, 80, middle, g.mul(g.mul(0.5, half), half));
    const z = g.square(v);
    return nearZero(g, v, 1, g.mul(v, polynomial(g, z, SINHC)), signed(g, v, far));
  },
  cosh: (g, v) => {
    const size = g.unary('abs', v);
    const half = g.unary('exp', g.mul(0.5, size));
    const e = g.unary('exp', size);
    const near = g.mul(0.5, g.add(e, g.div(1, e)));
    return g.where('lt', size, 80, near, g.mul(g.mul(0.5, half), half));
  },
  tanh: (g, v) => {
    const size = g.unary('abs', v);
    // 20 is past the last digit of 1, and the exponential does not overflow.
    const e = g.unary('exp', g.mul(2, g.min(size, 20)));
    const far = g.sub(1, g.div(2, g.add(1, e)));
    const near = g.mul(v, polynomial(g, g.square(v), TANHC));
    const value = nearZero(g, v, 0.6, near, signed(g, v, far));
    // The minimum may have dropped a NaN.
    return g.where('eq', v, v, value, v);
  },
  atan: (g, v) => {
    // Three ranges: |v| <= tan(pi/8), up to tan(3 pi/8), and beyond, each moved to the first.
    const size = g.unary('abs', v);
    const low = Math.tan(Math.PI / 8);
    const high = Math.tan((3 * Math.PI) / 8);
    const middle = g.div(g.sub(size, 1), g.add(size, 1));
    const far = g.neg(g.div(1, size));
    const argument = g.where('le', size, low, size, g.where('le', size, high, middle, far));
    const base = g.where('le', size, low, 0, g.where('le', size, high, Math.PI / 4, Math.PI / 2));
    const series = ATANHC.map((c, k) => (k % 2 === 0 ? c : -c));
    const near = g.mul(argument, polynomial(g, g.square(argument), series));
    return signed(g, v, g.add(base, near));
  },
  atanh: (g, v) => {
    const size = g.unary('abs', v);
    const rest = g.sub(1, size);
    // 1 - |v| is exact from 1/2 on, and the two logarithms have opposite signs.
    const far = g.mul(0.5, g.sub(g.unary('log1p', size), g.unary('log', rest)));
    const near = g.mul(0.5, g.unary('log1p', g.div(g.mul(2, size), rest)));
    return signed(g, v, g.where('lt', size, 0.5, near, far));
  },
  acosh1p: (g, v) => {
    const near = g.unary('log1p', g.add(v, g.sqrt(g.mul(v, g.add(v, 2)))));
    return g.where('lt', v, 2 ** 20, near, g.add(g.unary('log', v), Math.LN2));
  },
  sinhc: (g, v) => {
    const size = g.unary('abs', v);
    const half = g.unary('exp', g.mul(0.5, size));
    const far = g.mul(g.div(g.mul(0.5, half), g.min(size, 200)), half);
    const middle = g.div(g.unary('sinh', size), size);
    const near = polynomial(g, g.square(v), SINHC);
    return nearZero(g, v, 1, near, g.where('lt', size, 80, middle, far));
  },
  tanhc: (g, v) =>
    nearZero(g, v, 0.6, polynomial(g, g.square(v), TANHC), g.div(g.unary('tanh', v), v)),
  asinhc: (g, v) => {
    const size = g.unary('abs', v);
    // Of infinity the quotient would be NaN.
    const log = g.unary('asinh', g.min(size, FLOAT32_MAX));
    // A GPU may divide by multiplying with the reciprocal, which vanishes beyond 2^126.
    const scaled = g.div(g.mul(log, 2 ** -64), g.mul(size, 2 ** -64));
    const far = g.where('lt', size, 2 ** 100, g.div(log, size), scaled);
    return nearZero(g, v, 0.3, polynomial(g, g.square(v), ASINHC), far);
  },
  atanhc: (g, v) =>
    nearZero(g, v, 0.3, polynomial(g, g.square(v), ATANHC), g.div(g.unary('atanh', v), v)),
  coshRoot: (g, z) =>
    bySign(
      g,
      z,
      (r) => g.unary('cosh', r),
      (r) => g.unary('cos', r),
    ),
  sinhcRoot: (g, z) =>
    bySign(
      g,
      z,
      (r) => g.unary('sinhc', r),
      (r) => nearZero(g, z, CUT.sinhc, polynomial(g, z, SINHC), g.div(g.unary('sin', r), r)),
    ),
  tanhcRoot: (g, z) =>
    bySign(
      g,
      z,
      (r) => g.unary('tanhc', r),
      (r) => nearZero(g, z, CUT.tanhc, polynomial(g, z, TANHC), g.div(tangent(g, r), r)),
    ),
  asinhcRoot: (g, z) =>
    bySign(
      g,
      z,
      (r) => g.unary('asinhc', r),
      (r) => nearZero(g, z, CUT.asinhc, polynomial(g, z, ASINHC), g.div(g.unary('asin', r), r)),
    ),
  atanhcRoot: (g, z) =>
    bySign(
      g,
      z,
      (r) => g.unary('atanhc', r),
      (r) => nearZero(g, z, CUT.atanhc, polynomial(g, z, ATANHC), g.div(g.unary('atan', r), r)),
    ),
  sinhcRootSlope: (g, z) =>
    nearZero(
      g,
      z,
      CUT.sinhc,
      polynomial(g, z, derivativeSeries(SINHC)),
      slope(g, z, g.unary('coshRoot', z), g.unary('sinhcRoot', z)),
    ),
  tanhcRootSlope: (g, z) => {
    const value = g.unary('tanhcRoot', z);
    const r = g.sqrt(g.unary('abs', z));
    const closed = g.where('lt', z, 0, g.sub(1, g.mul(z, g.square(value))), sechSquared(g, r));
    const series = polynomial(g, z, derivativeSeries(TANHC));
    return nearZero(g, z, CUT.tanhc, series, slope(g, z, closed, value));
  },
  asinhcRootSlope: (g, z) => {
    const closed = g.div(1, g.sqrt(g.add(1, z)));
    const series = polynomial(g, z, derivativeSeries(ASINHC));
    return nearZero(g, z, CUT.asinhc, series, slope(g, z, closed, g.unary('asinhcRoot', z)));
  },
  atanhcRootSlope: (g, z) => {
    const closed = g.div(1, g.sub(1, z));
    const series = polynomial(g, z, derivativeSeries(ATANHC));
    return nearZero(g, z, CUT.atanhc, series, slope(g, z, closed, g.unary('atanhcRoot', z)));
  },
};

const isDerived = (op: UnaryFunction): op is DerivedFunction => Object.hasOwn(DEFINITIONS, op);

/** Writes programs anew in the functions that a backend has. */
export type Lowering = (program: RowProgram) => RowProgram;

/**
 * How programs are lowered: every function that a backend lacks is written in those it has. A program is
 * lowered once and then known, since maps keep theirs and kernels are called with them over and over.
 * @param native Derived functions that the backend has of its own.
 * @param own Forms to use in place of those of float32, also of base functions.
 */
export function lowering(
  native: Iterable<UnaryFunction>,
  own: Readonly<Partial<Record<UnaryFunction, Definition>>> = {},
): Lowering {
  const kept = new Set(native);
  const known = new WeakMap<RowProgram, RowProgram>();
  const definitionOf = (op: UnaryFunction): Definition | undefined =>
    own[op] ?? (isDerived(op) && !kept.has(op) ? DEFINITIONS[op] : undefined);
  const isForeign = (node: RowNode): boolean =>
    node.kind === 'unary' && definitionOf(node.op) !== undefined;
  const lower: Lowering = (program) => {
    let lowered = program;
    // Definitions may use other derived functions in their turn.
    while (lowered.nodes.some(isForeign)) {
      const { graph, values } = RowGraph.from(lowered, (g, node, [v]) =>
        node.kind === 'unary' ? definitionOf(node.op)?.(g, v) : undefined,
      );
      lowered = graph.program(
        lowered.outputs.map(({ node }) => values[node]),
        lowered.outputs.map(({ level }) => level),
      );
    }
    return lowered;
  };
  return (program) => {
    const before = known.get(program);
    if (before !== undefined) return before;
    const lowered = lower(program);
    known.set(program, lowered);
    return lowered;
  };
}

/** To base functions alone, for float32. */
export const lowerToBase = lowering([]);

const twice = (g: RowGraph, v: Value, slopeOf: UnaryFunction): Value =>
  g.mul(g.mul(2, v), g.unary(slopeOf, g.square(v)));

/**
 * Derivatives f'(v). Where there is none, a subgradient that keeps training going: 0 for |v|, roots,
 * logarithms and acosh at the end of their domain.
 */
export const DERIVATIVES: Readonly<
  Record<UnaryFunction, (g: RowGraph, v: Value, value: Value) => RowOperand>
> = {
  neg: () => -1,
  abs: (g, v) => g.unary('sign', v),
  sign: () => 0,
  sqrt: (g, v, value) => g.where('le', v, 0, 0, g.div(0.5, value)),
  square: (g, v) => g.mul(2, v),
  exp: (_g, _v, value) => value,
  log: (g, v) => g.where('eq', v, 0, 0, g.div(1, v)),
  log1p: (g, v) => g.where('eq', v, -1, 0, g.div(1, g.add(1, v))),
  sin: (g, v) => g.unary('cos', v),
  cos: (g, v) => g.neg(g.unary('sin', v)),
  asin: (g, v) => {
    const rest = g.sqrt(g.mul(g.sub(1, v), g.add(1, v)));
    return g.where('lt', g.unary('abs', v), 1, g.div(1, rest), 0);
  },
  asinh: (g, v) => g.div(1, g.hypot(1, v)),
  expm1: (g, v) => g.unary('exp', v),
  sinh: (g, v) => g.unary('cosh', v),
  cosh: (g, v) => g.unary('sinh', v),
  tanh: (g, v) => sechSquared(g, v),
  atan: (g, v) => {
    const inverse = g.div(1, v);
    // The square of a large number may overflow.
    const far = g.div(g.square(inverse), g.add(1, g.square(inverse)));
    return g.where('lt', g.unary('abs', v), 1, g.div(1, g.add(1, g.square(v))), far);
  },
  atanh: (g, v) => {
    const rest = g.mul(g.sub(1, v), g.add(1, v));
    return g.where('lt', g.unary('abs', v), 1, g.div(1, rest), 0);
  },
  acosh1p: (g, v) => {
    const root = g.mul(g.sqrt(v), g.sqrt(g.add(v, 2)));
    return g.where('le', v, 0, 0, g.div(1, root));
  },
  sinhc: (g, v) => twice(g, v, 'sinhcRootSlope'),
  tanhc: (g, v) => twice(g, v, 'tanhcRootSlope'),
  asinhc: (g, v, value) => {
    const far = g.div(g.sub(g.div(1, g.hypot(1, v)), value), v);
    return nearZero(g, v, 0.3, twice(g, v, 'asinhcRootSlope'), far);
  },
  atanhc: (g, v) => g.where('lt', g.unary('abs', v), 1, twice(g, v, 'atanhcRootSlope'), 0),
  coshRoot: (g, z) => g.mul(0.5, g.unary('sinhcRoot', z)),
  sinhcRoot: (g, z) => g.unary('sinhcRootSlope', z),
  tanhcRoot: (g, z) => g.unary('tanhcRootSlope', z),
  asinhcRoot: (g, z) => g.unary('asinhcRootSlope', z),
  atanhcRoot: (g, z) => g.where('lt', z, 1, g.unary('atanhcRootSlope', z), 0),
  sinhcRootSlope: (g, z, value) => {
    // z f'' = sinhcRoot / 4 - 3/2 f' follows from the equation of sinh.
    const far = g.div(g.sub(g.mul(0.25, g.unary('sinhcRoot', z)), g.mul(1.5, value)), z);
    const series = derivativeSeries(derivativeSeries(SINHC));
    return nearZero(g, z, CUT.sinhc, polynomial(g, z, series), far);
  },
  tanhcRootSlope: (g, z, value) => {
    const t = g.unary('tanhcRoot', z);
    // (1 - z t^2 - t) / 2z, once more by z.
    const numerator = g.sub(g.neg(g.square(t)), g.mul(value, g.add(1, g.mul(g.mul(2, z), t))));
    const far = g.div(g.sub(numerator, g.mul(2, value)), g.mul(2, z));
    const series = derivativeSeries(derivativeSeries(TANHC));
    return nearZero(g, z, CUT.tanhc, polynomial(g, z, series), far);
  },
  asinhcRootSlope: (g, z, value) => {
    const inner = g.add(1, z);
    const numerator = g.neg(g.div(0.5, g.mul(inner, g.sqrt(inner))));
    const far = g.div(g.sub(numerator, g.mul(3, value)), g.mul(2, z));
    const series = derivativeSeries(derivativeSeries(ASINHC));
    return nearZero(g, z, CUT.asinhc, polynomial(g, z, series), far);
  },
  atanhcRootSlope: (g, z, value) => {
    const numerator = g.div(1, g.square(g.sub(1, z)));
    const far = g.div(g.sub(numerator, g.mul(3, value)), g.mul(2, z));
    const series = derivativeSeries(derivativeSeries(ATANHC));
    return nearZero(g, z, CUT.atanhc, polynomial(g, z, series), far);
  },
};
