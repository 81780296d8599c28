import { Decimal } from 'decimal.js';
import type { Vector } from './vectors.js';

/**
 * Hyperbolic space of curvature -c in 120 decimal digits: every model's points as points of the
 * hyperboloid -x0^2 + |x|^2 = -1/c, scaled to c = 1.
 */
const Exact = Decimal.clone({ precision: 120, minE: -9e15, maxE: 9e15 });
type Exact = Decimal;

interface Point {
  readonly time: Exact;
  readonly space: readonly Exact[];
}

const sumOf = (values: readonly Exact[]): Exact =>
  values.reduce((sum, v) => sum.plus(v), new Exact(0));
const squared = (x: readonly Exact[]): Exact => sumOf(x.map((v) => v.times(v)));

const onHyperboloid = (space: readonly Exact[]): Point => ({
  time: squared(space).plus(1).sqrt(),
  space,
});

export function toHyperboloid(model: string, row: Vector, c: number): Point {
  const s = new Exact(c).sqrt();
  const x = row.map((v) => new Exact(v));
  const unit = x.map((v) => v.times(s));
  switch (model) {
    case 'lorentz':
      return onHyperboloid(unit);
    case 'ball': {
      const gap = new Exact(1).minus(squared(unit));
      return onHyperboloid(unit.map((v) => v.times(2).div(gap)));
    }
    case 'klein': {
      const root = new Exact(1).minus(squared(unit)).sqrt();
      return onHyperboloid(unit.map((v) => v.div(root)));
    }
    case 'halfSpace': {
      const height = x[x.length - 1];
      const last = squared(x).minus(1).div(height.times(2));
      return onHyperboloid([...x.slice(0, -1).map((v) => v.div(height)), last]);
    }
    case 'logPolar': {
      const length = squared(unit).sqrt();
      if (length.isZero()) return onHyperboloid(unit);
      const grow = length.exp().minus(length.neg().exp()).div(2).div(length);
      return onHyperboloid(unit.map((v) => v.times(grow)));
    }
    default:
      throw new Error(`no model ${model}`);
  }
}

/** arcosh(-<x, y>) / sqrt(c). */
export function distance(model: string, x: Vector, y: Vector, c: number): number {
  const [p, q] = [toHyperboloid(model, x, c), toHyperboloid(model, y, c)];
  const product = p.time.times(q.time).minus(sumOf(p.space.map((v, i) => v.times(q.space[i]))));
  const root = Exact.max(product.times(product).minus(1), 0).sqrt();
  return product.plus(root).ln().div(new Exact(c).sqrt()).toNumber();
}

/** The point in the coordinates of a model. */
export function fromHyperboloid(model: string, { time, space }: Point, c: number): number[] {
  const s = new Exact(c).sqrt();
  const over = (divisor: Exact): number[] => space.map((v) => v.div(divisor).toNumber());
  switch (model) {
    case 'lorentz':
      return over(s);
    case 'ball':
      return over(time.plus(1).times(s));
    case 'klein':
      return over(time.times(s));
    case 'halfSpace': {
      const height = new Exact(1).div(time.minus(space[space.length - 1]));
      return [...space.slice(0, -1).map((v) => v.times(height)), height].map((v) => v.toNumber());
    }
    case 'logPolar': {
      const length = squared(space).sqrt();
      if (length.isZero()) return space.map(() => 0);
      const radius = time.plus(length).ln();
      return over(length.times(s).div(radius));
    }
    default:
      throw new Error(`no model ${model}`);
  }
}

/**
 * Distance of points in log-polar coordinates by the hyperbolic haversine, whose terms are not negative:
 * digits suffice at any radius.
 */
export function haversine(x: Vector, y: Vector, c: number): number {
  const s = new Exact(c).sqrt();
  const sinh = (t: Exact): Exact => t.exp().minus(t.neg().exp()).div(2);
  const sides = [x, y].map((row) => {
    const values = row.map((v) => new Exact(v).times(s));
    const length = squared(values).sqrt();
    return { length, unit: values.map((v) => (length.isZero() ? v : v.div(length))) };
  });
  const [p, q] = sides;
  const chord = squared(p.unit.map((v, i) => v.minus(q.unit[i])));
  const square = sinh(p.length.minus(q.length).div(2))
    .pow(2)
    .plus(sinh(p.length).times(sinh(q.length)).times(chord).div(4));
  const root = square.sqrt();
  return root.plus(square.plus(1).sqrt()).ln().times(2).div(s).toNumber();
}
