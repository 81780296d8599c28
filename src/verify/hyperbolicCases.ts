import * as tf from '@tensorflow/tfjs';
import * as logPolar from '../ops/logPolar.js';
import { lorentz, poincare } from '../ops/geometry.js';
import { Rng } from '../util/rng.js';
import { ULP } from './bounds.js';
import {
  alignedPair,
  distanceOf,
  farPair,
  fromBall,
  fromLorentz,
  logOf,
  mobiusSum,
  nearPair,
  toBall,
  toLogPolar,
  toLorentz,
} from './hyperbolicPoints.js';
import type { Pair, Point } from './hyperbolicPoints.js';
import type { MapCase } from './maps.js';

/**
 * The error table of hyperbolic maps in float32: for each model and kind of pair the largest relative
 * error that stable forms leave. `total` errors are against the points that were meant, so they contain
 * the rounding of the coordinates; `stored` ones against the points that float32 holds.
 */

type Rows = readonly (readonly number[])[];
type Map = (x: tf.Tensor2D, y: tf.Tensor2D) => tf.Tensor;
type Radii = readonly (readonly [radius: number, bound: number])[];

interface Model {
  readonly name: string;
  readonly dist: Map;
  readonly toRow: (point: Point) => number[];
  readonly far: Radii;
  readonly near: Radii;
}

const NEAR = 0.1;

/**
 * Bounds for points at distance 0.1 and radius R: rounding a coordinate by 2^-24 of its size moves a
 * point by 2^-24 sinh(R), in each model, and both points are rounded.
 */
const nearBounds = (radii: readonly number[]): Radii =>
  radii.map((radius) => [radius, 5e-7 + (2 * 2 ** -24 * Math.sinh(radius)) / NEAR]);

/** Relative bounds by radius: pairs in random directions, and at distance 0.1 from each other. */
const MODELS: readonly Model[] = [
  {
    name: 'lorentz',
    dist: (x, y) => lorentz.dist(x, y),
    toRow: toLorentz,
    far: [2, 6, 10, 14, 17, 20, 30, 43].map((radius) => [radius, 2e-7]),
    near: nearBounds([1, 4, 6, 8, 10, 12]),
  },
  {
    name: 'poincare',
    dist: (x, y) => poincare.dist(x, y),
    toRow: toBall,
    far: [
      [2, 4e-7],
      [6, 2e-6],
      [10, 1e-4],
      [14, 3e-3],
    ],
    near: nearBounds([1, 4, 6, 8, 10]),
  },
  {
    name: 'logPolar',
    dist: (x, y) => logPolar.dist(x, y),
    toRow: toLogPolar,
    far: [2, 6, 10, 14, 17, 43, 60, 100].map((radius) => [radius, 2e-7]),
    near: nearBounds([1, 4, 6, 8, 10, 12]),
  },
];

/** Ancestors and descendants: radii, angle, bound for Lorentz rows. */
const ALIGNED: readonly (readonly [number, number, number, number])[] = [
  [1, 12, 1e-4, 2e-7],
  [4, 8, 1e-4, 2e-7],
  [4, 8, 0, 2e-7],
  [4, 12, 0, 2e-7],
  [8, 12, 0, 1e-5],
  [10, 12, 0, 2e-4],
  [11.9, 12, 0, 6e-3],
];

const LOGS: readonly (readonly [number, number, number, number])[] = [
  [4, 8, 0, 1e-5],
  [8, 12, 0, 8e-4],
  [8, 12, 1, 8e-7],
  [16, 16, 1, 8e-7],
];

const SUMS: Radii = [
  [2, 4e-7],
  [4, 2e-6],
  [6, 1e-5],
  [8, 1.2e-4],
  [12, 8e-3],
];

const FEATURES = 5;

const tensorOf = (rows: Rows): tf.Tensor2D => tf.tensor2d(rows.map((row) => [...row]));

function mapCase(
  name: string,
  relative: number,
  x: Rows,
  y: Rows,
  map: Map,
  want: () => readonly number[],
  width = 1,
): MapCase {
  const bound = {
    relative: relative / ULP,
    absolute: 0,
    reason: 'what stable forms leave in float32',
  };
  return {
    op: 'rowMap',
    name,
    quick: true,
    unit: 'relative',
    width,
    call: () => map(tensorOf(x), tensorOf(y)),
    want,
    bounds: { kernel: bound, composed: { ...bound, relative: 8 * bound.relative } },
  };
}

const pairsOf = (count: number, seed: number, make: (rng: Rng) => Pair): Pair[] => {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => make(rng));
};

function distanceCases(count: number): MapCase[] {
  return MODELS.flatMap(({ name, dist, toRow, far, near }) => {
    const of = (title: string, bound: number, pairs: readonly Pair[]): MapCase => {
      const [x, y] = [pairs.map((pair) => toRow(pair.x)), pairs.map((pair) => toRow(pair.y))];
      return mapCase(`${name}.dist ${title}`, bound, x, y, dist, () =>
        pairs.map((pair) => distanceOf(pair).toNumber()),
      );
    };
    return [
      ...far.map(([r, bound]) =>
        of(
          `far R=${r}`,
          bound,
          pairsOf(count, r, (rng) => farPair(rng, FEATURES, r, r)),
        ),
      ),
      ...near.map(([r, bound]) =>
        of(
          `near R=${r}`,
          bound,
          pairsOf(count, r, (rng) => nearPair(rng, FEATURES, r, NEAR)),
        ),
      ),
    ];
  });
}

