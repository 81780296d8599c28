import { BALL_EDGE } from '../../numerics.js';
import type { Geometry } from '../../specs/relationSteps.js';

/** Rows of points as a geometry stores them; float64 in between, whatever the rows. */
export interface StoredPoints {
  readonly geometry: Geometry;
  readonly curvature: number;
  readonly dim: number;
  readonly data: Float32Array;
}

/** Distance of a row to the origin, at curvature -1. */
export function radiusOf(points: StoredPoints, row: number): number {
  const length = Math.sqrt(points.curvature) * lengthOf(points, row);
  switch (points.geometry) {
    case 'lorentz':
      return Math.asinh(length);
    case 'poincare':
      return 2 * Math.atanh(Math.min(length, 1 - BALL_EDGE));
    case 'logPolar':
      return length;
  }
}

function lengthOf({ data, dim }: StoredPoints, row: number): number {
  let square = 0;
  for (let f = row * dim; f < (row + 1) * dim; f++) square += data[f] * data[f];
  return Math.sqrt(square);
}

/**
 * Distance of two rows by the hyperbolic haversine: sinh^2(d / 2) = sinh^2((r1 - r2) / 2) +
 * sinh(r1) sinh(r2) |u1 - u2|^2 / 4, which loses no digits on rays and far out.
 */
export function storedDistance(points: StoredPoints, i: number, j: number): number {
  const { data, dim, curvature } = points;
  const [r1, r2] = [radiusOf(points, i), radiusOf(points, j)];
  const [n1, n2] = [lengthOf(points, i), lengthOf(points, j)];
  let square = 0;
  if (n1 > 0 && n2 > 0) {
    for (let f = 0; f < dim; f++) square += (data[i * dim + f] / n1 - data[j * dim + f] / n2) ** 2;
  }
  const across = Math.sqrt(Math.sinh(r1)) * Math.sqrt(Math.sinh(r2) * square) * 0.5;
  const h = Math.hypot(Math.sinh((r1 - r2) / 2), across);
  return (2 * Math.asinh(h)) / Math.sqrt(curvature);
}

/** The same points stored in another geometry. */
export function convertPoints(points: StoredPoints, geometry: Geometry): Float32Array {
  const { data, dim, curvature } = points;
  if (geometry === points.geometry) return data.slice();
  const s = Math.sqrt(curvature);
  const out = new Float32Array(data.length);
  for (let row = 0; row * dim < data.length; row++) {
    const length = lengthOf(points, row);
    if (length === 0) continue;
    const radius = radiusOf(points, row);
    const scale = storedLength(radius, geometry) / (s * length);
    for (let f = row * dim; f < (row + 1) * dim; f++) out[f] = data[f] * scale;
  }
  return out;
}

/** s times the length of a row at a radius. */
function storedLength(radius: number, geometry: Geometry): number {
  switch (geometry) {
    case 'lorentz':
      return Math.sinh(radius);
    case 'poincare':
      return Math.min(Math.tanh(radius / 2), 1 - BALL_EDGE);
    case 'logPolar':
      return radius;
  }
}
