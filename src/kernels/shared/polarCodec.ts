import { BALL_EDGE } from '../../numerics.js';
import type { Geometry } from '../../specs/relationSteps.js';

/** Numbers before the direction in the polar coordinates of a row. */
export const POLAR_SCALARS = 4;

/** Between rows as they are stored (see relationStepsSpec) and their polar coordinates. */
export interface PolarCodec {
  /**
   * Read a row: exp(r / 2), exp(-r / 2), sinh r, cosh r and the unit vector of the direction, where r is
   * the distance to the origin at curvature -1. The origin's direction is the first axis.
   */
  readonly read: (table: Float32Array, row: number, polar: Float64Array) => void;
  /** Store sinh(r) times the direction. */
  readonly write: (point: Float64Array, table: Float32Array, row: number) => void;
}

/** Writes the scalars of a row of length `norm` (times s) from position `at` on. */
type Scalars = (norm: number, polar: Float64Array, at: number) => void;

/** Factor from sinh(r) u to what is stored (times s), for n = sinh r > 0. */
type Factor = (n: number) => number;

const fromSinh: Scalars = (n, polar, at) => {
  const c = Math.sqrt(1 + n * n);
  const up = Math.sqrt(n + c);
  polar[at] = up;
  polar[at + 1] = 1 / up;
  polar[at + 2] = n;
  polar[at + 3] = c;
};

const fromTanhOfHalf: Scalars = (norm, polar, at) => {
  const t = Math.min(norm, 1 - BALL_EDGE);
  const gap = (1 - t) * (1 + t);
  const up = Math.sqrt((1 + t) / (1 - t));
  polar[at] = up;
  polar[at + 1] = 1 / up;
  polar[at + 2] = (2 * t) / gap;
  polar[at + 3] = (1 + t * t) / gap;
};

const fromRadius: Scalars = (r, polar, at) => {
  const up = Math.exp(0.5 * r);
  polar[at] = up;
  polar[at + 1] = 1 / up;
  polar[at + 2] = Math.sinh(r);
  polar[at + 3] = Math.cosh(r);
};

const toTanhOfHalf: Factor = (n) => {
  const factor = 1 / (1 + Math.sqrt(1 + n * n));
  return n * factor <= 1 - BALL_EDGE ? factor : (1 - BALL_EDGE) / n;
};

const CODECS: Readonly<Record<Geometry, readonly [Scalars, Factor]>> = {
  lorentz: [fromSinh, () => 1],
  poincare: [fromTanhOfHalf, toTanhOfHalf],
  logPolar: [fromRadius, (n) => Math.asinh(n) / n],
};

export function polarCodec(geometry: Geometry, curvature: number, features: number): PolarCodec {
  const s = Math.sqrt(curvature);
  const [scalars, factor] = CODECS[geometry];
  return {
    read: (table, row, polar) => {
      const start = row * features;
      const at = row * (features + POLAR_SCALARS);
      let square = 0;
      for (let f = 0; f < features; f++) square += table[start + f] * table[start + f];
      const norm = Math.sqrt(square);
      scalars(s * norm, polar, at);
      const unit = at + POLAR_SCALARS;
      if (norm === 0) {
        for (let f = 0; f < features; f++) polar[unit + f] = f === 0 ? 1 : 0;
      } else {
        for (let f = 0; f < features; f++) polar[unit + f] = table[start + f] / norm;
      }
    },
    write: (point, table, row) => {
      let square = 0;
      for (let f = 0; f < features; f++) square += point[f] * point[f];
      const n = Math.sqrt(square);
      const scale = n === 0 ? 0 : factor(n) / s;
      for (let f = 0; f < features; f++) table[row * features + f] = scale * point[f];
    },
  };
}
