import type { Tensor } from '@tensorflow/tfjs';
import type { RowsLike, ScalarsLike } from '../../src/ops/applyRows.js';
import * as lorentz from '../../src/ops/lorentz.js';
import * as poincare from '../../src/ops/poincare.js';
import { lorentz as lorentzReference, poincare as ballReference } from '../reference/hyperbolic.js';
import type { Vector } from '../reference/hyperbolic.js';
import { numberOf, vectorOf } from '../reference/hyperbolic.js';
import { normalRows } from './arbitraries.js';
import type { Matrix } from './arbitraries.js';

type Num = Vector[number];
export type Model = 'poincare' | 'lorentz';
/** A point, a tangent at the first row, or any vector. */
export type RowKind = 'point' | 'tangent' | 'tangent0';

/** One map of rows, with the oracle of a single row. */
export interface HyperbolicCase {
  readonly model: Model;
  readonly name: string;
  readonly rows: readonly RowKind[];
  /** Scalars besides c, used in all tests of the map. */
  readonly scalars: readonly number[];
  readonly call: (
    rows: readonly RowsLike[],
    c: ScalarsLike,
    scalars: readonly ScalarsLike[],
  ) => Tensor;
  readonly reference: (rows: readonly Vector[], c: Num, scalars: readonly Num[]) => Num[] | Num;
}

const POINT = ['point'] as const;
const PAIR = ['point', 'point'] as const;
const VELOCITY = ['point', 'tangent'] as const;
const NO_SCALARS: readonly number[] = [];

const sharedCases = (model: Model): HyperbolicCase[] => {
  const [op, ref] = model === 'poincare' ? [poincare, ballReference] : [lorentz, lorentzReference];
  const map = (
    name: string,
    rows: readonly RowKind[],
    call: HyperbolicCase['call'],
    reference: HyperbolicCase['reference'],
    scalars = NO_SCALARS,
  ): HyperbolicCase => ({ model, name, rows, scalars, call, reference });
  return [
    map(
      'dist',
      PAIR,
      ([x, y], c) => op.dist(x, y, c),
      ([x, y], c) => ref.dist(x, y, c),
    ),
    map(
      'dist0',
      POINT,
      ([x], c) => op.dist0(x, c),
      ([x], c) => ref.dist0(x, c),
    ),
    map(
      'add',
      PAIR,
      ([x, y], c) => op.add(x, y, c),
      ([x, y], c) => ref.add(x, y, c),
    ),
    map(
      'scalarMul',
      POINT,
      ([x], c, [r]) => op.scalarMul(r, x, c),
      ([x], c, [r]) => ref.scalarMul(r, x, c),
      [-0.75],
    ),
    map(
      'expMap',
      VELOCITY,
      ([x, v], c) => op.expMap(x, v, c),
      ([x, v], c) => ref.expMap(x, v, c),
    ),
    map(
      'logMap',
      PAIR,
      ([x, y], c) => op.logMap(x, y, c),
      ([x, y], c) => ref.logMap(x, y, c),
    ),
    map(
      'expMap0',
      ['tangent0'],
      ([v], c) => op.expMap0(v, c),
      ([v], c) => ref.expMap0(v, c),
    ),
    map(
      'logMap0',
      POINT,
      ([x], c) => op.logMap0(x, c),
      ([x], c) => ref.logMap0(x, c),
    ),
    map(
      'transport',
      ['point', 'point', 'tangent'],
      ([x, y, v], c) => op.transport(x, y, v, c),
      ([x, y, v], c) => ref.transport(x, y, v, c),
    ),
    map(
      'transport0',
      ['point', 'tangent0'],
      ([y, v], c) => op.transport0(y, v, c),
      ([y, v], c) => ref.transport0(y, v, c),
    ),
    map(
      'inner',
      ['point', 'tangent', 'tangent'],
      ([x, u, v], c) => op.inner(x, u, v, c),
      ([x, u, v], c) => ref.inner(x, u, v, c),
    ),
    map(
      'norm',
      VELOCITY,
      ([x, v], c) => op.norm(x, v, c),
      ([x, v], c) => ref.norm(x, v, c),
    ),
    map(
      'egradToRgrad',
      ['point', 'tangent0'],
      ([x, grad], c) => op.egradToRgrad(x, grad, c),
      ([x, grad], c) => ref.egradToRgrad(x, grad, c),
    ),
    map(
      'project',
      POINT,
      ([x], c) => op.project(x, c),
      ([x]) => [...x],
    ),
    map(
      'hyperplaneDistance',
      ['point', 'point', 'tangent0'],
      ([p, x, a], c) => op.hyperplaneDistance(x, p, a, c),
      ([p, x, a], c) => ref.hyperplaneDistance(x, p, a, c),
    ),
  ];
};

