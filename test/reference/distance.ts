import { add, divide, dot, exactly, multiply, squareRoot, subtract } from './doubleDouble.js';
import type { DoubleDouble } from './doubleDouble.js';

/**
 * Float64 oracle of every metric, written from the textbook definitions; imports nothing from src.
 * Where a definition cancels in float64 it is evaluated in pairs of float64 numbers.
 */
export interface ReferenceParameters {
  readonly p?: number;
  readonly c?: number;
  readonly VI?: readonly (readonly number[])[];
  readonly V?: ArrayLike<number>;
}

type Row = ArrayLike<number>;
type Distance = (x: Row, y: Row, parameters: ReferenceParameters) => number;

/** Distance of two rows; NaN when either holds NaN. */
export function referenceDistance(
  metric: string,
  x: Row,
  y: Row,
  parameters: ReferenceParameters = {},
): number {
  const distance = DISTANCES[metric];
  if (distance === undefined) throw new Error(`no reference for metric ${metric}`);
  for (let f = 0; f < x.length; f++) if (Number.isNaN(x[f]) || Number.isNaN(y[f])) return NaN;
  return distance(x, y, parameters);
}

/** Whether larger values are nearer. */
export const isReferenceSimilarity = (metric: string): boolean => metric === 'innerProduct';

/** Sum of term(f) over the features. */
function sum(x: Row, term: (f: number) => number): number {
  let total = 0;
  for (let f = 0; f < x.length; f++) total += term(f);
  return total;
}

const ratio = (numerator: number, denominator: number): number =>
  denominator === 0 && numerator === 0 ? 0 : numerator / denominator;

const squares: Distance = (x, y) => sum(x, (f) => (x[f] - y[f]) ** 2);

const minkowski: Distance = (x, y, { p = NaN }) =>
  p === Infinity ? chebyshev(x, y, {}) : sum(x, (f) => Math.abs(x[f] - y[f]) ** p) ** (1 / p);

const chebyshev: Distance = (x, y) => {
  let largest = 0;
  for (let f = 0; f < x.length; f++) largest = Math.max(largest, Math.abs(x[f] - y[f]));
  return largest;
};

// Angles

const exactRow = (x: Row): DoubleDouble[] => Array.from(x, exactly);

/** 1 - u.v / (|u| |v|); 1 where either is zero. */
function oneMinusCosine(u: readonly DoubleDouble[], v: readonly DoubleDouble[]): number {
  const lengths = multiply(squareRoot(dot(u, u)), squareRoot(dot(v, v)));
  if (lengths[0] === 0) return 1;
  return Math.max(0, divide(subtract(lengths, dot(u, v)), lengths)[0]);
}

const cosine: Distance = (x, y) => oneMinusCosine(exactRow(x), exactRow(y));

const correlation: Distance = (x, y) => oneMinusCosine(centred(x), centred(y));

/** The row less its mean; zero when all its values are equal. */
function centred(x: Row): DoubleDouble[] {
  const row = exactRow(x);
  if (row.every(([value]) => value === x[0])) return row.map(() => exactly(0));
  const total = row.reduce(add, exactly(0));
  const mean = divide(total, exactly(row.length));
  return row.map((value) => subtract(value, mean));
}

/** Angle of the directions, 2 atan2(|u - v|, |u + v|) of the unit rows (Kahan). */
const spherical: Distance = (x, y) => {
  const lengthX = Math.sqrt(sum(x, (f) => x[f] ** 2));
  const lengthY = Math.sqrt(sum(x, (f) => y[f] ** 2));
  if (lengthX === 0 || lengthY === 0) return Math.PI / 2;
  const apart = Math.sqrt(sum(x, (f) => (x[f] / lengthX - y[f] / lengthY) ** 2));
  const along = Math.sqrt(sum(x, (f) => (x[f] / lengthX + y[f] / lengthY) ** 2));
  return 2 * Math.atan2(apart, along);
};

/** Latitude and longitude in radians on the unit sphere; Vincenty's formula where asin loses digits. */
const haversine: Distance = (x, y) => {
  const [lat, lon, lat2, lon2] = [x[0], x[1], y[0], y[1]];
  const h =
    Math.sin((lat - lat2) / 2) ** 2 +
    Math.cos(lat) * Math.cos(lat2) * Math.sin((lon - lon2) / 2) ** 2;
  if (h < 0.5) return 2 * Math.asin(Math.sqrt(h));
  const turn = lon - lon2;
  const across = Math.hypot(
    Math.cos(lat2) * Math.sin(turn),
    Math.cos(lat) * Math.sin(lat2) - Math.sin(lat) * Math.cos(lat2) * Math.cos(turn),
  );
  const along = Math.sin(lat) * Math.sin(lat2) + Math.cos(lat) * Math.cos(lat2) * Math.cos(turn);
  return Math.atan2(across, along);
};

