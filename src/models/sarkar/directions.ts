import { Rng } from '../../util/rng.js';

/** Unit vectors in R^dim. */
export type Directions = readonly Float64Array[];

/** Steps of repulsion, and the products that all of them together may take. */
const STEPS = 300;
const WORK = 3e8;

/**
 * `count` directions that are far from one another, always the same ones: a regular polygon in the plane;
 * in more dimensions a regular simplex up to dim + 1 of them, axes and their opposites up to 2 dim, and
 * for more, points that repel each other on the sphere.
 */
export function spreadDirections(count: number, dim: number): Directions {
  if (dim === 2) {
    return Array.from({ length: count }, (_, k) => {
      const angle = (2 * Math.PI * k) / count;
      return Float64Array.of(Math.cos(angle), Math.sin(angle));
    });
  }
  if (count <= dim + 1) return simplex(count, dim);
  if (count <= 2 * dim) {
    return Array.from({ length: count }, (_, k) => {
      const axis = new Float64Array(dim);
      axis[k >> 1] = k % 2 === 0 ? 1 : -1;
      return axis;
    });
  }
  return repelled(count, dim);
}

/** Corners of a regular simplex: each is built to have the same product -1 / (count - 1) with those before. */
function simplex(count: number, dim: number): Directions {
  const corners = Array.from({ length: count }, () => new Float64Array(dim));
  if (count === 1) {
    corners[0][0] = 1;
    return corners;
  }
  const product = -1 / (count - 1);
  corners.forEach((corner, k) => {
    let squares = 0;
    for (let i = 0; i < Math.min(k, count - 1); i++) {
      let rest = product;
      for (let j = 0; j < i; j++) rest -= corner[j] * corners[i][j];
      corner[i] = rest / corners[i][i];
      squares += corner[i] ** 2;
    }
    if (k < count - 1) corner[k] = Math.sqrt(1 - squares);
  });
  return corners;
}

/** Points on the sphere pushed apart by forces 1 / distance^4, in steps that shrink. */
function repelled(count: number, dim: number): Directions {
  const rng = new Rng(count * 1009 + dim);
  const points = Array.from({ length: count }, () =>
    normalised(Float64Array.from({ length: dim }, () => rng.normal())),
  );
  const steps = Math.max(1, Math.min(STEPS, Math.floor(WORK / (count * count * dim))));
  // About the distance of neighbours when they are evenly spread.
  const spacing = 2 * count ** (-1 / (dim - 1));
  for (let step = 0; step < steps; step++) {
    const reach = 0.5 * spacing * (1 - step / steps);
    const forces = points.map((point) => forceOn(point, points));
    points.forEach((point, i) => {
      const force = normalised(forces[i]);
      for (let f = 0; f < dim; f++) point[f] += reach * force[f];
      normalised(point);
    });
  }
  return points;
}

/** Sum of the forces of all others on a point, along the sphere. */
function forceOn(point: Float64Array, others: Directions): Float64Array {
  const force = new Float64Array(point.length);
  for (const other of others) {
    let squares = 0;
    for (let f = 0; f < point.length; f++) squares += (point[f] - other[f]) ** 2;
    if (squares === 0) continue;
    const weight = 1 / (squares * squares * squares);
    for (let f = 0; f < point.length; f++) force[f] += weight * (point[f] - other[f]);
  }
  let along = 0;
  for (let f = 0; f < point.length; f++) along += force[f] * point[f];
  for (let f = 0; f < point.length; f++) force[f] -= along * point[f];
  return force;
}

/** Scales a vector to length 1 in place; zero stays zero. */
function normalised(vector: Float64Array): Float64Array {
  const length = Math.hypot(...vector);
  if (length > 0) for (let f = 0; f < vector.length; f++) vector[f] /= length;
  return vector;
}

/** Smallest angle between two of the directions; pi for fewer than two. */
export function smallestAngle(directions: Directions): number {
  let largest = -1;
  directions.forEach((a, i) => {
    for (let j = 0; j < i; j++) {
      const product = a.reduce((sum, value, f) => sum + value * directions[j][f], 0);
      largest = Math.max(largest, Math.min(1, product));
    }
  });
  return Math.acos(largest);
}

/**
 * All directions but the first, moved by the reflection that takes the first to `target`; a reflection
 * keeps all angles.
 */
export function alignedTo(directions: Directions, target: Float64Array): Directions {
  const normal = directions[0].map((value, f) => value - target[f]);
  const squares = normal.reduce((sum, value) => sum + value * value, 0);
  const rest = directions.slice(1);
  // The first is there already, up to rounding.
  if (squares < 1e-30) return rest;
  return rest.map((direction) => {
    const product = direction.reduce((sum, value, f) => sum + value * normal[f], 0);
    return direction.map((value, f) => value - ((2 * product) / squares) * normal[f]);
  });
}
