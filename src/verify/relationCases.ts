import * as tf from '@tensorflow/tfjs';
import type Decimal from 'decimal.js';
import { relationSteps } from '../ops/relationSteps.js';
import { GEOMETRIES } from '../specs/relationSteps.js';
import type { Geometry } from '../specs/relationSteps.js';
import { Rng } from '../util/rng.js';
import { Digits } from './hyperbolicPoints.js';
import type { MapCase } from './maps.js';

/**
 * A batch of relationSteps to 60 digits, in the ambient coordinates of the hyperboloid (time first): acosh
 * distances, logarithms by Minkowski products. The negatives are drawn as the spec of the op says.
 */

type Point = readonly Decimal[];

const NEGATIVES = 6;
const SEED = 5;
const RATE = 0.3;

const zero = new Digits(0);
const product = (x: Point, y: Point): Decimal =>
  x.reduce((sum, v, i) => (i === 0 ? sum.sub(v.mul(y[0])) : sum.add(v.mul(y[i]))), zero);
const scaled = (v: Point, by: Decimal): Decimal[] => v.map((value) => value.mul(by));
const added = (a: Point, b: Point): Decimal[] => a.map((value, i) => value.add(b[i]));
const length = (v: Point): Decimal =>
  v.reduce((sum, value) => sum.add(value.mul(value)), zero).sqrt();

/** Radius from the length of a stored row, and back. */
const RADIUS: Readonly<Record<Geometry, (stored: Decimal) => Decimal>> = {
  lorentz: (stored) => stored.asinh(),
  poincare: (stored) => stored.atanh().mul(2),
  logPolar: (stored) => stored,
};
const STORED: Readonly<Record<Geometry, (radius: Decimal) => Decimal>> = {
  lorentz: (radius) => radius.sinh(),
  poincare: (radius) => radius.div(2).tanh(),
  logPolar: (radius) => radius,
};

function pointOf(row: readonly number[], geometry: Geometry): Decimal[] {
  const v = row.map((value) => new Digits(value));
  const stored = length(v);
  const radius = RADIUS[geometry](stored);
  return [radius.cosh(), ...scaled(v, radius.sinh().div(stored))];
}

function rowOf(point: Point, geometry: Geometry): number[] {
  const space = point.slice(1);
  const size = length(space);
  const stored = STORED[geometry](size.asinh());
  return scaled(space, stored.div(size)).map((v) => v.toNumber());
}

/** Words of pcg4d (Jarzynski, Olano, Hash functions for GPU rendering, 2020). */
function pcg4d(words: readonly number[]): number[] {
  let [x, y, z, w] = words.map((v) => (Math.imul(v, 1664525) + 1013904223) | 0);
  for (let turn = 0; turn < 2; turn++) {
    x = (x + Math.imul(y, w)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    w = (w + Math.imul(y, z)) | 0;
    if (turn === 0) [x, y, z, w] = [x, y, z, w].map((v) => v ^ (v >>> 16));
  }
  return [x, y, z, w].map((v) => v >>> 0);
}

function negativesOf(place: number, u: number, n: number, related: ReadonlySet<number>): number[] {
  return Array.from({ length: NEGATIVES }, (_, k) => {
    const words = pcg4d([place, Math.floor(k / 2), SEED, 0]);
    return Math.floor((words[k % 2 === 0 ? 0 : 2] * n) / 2 ** 32);
  }).filter((row) => row !== u && !related.has(row));
}

type Pairs = readonly (readonly [number, number])[];

function stepped(rows: readonly number[][], pairs: Pairs, geometry: Geometry): number[] {
  const points = rows.map((row) => pointOf(row, geometry));
  const tangents = points.map((point) => point.map(() => zero));
  const distance = (a: number, b: number): Decimal => product(points[a], points[b]).neg().acosh();
  const towards = (at: number, other: number, slope: Decimal): void => {
    const across = added(points[other], scaled(points[at], product(points[at], points[other])));
    const size = product(across, across).sqrt();
    tangents[at] = added(tangents[at], scaled(across, slope.div(size)));
  };
  pairs.forEach(([u, v], place) => {
    const related = new Set(pairs.filter(([a]) => a === u).map(([, b]) => b));
    const others = [v, ...negativesOf(place, u, rows.length, related)];
    const weights = others.map((other) => distance(u, other).neg().exp());
    const total = weights.reduce((a, b) => a.add(b));
    others.forEach((other, k) => {
      const share = weights[k].div(total);
      const slope = k === 0 ? new Digits(1).sub(share) : share.neg();
      towards(u, other, slope);
      towards(other, u, slope);
    });
  });
  return rows.flatMap((row, i) => {
    const step = scaled(tangents[i], new Digits(RATE / pairs.length));
    const angle = product(step, step).sqrt();
    if (angle.isZero()) return row;
    const moved = added(scaled(points[i], angle.cosh()), scaled(step, angle.sinh().div(angle)));
    return rowOf(moved, geometry);
  });
}

/** One batch of relations on random rows, in every geometry. */
export function relationCases(): MapCase[] {
  const [n, d] = [7, 3];
  const pairs: Pairs = [
    [1, 0],
    [2, 0],
    [3, 1],
    [3, 0],
    [5, 4],
    [6, 2],
  ];
  return GEOMETRIES.map((geometry) => {
    const rng = new Rng(3);
    const scale = { lorentz: 1.5, poincare: 0.35, logPolar: 1 }[geometry];
    const rows = Array.from({ length: n }, () =>
      Array.from({ length: d }, () => Math.fround(rng.normal() * scale)),
    );
    const bound = {
      relative: 16,
      absolute: 0,
      reason: 'a step by sums of unit tangents, some dozens of float32 operations each',
    };
    return {
      op: 'relationSteps',
      name: `one batch, ${geometry}`,
      quick: true,
      unit: 'relative',
      width: d,
      call: () => {
        const related = {
          offsets: tf.tensor1d([0, 0, 1, 2, 4, 4, 5, 6], 'int32'),
          neighbors: tf.tensor1d([0, 0, 0, 1, 4, 2], 'int32'),
        };
        const relations = tf.tensor2d(pairs.flat(), [pairs.length, 2], 'int32');
        const options = {
          geometry,
          learningRate: RATE,
          negatives: NEGATIVES,
          batchSize: pairs.length,
          seed: SEED,
        };
        return relationSteps(tf.tensor2d(rows), relations, related, options).table;
      },
      want: () => stepped(rows, pairs, geometry),
      bounds: { kernel: bound, composed: bound },
    };
  });
}