// Distributions

function shares(x: Row): number[] {
  const total = sum(x, (f) => x[f]);
  return Array.from(x, (value) => value / total);
}

/** p ln(p / q), 0 where p is 0. */
const surprise = (p: number, q: number): number => {
  if (p === 0) return 0;
  const t = (p - q) / q;
  return p * (Math.abs(t) < 0.5 ? Math.log1p(t) : Math.log(p / q));
};

/** sum p ln(p / q), each term with q - p, which adds 0 in all and keeps the terms from cancelling. */
const kl: Distance = (x, y) => {
  const p = shares(x);
  const q = shares(y);
  return sum(p, (f) => surprise(p[f], q[f]) + (q[f] - p[f]));
};

const jensenshannon: Distance = (x, y) => {
  const p = shares(x);
  const q = shares(y);
  const divergence = sum(p, (f) => {
    const middle = (p[f] + q[f]) / 2;
    return (surprise(p[f], middle) + surprise(q[f], middle)) / 2;
  });
  return Math.sqrt(Math.max(0, divergence));
};

const hellinger: Distance = (x, y) =>
  Math.sqrt(sum(x, (f) => (Math.sqrt(x[f]) - Math.sqrt(y[f])) ** 2) / 2);

// Quadratic forms

const mahalanobis: Distance = (x, y, { VI = [] }) =>
  Math.sqrt(
    Math.max(
      0,
      sum(x, (f) => (x[f] - y[f]) * sum(x, (g) => VI[f][g] * (x[g] - y[g]))),
    ),
  );

const seuclidean: Distance = (x, y, { V = [] }) =>
  Math.sqrt(sum(x, (f) => (x[f] - y[f]) ** 2 / V[f]));

// Hyperbolic spaces of curvature -c: arcosh(1 + u) / sqrt(c) = 2 arsinh(sqrt(u / 2)) / sqrt(c)

const hyperbolic = (u: number, c: number): number =>
  (2 / Math.sqrt(c)) * Math.asinh(Math.sqrt(u / 2));

/** u = 2 c |x - y|^2 / ((1 - c |x|^2) (1 - c |y|^2)); NaN outside the ball. */
const poincare: Distance = (x, y, { c = 1 }) => {
  const gap = (row: Row): number => {
    const squared = dot(exactRow(row), exactRow(row));
    const inside = subtract(exactly(1), multiply(exactly(c), squared))[0];
    return inside > 0 ? inside : NaN;
  };
  return hyperbolic((2 * c * squares(x, y, {})) / (gap(x) * gap(y)), c);
};

/** u = -1 - c <x, y> with <x, y> = x.y - t t' and times t = sqrt(1 / c + |x|^2). */
const lorentz: Distance = (x, y, { c = 1 }) => {
  const a = exactRow(x);
  const b = exactRow(y);
  const inverse = divide(exactly(1), exactly(c));
  const times = multiply(squareRoot(add(inverse, dot(a, a))), squareRoot(add(inverse, dot(b, b))));
  const product = multiply(exactly(c), subtract(times, dot(a, b)));
  return hyperbolic(Math.max(0, subtract(product, exactly(1))[0]), c);
};

const DISTANCES: Readonly<Record<string, Distance | undefined>> = {
  euclidean: (x, y) => Math.sqrt(squares(x, y, {})),
  sqeuclidean: squares,
  cityblock: (x, y) => sum(x, (f) => Math.abs(x[f] - y[f])),
  chebyshev,
  minkowski,
  cosine,
  correlation,
  spherical,
  haversine,
  innerProduct: (x, y) => sum(x, (f) => x[f] * y[f]),
  canberra: (x, y) => sum(x, (f) => ratio(Math.abs(x[f] - y[f]), Math.abs(x[f]) + Math.abs(y[f]))),
  braycurtis: (x, y) =>
    ratio(
      sum(x, (f) => Math.abs(x[f] - y[f])),
      sum(x, (f) => Math.abs(x[f] + y[f])),
    ),
  hamming: (x, y) =>
    ratio(
      sum(x, (f) => Number(x[f] !== y[f])),
      x.length,
    ),
  jaccard: (x, y) =>
    ratio(
      sum(x, (f) => Number(x[f] !== y[f])),
      sum(x, (f) => Number(x[f] !== 0 || y[f] !== 0)),
    ),
  jensenshannon,
  kl,
  hellinger,
  mahalanobis,
  seuclidean,
  poincare,
  lorentz,
};