export const POINCARE_CASES: readonly HyperbolicCase[] = [
  ...sharedCases('poincare'),
  {
    model: 'poincare',
    name: 'gyration',
    rows: ['point', 'point', 'tangent0'],
    scalars: NO_SCALARS,
    call: ([a, b, v], c) => poincare.gyration(a, b, v, c),
    reference: ([a, b, v], c) => {
      // Linear in v, and the definition by sums asks for a vector in the ball.
      const small = numberOf(1e-3).div(c.plus(1));
      const turned = ballReference.gyration(
        a,
        b,
        v.map((value) => value.times(small)),
        c,
      );
      return turned.map((value) => value.div(small));
    },
  },
  {
    model: 'poincare',
    name: 'conformalFactor',
    rows: POINT,
    scalars: NO_SCALARS,
    call: ([x], c) => poincare.conformalFactor(x, c),
    reference: ([x], c) => ballReference.conformalFactor(x, c),
  },
  {
    model: 'poincare',
    name: 'hyperplaneLogit',
    rows: ['point', 'tangent0'],
    scalars: [0.375],
    call: ([x, z], c, [r]) => poincare.hyperplaneLogit(x, z, r, c),
    reference: ([x, z], c, [r]) => ballReference.hyperplaneLogit(x, z, r, c),
  },
  {
    model: 'poincare',
    name: 'coneHalfAperture',
    rows: POINT,
    scalars: [0.125],
    call: ([x], c, [k]) => poincare.coneHalfAperture(x, c, k),
    reference: ([x], c, [k]) => ballReference.coneHalfAperture(x, k, c),
  },
  {
    model: 'poincare',
    name: 'coneAngle',
    rows: PAIR,
    scalars: NO_SCALARS,
    call: ([x, y], c) => poincare.coneAngle(x, y, c),
    reference: ([x, y], c) => ballReference.coneAngle(x, y, c),
  },
];

export const LORENTZ_CASES: readonly HyperbolicCase[] = [
  ...sharedCases('lorentz'),
  {
    model: 'lorentz',
    name: 'minkowskiInner',
    rows: PAIR,
    scalars: NO_SCALARS,
    call: ([x, y], c) => lorentz.minkowskiInner(x, y, c),
    reference: ([x, y], c) => lorentzReference.minkowskiInner(x, y, c),
  },
  {
    model: 'lorentz',
    name: 'time',
    rows: POINT,
    scalars: NO_SCALARS,
    call: ([x], c) => lorentz.time(x, c),
    reference: ([x], c) => lorentzReference.time(x, c),
  },
  {
    model: 'lorentz',
    name: 'projectTangent',
    rows: ['point', 'tangent0'],
    scalars: [0.25],
    call: ([x, w], c, [w0]) => lorentz.projectTangent(x, w, w0, c),
    reference: ([x, w], c, [w0]) => lorentzReference.projectTangent(x, w, w0, c),
  },
  {
    model: 'lorentz',
    name: 'halfAperture',
    rows: POINT,
    scalars: [0.125],
    call: ([x], c, [k]) => lorentz.halfAperture(x, c, k),
    reference: ([x], c, [k]) => lorentzReference.halfAperture(x, k, c),
  },
  {
    model: 'lorentz',
    name: 'exteriorAngle',
    rows: PAIR,
    scalars: NO_SCALARS,
    call: ([x, y], c) => lorentz.exteriorAngle(x, y, c),
    reference: ([x, y], c) => lorentzReference.exteriorAngle(x, y, c),
  },
];

/** Rows of unit length. */
export function directions(n: number, d: number, seed: number): Matrix {
  return normalRows(n, d, seed).map((row) => {
    const size = Math.hypot(...row);
    return row.map((v) => v / size);
  });
}