function alignedCases(count: number): MapCase[] {
  return ALIGNED.map(([first, second, angle, bound]) => {
    const pairs = pairsOf(count, second, (rng) => alignedPair(rng, FEATURES, first, second, angle));
    const rows = (side: 'x' | 'y'): Rows => pairs.map((pair) => toLorentz(pair[side]));
    const name = `lorentz.dist R=${first},${second} at ${angle}`;
    return mapCase(
      name,
      bound,
      rows('x'),
      rows('y'),
      (x, y) => lorentz.dist(x, y),
      () => pairs.map((pair) => distanceOf(pair).toNumber()),
    );
  });
}

/** Distances of points to themselves: exactly 0. */
function selfCases(count: number): MapCase[] {
  const radii = [0, 1e-6, 1, 4, 8, 14, 43];
  return MODELS.map(({ name, dist, toRow }) => {
    const points = radii
      .filter((r) => name !== 'poincare' || r < 16)
      .flatMap((r) => pairsOf(count, 5, (rng) => farPair(rng, FEATURES, r, r)))
      .map(({ x }) => toRow(x));
    const zeros = points.map(() => 0);
    return mapCase(`${name}.dist to itself`, 0, points, points, dist, () => zeros);
  });
}

function roundTrips(count: number): MapCase[] {
  return [1e-6, 1e-3, 1, 10, 20, 40].map((radius) => {
    const rows = pairsOf(count, radius * 1e6, (rng) => farPair(rng, FEATURES, radius, 1)).map(
      ({ x }) => toLogPolar(x),
    );
    const map: Map = (v) => lorentz.logMap0(lorentz.expMap0(v));
    const name = `lorentz log0 of exp0, R=${radius}`;
    return mapCase(name, 2.4e-7, rows, rows, map, () => rows.flat(), FEATURES);
  });
}

function logCases(count: number): MapCase[] {
  return LOGS.map(([first, second, angle, bound]) => {
    const pairs = pairsOf(count, second + 1, (rng) =>
      alignedPair(rng, FEATURES, first, second, angle),
    );
    const rows = (side: 'x' | 'y'): Rows => pairs.map((pair) => toLorentz(pair[side]));
    const name = `lorentz.logMap R=${first},${second} at ${angle}`;
    const want = (): number[] => pairs.flatMap((pair) => logOf(pair));
    const map: Map = (x, y) => lorentz.logMap(x, y);
    return mapCase(name, bound, rows('x'), rows('y'), map, want, FEATURES);
  });
}

/** (-x) + y of near points: the arguments nearly cancel. */
function sumCases(count: number): MapCase[] {
  return SUMS.map(([radius, bound]) => {
    const pairs = pairsOf(count, radius, (rng) => nearPair(rng, FEATURES, radius, NEAR));
    const x = pairs.map((pair) => toBall(pair.x).map((v) => -v));
    const y = pairs.map((pair) => toBall(pair.y));
    const want = (): number[] => x.flatMap((row, i) => mobiusSum(row, y[i]));
    const map: Map = (a, b) => poincare.add(a, b);
    return mapCase(`poincare.add stored R=${radius}`, bound, x, y, map, want, FEATURES);
  });
}

/** Distances of what float32 holds, far out and unequal: no rounding of coordinates enters. */
function storedCases(count: number): MapCase[] {
  const radii = [
    [1, 12],
    [8, 12],
    [16, 30],
    [43, 43],
  ] as const;
  const lorentzCases = radii.map(([first, second]) => {
    const pairs = pairsOf(count, first + second, (rng) => farPair(rng, FEATURES, first, second));
    const rows = (side: 'x' | 'y'): number[][] => pairs.map((pair) => toLorentz(pair[side]));
    const [x, y] = [rows('x'), rows('y')];
    const want = (): number[] =>
      x.map((row, i) => distanceOf({ x: fromLorentz(row), y: fromLorentz(y[i]) }).toNumber());
    const name = `lorentz.dist stored R=${first},${second}`;
    return mapCase(name, 6e-7, x, y, (a, b) => lorentz.dist(a, b), want);
  });
  const ballCases = [2, 6, 10, 14].map((radius) => {
    const pairs = pairsOf(count, radius, (rng) => nearPair(rng, FEATURES, radius, NEAR));
    const [x, y] = [pairs.map((pair) => toBall(pair.x)), pairs.map((pair) => toBall(pair.y))];
    const want = (): number[] =>
      x.map((row, i) => distanceOf({ x: fromBall(row), y: fromBall(y[i]) }).toNumber());
    const name = `poincare.dist stored near R=${radius}`;
    return mapCase(name, 1e-6, x, y, (a, b) => poincare.dist(a, b), want);
  });
  return [...lorentzCases, ...ballCases];
}

/** Hyperbolic maps against 60 digits, by radius. */
export function hyperbolicCases(quick: boolean): MapCase[] {
  const count = quick ? 8 : 50;
  return [
    ...distanceCases(count),
    ...alignedCases(count),
    ...storedCases(count),
    ...selfCases(count),
    ...roundTrips(count),
    ...logCases(count),
    ...sumCases(count),
  ];
}
