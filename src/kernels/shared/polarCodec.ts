import { BALL_EDGE } from '../../numerics.js';
import type { Geometry } from '../../specs/relationSteps.js';

/**
 * Numbers before the direction in the polar coordinates of a row: exp(r), exp(-r), sinh r, cosh r, where
 * r is the distance to the origin at curvature -1.
 */
export const POLAR_SCALARS = 4;

/**
 * Polar coordinates of rows as they are stored; see relationStepsSpec. After the scalars stands the unit
 * vector of the direction; that of the origin is the first axis.
 */
export class PolarCodec {
  private readonly root: number;

  constructor(
    private readonly geometry: Geometry,
    curvature: number,
    private readonly features: number,
  ) {
    this.root = Math.sqrt(curvature);
  }

  /** Read a row into `polar` from position `at` on. */
  read(table: Float32Array, row: number, polar: Float64Array, at: number): void {
    const { features, root } = this;
    const start = row * features;
    const unit = at + POLAR_SCALARS;
    let square = 0;
    for (let f = 0; f < features; f++) square += table[start + f] * table[start + f];
    const norm = Math.sqrt(square);
    if (norm === 0) {
      for (let f = 0; f < features; f++) polar[unit + f] = f === 0 ? 1 : 0;
    } else {
      const inverse = 1 / norm;
      for (let f = 0; f < features; f++) polar[unit + f] = table[start + f] * inverse;
    }
    const length = root * norm;
    if (this.geometry === 'lorentz') {
      const c = Math.sqrt(1 + length * length);
      setScalars(polar, at, length + c, length, c);
    } else if (this.geometry === 'poincare') {
      const t = Math.min(length, 1 - BALL_EDGE);
      const gap = (1 - t) * (1 + t);
      setScalars(polar, at, (1 + t) / (1 - t), (2 * t) / gap, (1 + t * t) / gap);
    } else {
      setScalars(polar, at, Math.exp(length), Math.sinh(length), Math.cosh(length));
    }
  }

  /** Store sinh(r) times the direction. */
  write(point: Float64Array, table: Float32Array, row: number): void {
    const { features } = this;
    const scale = this.factor(point) / this.root;
    for (let f = 0; f < features; f++) table[row * features + f] = scale * point[f];
  }

  /** Factor from sinh(r) times the direction to what is stored, times s. */
  private factor(point: Float64Array): number {
    if (this.geometry === 'lorentz') return 1;
    let square = 0;
    for (let f = 0; f < this.features; f++) square += point[f] * point[f];
    const n = Math.sqrt(square);
    if (this.geometry === 'logPolar') return n === 0 ? 1 : Math.asinh(n) / n;
    // tanh(r / 2) / sinh r.
    const factor = 1 / (1 + Math.sqrt(1 + square));
    return n * factor <= 1 - BALL_EDGE ? factor : (1 - BALL_EDGE) / n;
  }
}

function setScalars(polar: Float64Array, at: number, up: number, n: number, c: number): void {
  polar[at] = up;
  polar[at + 1] = 1 / up;
  polar[at + 2] = n;
  polar[at + 3] = c;
}