/** The point at a distance from the origin in a direction, rounded to float32. */
export function pointAt(model: Model, unit: readonly number[], radius: number, c = 1): number[] {
  const s = Math.sqrt(c);
  const size = model === 'poincare' ? Math.tanh((s * radius) / 2) / s : Math.sinh(s * radius) / s;
  return unit.map((v) => Math.fround(v * size));
}

/** A tangent at x of Riemannian length `size` whose orthonormal coordinates point to `unit`. */
export function tangentAt(
  model: Model,
  x: readonly number[],
  unit: readonly number[],
  size: number,
  c = 1,
): number[] {
  const square = x.reduce((sum, v) => sum + v * v, 0);
  if (model === 'poincare') {
    return unit.map((v) => Math.fround((v * size * (1 - c * square)) / 2));
  }
  const p = Math.sqrt(square);
  const u = x.map((v) => (p === 0 ? 0 : v / p));
  const along = unit.reduce((sum, v, i) => sum + v * u[i], 0);
  const stretch = Math.sqrt(1 + c * square) - 1;
  return unit.map((v, i) => Math.fround(size * (v + stretch * along * u[i])));
}

/** Rows for every argument of a map: one array [n][d] each. */
export function argumentsOf(
  { model, rows }: HyperbolicCase,
  radii: readonly number[],
  { d, seed, c, length }: { d: number; seed: number; c: number; length: number },
): Matrix[] {
  const n = radii.length;
  const made: Matrix[] = [];
  rows.forEach((kind, r) => {
    const units = directions(n, d, seed + 100 * r);
    // Second points at the radii in another order.
    const radius = (i: number): number => radii[(i * (r === 0 ? 1 : 7) + r) % n];
    made.push(
      units.map((unit, i) => {
        if (kind === 'point') return pointAt(model, unit, radius(i), c);
        if (kind === 'tangent') return tangentAt(model, made[0][i], unit, length, c);
        return unit.map((v) => Math.fround(v * length));
      }),
    );
  });
  return made;
}

const flat = (result: Num[] | Num): Num[] => (Array.isArray(result) ? [...result] : [result]);

/** What the oracle says of one row of arguments. */
export interface Wanted {
  readonly values: readonly number[];
  /** Slopes of every output by every input: [output][argument][feature]; rows, scalars, then c. */
  readonly slopes: readonly (readonly (readonly number[])[])[];
  /**
   * What rounding the inputs costs each output: the sum over inputs of |slope| times the largest
   * magnitude in the row that the input is in.
   */
  readonly conditions: readonly number[];
}

/** Oracle of one row of arguments, with its slopes by central differences of the oracle. */
export function wantedOf(
  entry: HyperbolicCase,
  rows: readonly (readonly number[])[],
  c: number,
  scalars: readonly number[] = entry.scalars,
): Wanted {
  const inputs = [...rows, ...scalars.map((v) => [v]), [c]].map(vectorOf);
  const evaluate = (given: readonly Vector[]): Num[] =>
    flat(
      entry.reference(
        given.slice(0, rows.length),
        given[given.length - 1][0],
        given.slice(rows.length, -1).map(([v]) => v),
      ),
    );
  const values = evaluate(inputs);
  const slopes = values.map(() => inputs.map((row) => row.map(() => 0)));
  const conditions = values.map(() => 0);
  inputs.forEach((row, r) => {
    const size = sizeOf(row);
    const step = size.times(1e-20);
    row.forEach((_v, f) => {
      const moved = (by: Num): Num[] =>
        evaluate(inputs.map((own, i) => (i === r ? own.with(f, own[f].plus(by)) : own)));
      const [up, down] = [moved(step), moved(step.neg())];
      up.forEach((v, o) => {
        const slope = v.minus(down[o]).div(step.times(2));
        slopes[o][r][f] = slope.toNumber();
        conditions[o] += slope.times(size).abs().toNumber();
      });
    });
  });
  return { values: values.map((v) => v.toNumber()), slopes, conditions };
}

/** Largest magnitude in a row; 1e-10 for zeros: their step, 1e-30, is a square in acosh(1 + ...). */
function sizeOf(row: Vector): Num {
  const size = row.reduce((most, v) => (v.abs().gt(most) ? v.abs() : most), numberOf(0));
  return size.isZero() ? numberOf(1e-10) : size;
}
