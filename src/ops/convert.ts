import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { DomainError } from '../errors.js';
import { programOf } from '../specs/rowProgram/programOf.js';
import type { RowGraph, Value } from '../specs/rowProgram/graph.js';
import { applyRows, checkCurvature } from './applyRows.js';
import type { RowsLike, ScalarsLike } from './applyRows.js';
import { UP, upOf } from './heights.js';

/** Coordinates of hyperbolic space. */
export const HYPERBOLIC_MODELS = ['ball', 'lorentz', 'klein', 'halfSpace', 'logPolar'] as const;
export type HyperbolicModel = (typeof HYPERBOLIC_MODELS)[number];

/**
 * To Lorentz space coordinates and back. Every pair of models is joined through them inside one
 * program, except where a shorter way keeps more digits.
 */
interface Chart {
  /** Lorentz space coordinates of a point of the model. */
  readonly toLorentz: (g: RowGraph, x: Value, c: Value) => Value;
  readonly fromLorentz: (g: RowGraph, x: Value, c: Value) => Value;
}

/** sqrt(1 + c |x|^2) without overflow. */
const timeOf = (g: RowGraph, x: Value, c: Value): Value => g.hypot(1, g.mul(g.sqrt(c), g.norm(x)));

const CHARTS: Readonly<Record<HyperbolicModel, Chart>> = {
  lorentz: { toLorentz: (_g, x) => x, fromLorentz: (_g, x) => x },
  ball: {
    toLorentz: (g, x, c) => g.div(g.mul(2, x), g.gap(c, x)),
    fromLorentz: (g, x, c) => g.div(x, g.add(1, timeOf(g, x, c))),
  },
  klein: {
    toLorentz: (g, x, c) => g.div(x, g.sqrt(g.gap(c, x))),
    fromLorentz: (g, x, c) => g.div(x, timeOf(g, x, c)),
  },
  halfSpace: {
    toLorentz: (g, p, c) => {
      const up = g.row(UP);
      const height = g.dot(p, up);
      const flat = g.sub(p, g.mul(height, up));
      // (|p|^2 - 1) / 2 p_d, the last coordinate.
      const excess = g.add(g.dot(flat, flat), g.mul(g.sub(height, 1), g.add(height, 1)));
      const unit = g.add(g.div(flat, height), g.mul(g.div(g.mul(0.5, excess), height), up));
      return g.div(unit, g.sqrt(c));
    },
    fromLorentz: (g, x, c) => {
      const up = g.row(UP);
      const unit = g.mul(g.sqrt(c), x);
      const last = g.dot(unit, up);
      const flat = g.sub(unit, g.mul(last, up));
      const time = g.hypot(1, g.norm(unit));
      // 1 / (time - last), which cancels where last is large.
      const far = g.div(g.add(time, last), g.square(g.hypot(1, g.norm(flat))));
      const height = g.where('lt', 0, last, far, g.div(1, g.sub(time, last)));
      return g.add(g.mul(height, flat), g.mul(height, up));
    },
  },
  logPolar: {
    toLorentz: (g, z, c) => g.mul(g.unary('sinhc', g.mul(g.sqrt(c), g.norm(z))), z),
    fromLorentz: (g, x, c) => g.mul(g.unary('asinhc', g.mul(g.sqrt(c), g.norm(x))), x),
  },
};

/** Ways that do not pass Lorentz coordinates, which overflow or lose digits on the way. */
const DIRECT: Readonly<Record<string, (g: RowGraph, x: Value, c: Value) => Value>> = {
  // 2 x / (1 + c |x|^2) and back: both balls keep their points.
  'ball klein': (g, x, c) => g.div(g.mul(2, x), g.add(1, g.mul(c, g.dot(x, x)))),
  'klein ball': (g, x, c) => g.div(x, g.add(1, g.sqrt(g.gap(c, x)))),
  'logPolar ball': (g, z, c) => {
    const half = g.mul(g.mul(0.5, g.sqrt(c)), g.norm(z));
    return g.mul(g.mul(0.5, g.unary('tanhc', half)), z);
  },
  'ball logPolar': (g, x, c) => {
    const root = g.sqrt(g.gap(c, x));
    const sine = g.div(g.mul(g.sqrt(c), g.norm(x)), root);
    return g.mul(g.div(g.mul(2, g.unary('asinhc', sine)), root), x);
  },
  'logPolar klein': (g, z, c) => g.mul(g.unary('tanhc', g.mul(g.sqrt(c), g.norm(z))), z),
};

const programs = new Map<string, ReturnType<typeof programOf>>();

function conversion(from: HyperbolicModel, to: HyperbolicModel): ReturnType<typeof programOf> {
  const key = `${from} ${to}`;
  let program = programs.get(key);
  if (program === undefined) {
    program = programOf((g) => {
      const [x, c] = [g.row('x'), g.scalar('c')];
      if (Object.hasOwn(DIRECT, key)) return DIRECT[key](g, x, c);
      return CHARTS[to].fromLorentz(g, CHARTS[from].toLorentz(g, x, c), c);
    });
    programs.set(key, program);
  }
  return program;
}

function checkModel(arg: string, model: string): void {
  if (HYPERBOLIC_MODELS.some((known) => known === model)) return;
  throw new DomainError({
    op: 'convert',
    arg,
    expected: `be one of ${HYPERBOLIC_MODELS.join(', ')}`,
    got: `'${model}'`,
  });
}

/**
 * Points of hyperbolic space of curvature -c from one model's coordinates to another's. All keep
 * distances; the origin of the half-space is (0, ..., 0, 1).
 *
 * @param x Rows [..., d] of the model `from`: 'ball' (Poincaré, |x| < 1/sqrt(c)), 'lorentz' (space
 * coordinates), 'klein' (|x| < 1/sqrt(c)), 'halfSpace' (last coordinate above 0), 'logPolar' (distance and
 * direction from the origin). @param c Number or tensor [...]. @returns Rows [..., d] of the model `to`.
 *
 * Ball and Klein coordinates of far points round to their sphere: in float32 the ball ends at a
 * distance of 17.3 / sqrt(c) from the origin and Klein at 8.7 / sqrt(c).
 * Gradient: x and c, any order. Cost: O(n d).
 * @throws DomainError for an unknown model or a curvature not above 0. @throws ShapeError, DtypeError.
 * @example
 * convert([[0, 0.5]], 'ball', 'klein').print(); // [[0, 0.8]]
 */
export function convert(
  x: RowsLike,
  from: HyperbolicModel,
  to: HyperbolicModel,
  c: ScalarsLike = 1,
): Tensor {
  checkModel('from', from);
  checkModel('to', to);
  checkCurvature('convert', c);
  return tf.tidy(() => {
    const rows =
      from === 'halfSpace' || to === 'halfSpace' ? { x, [UP]: upOf('convert', x) } : { x };
    return applyRows('convert', conversion(from, to)(), { rows, scalars: { c } })[0];
  });
}
