import { dot, minus, norm, plus, scaled } from './vectors.js';
import type { Vector } from './vectors.js';

/**
 * The kappa-stereographic model in float64 by the formulas of Bachmann, Bécigneul & Ganea 2020, section
 * 2.1, with tan and artan by the sign of kappa.
 */
export const tanK = (t: number, k: number): number =>
  k === 0
    ? t
    : k < 0
      ? Math.tanh(Math.sqrt(-k) * t) / Math.sqrt(-k)
      : Math.tan(Math.sqrt(k) * t) / Math.sqrt(k);

const artanK = (t: number, k: number): number =>
  k === 0
    ? t
    : k < 0
      ? Math.atanh(Math.sqrt(-k) * t) / Math.sqrt(-k)
      : Math.atan(Math.sqrt(k) * t) / Math.sqrt(k);

export const lambda = (x: Vector, k: number): number => 2 / (1 + k * dot(x, x));

export function add(x: Vector, y: Vector, k: number): number[] {
  const [xy, xx, yy] = [dot(x, y), dot(x, x), dot(y, y)];
  const whole = 1 - 2 * k * xy + k * k * xx * yy;
  return plus(scaled(x, (1 - 2 * k * xy - k * yy) / whole), scaled(y, (1 + k * xx) / whole));
}

const negative = (x: Vector): number[] => scaled(x, -1);

export function dist(x: Vector, y: Vector, k: number): number {
  return 2 * artanK(norm(add(negative(x), y, k)), k);
}

export function scalarMul(r: number, x: Vector, k: number): number[] {
  const size = norm(x);
  return size === 0 ? [...x] : scaled(x, tanK(r * artanK(size, k), k) / size);
}

export function expMap(x: Vector, v: Vector, k: number): number[] {
  const size = norm(v);
  if (size === 0) return [...x];
  return add(x, scaled(v, tanK((lambda(x, k) * size) / 2, k) / size), k);
}

export function logMap(x: Vector, y: Vector, k: number): number[] {
  const z = add(negative(x), y, k);
  const size = norm(z);
  return size === 0 ? z : scaled(z, ((2 / lambda(x, k)) * artanK(size, k)) / size);
}

export function gyration(a: Vector, b: Vector, v: Vector, k: number): number[] {
  return add(negative(add(a, b, k)), add(a, add(b, v, k), k), k);
}

/** The gyration is linear: on a short vector the gyrovector sum of a chart is exact enough. */
export function transport(x: Vector, y: Vector, v: Vector, k: number): number[] {
  const scale = 1e-3 / Math.max(norm(v), 1e-30);
  const turned = scaled(gyration(y, negative(x), scaled(v, scale), k), 1 / scale);
  return scaled(turned, lambda(x, k) / lambda(y, k));
}

export const difference = minus;
