import Decimal from 'decimal.js';
import type { Rng } from '../util/rng.js';

/**
 * Pairs of points of hyperbolic space (c = 1) whose distance is known to 60 digits, and their float32
 * coordinates in the models.
 */

export const Digits = Decimal.clone({ precision: 60 });
type Vector = readonly Decimal[];

/** Space part of a point of the hyperboloid, and its time. */
export interface Point {
  readonly space: Vector;
  readonly time: Decimal;
}

export interface Pair {
  readonly x: Point;
  readonly y: Point;
}

const dot = (a: Vector, b: Vector): Decimal =>
  a.reduce((sum, v, i) => sum.add(v.mul(b[i])), new Digits(0));
const scaled = (v: Vector, by: Decimal): Decimal[] => v.map((value) => value.mul(by));
const added = (a: Vector, b: Vector): Decimal[] => a.map((value, i) => value.add(b[i]));
const unit = (v: Vector): Decimal[] => scaled(v, new Digits(1).div(dot(v, v).sqrt()));

function randomUnit(rng: Rng, d: number): Decimal[] {
  return unit(Array.from({ length: d }, () => new Digits(rng.normal())));
}

/** A unit vector across another. */
function randomAcross(rng: Rng, u: Vector): Decimal[] {
  const v = randomUnit(rng, u.length);
  return unit(added(v, scaled(u, dot(v, u).neg())));
}

function pointAt(radius: number, u: Vector): Point {
  const r = new Digits(radius);
  return { space: scaled(u, r.sinh()), time: r.cosh() };
}

/** Random directions at these radii. */
export function farPair(rng: Rng, d: number, first: number, second: number): Pair {
  return { x: pointAt(first, randomUnit(rng, d)), y: pointAt(second, randomUnit(rng, d)) };
}

/** Two radii, and directions that differ by an angle. */
export function alignedPair(
  rng: Rng,
  d: number,
  first: number,
  second: number,
  angle: number,
): Pair {
  const u = randomUnit(rng, d);
  const across = randomAcross(rng, u);
  const a = new Digits(angle);
  const turned = added(scaled(u, a.cos()), scaled(across, a.sin()));
  return { x: pointAt(first, u), y: pointAt(second, turned) };
}

/** A point at a radius and another at a distance from it, in a random direction. */
export function nearPair(rng: Rng, d: number, radius: number, distance: number): Pair {
  const u = randomUnit(rng, d);
  const across = randomAcross(rng, u);
  const turn = new Digits(2 * Math.PI * rng.uniform());
  const x = pointAt(radius, u);
  const [c, s] = [new Digits(distance).cosh(), new Digits(distance).sinh()];
  const outward = s.mul(turn.cos());
  const space = added(
    added(scaled(x.space, c), scaled(u, outward.mul(x.time))),
    scaled(across, s.mul(turn.sin())),
  );
  return { x, y: { space, time: new Digits(1).add(dot(space, space)).sqrt() } };
}

/** Exact distance of two points. */
export function distanceOf({ x, y }: Pair): Decimal {
  return x.time.mul(y.time).sub(dot(x.space, y.space)).acosh();
}

/** Float32 coordinates. */
export const toLorentz = ({ space }: Point): number[] =>
  space.map((v) => Math.fround(v.toNumber()));
export const toBall = ({ space, time }: Point): number[] =>
  space.map((v) => Math.fround(v.div(time.add(1)).toNumber()));
/** Direction times radius. */
export function toLogPolar({ space }: Point): number[] {
  const length = dot(space, space).sqrt();
  const factor = length.isZero() ? length : length.asinh().div(length);
  return space.map((v) => Math.fround(v.mul(factor).toNumber()));
}

/** The point that float32 coordinates mean. */
export function fromLorentz(row: readonly number[]): Point {
  const space = row.map((v) => new Digits(v));
  return { space, time: new Digits(1).add(dot(space, space)).sqrt() };
}

export function fromBall(row: readonly number[]): Point {
  const x = row.map((v) => new Digits(v));
  const squares = dot(x, x);
  const gap = new Digits(1).sub(squares);
  return { space: scaled(x, new Digits(2).div(gap)), time: squares.add(1).div(gap) };
}

/** Möbius sum by Ungar's formula, to all digits. */
export function mobiusSum(x: readonly number[], y: readonly number[]): number[] {
  const [a, b] = [x, y].map((row) => row.map((v) => new Digits(v)));
  const [xy, xx, yy] = [dot(a, b), dot(a, a), dot(b, b)];
  const both = xy.mul(2).add(1);
  const divisor = both.add(xx.mul(yy));
  const sum = added(scaled(a, both.add(yy)), scaled(b, new Digits(1).sub(xx)));
  return sum.map((v) => v.div(divisor).toNumber());
}

/** Space part of the logarithm at x: d (y - cosh(d) x) / sinh(d), d the distance. */
export function logOf(pair: Pair): number[] {
  const d = distanceOf(pair);
  if (d.isZero()) return pair.x.space.map(() => 0);
  const across = added(pair.y.space, scaled(pair.x.space, d.cosh().neg()));
  return scaled(across, d.div(d.sinh())).map((v) => v.toNumber());
}
