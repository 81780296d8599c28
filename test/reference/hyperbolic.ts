import { Decimal } from 'decimal.js';

/**
 * Hyperbolic geometry from textbook forms at 100 digits, on coordinates as they are stored: whatever
 * cancels in them keeps more digits than float64 has. Imports nothing from src.
 */
const D = Decimal.clone({ precision: 100 });
type Num = Decimal;
export type Vector = readonly Num[];

export const numberOf = (v: number | Num): Num => new D(v);
export const vectorOf = (row: readonly (number | Num)[]): Num[] => row.map(numberOf);

const ONE = new D(1);
const ZERO = new D(0);
const PI = D.acos(-1);

const dot = (a: Vector, b: Vector): Num =>
  a.reduce((sum, value, i) => sum.plus(value.times(b[i])), ZERO);
const scale = (k: Num, a: Vector): Num[] => a.map((value) => value.times(k));
const plus = (a: Vector, b: Vector): Num[] => a.map((value, i) => value.plus(b[i]));
const minus = (a: Vector): Num[] => scale(new D(-1), a);
const length = (a: Vector): Num => dot(a, a).sqrt();
const within = (v: Num): Num => D.max(-1, D.min(1, v));
/** f(t) / t, 1 at 0. */
const ratio = (f: (t: Num) => Num, t: Num): Num => (t.isZero() ? ONE : f(t).div(t));

/** The hyperboloid by space parts. */
export const lorentz = {
  time: (x: Vector, c: Num): Num => ONE.div(c).plus(dot(x, x)).sqrt(),

  minkowskiInner: (x: Vector, y: Vector, c: Num): Num =>
    dot(x, y).minus(lorentz.time(x, c).times(lorentz.time(y, c))),

  tangentTime: (x: Vector, v: Vector, c: Num): Num => dot(x, v).div(lorentz.time(x, c)),

  inner: (x: Vector, u: Vector, v: Vector, c: Num): Num =>
    dot(u, v).minus(lorentz.tangentTime(x, u, c).times(lorentz.tangentTime(x, v, c))),

  norm: (x: Vector, v: Vector, c: Num): Num => D.max(0, lorentz.inner(x, v, v, c)).sqrt(),

  dist: (x: Vector, y: Vector, c: Num): Num =>
    D.max(1, lorentz.minkowskiInner(x, y, c).times(c).neg())
      .acosh()
      .div(c.sqrt()),

  dist0: (x: Vector, c: Num): Num => lorentz.time(x, c).times(c.sqrt()).acosh().div(c.sqrt()),

  expMap(x: Vector, v: Vector, c: Num): Num[] {
    const t = c.sqrt().times(lorentz.norm(x, v, c));
    return plus(
      scale(t.cosh(), x),
      scale(
        ratio((r) => r.sinh(), t),
        v,
      ),
    );
  },

  expMap0: (v: Vector, c: Num): Num[] => lorentz.expMap(scale(ZERO, v), v, c),

  logMap(x: Vector, y: Vector, c: Num): Num[] {
    const d = lorentz.dist(x, y, c);
    const direction = plus(y, scale(c.times(lorentz.minkowskiInner(x, y, c)), x));
    const size = lorentz.norm(x, direction, c);
    return size.isZero() ? scale(ZERO, x) : scale(d.div(size), direction);
  },

  logMap0: (x: Vector, c: Num): Num[] => lorentz.logMap(scale(ZERO, x), x, c),

  /** <y, v> of a point y and a tangent v at x. */
  slant: (x: Vector, y: Vector, v: Vector, c: Num): Num =>
    dot(y, v).minus(lorentz.time(y, c).times(lorentz.tangentTime(x, v, c))),

  transport(x: Vector, y: Vector, v: Vector, c: Num): Num[] {
    const below = ONE.minus(c.times(lorentz.minkowskiInner(x, y, c)));
    const share = c.times(lorentz.slant(x, y, v, c)).div(below);
    return plus(v, scale(share, plus(x, y)));
  },

  transport0: (y: Vector, v: Vector, c: Num): Num[] => lorentz.transport(scale(ZERO, y), y, v, c),

  projectTangent(x: Vector, w: Vector, w0: Num, c: Num): Num[] {
    const product = dot(x, w).minus(lorentz.time(x, c).times(w0));
    return plus(w, scale(c.times(product), x));
  },

  /** From the ambient gradient (0, grad) by h = J grad, h + c <x, h> x. */
  egradToRgrad: (x: Vector, grad: Vector, c: Num): Num[] =>
    plus(grad, scale(c.times(dot(x, grad)), x)),

  centroid(points: readonly Vector[], weights: Vector, c: Num): Num[] {
    const zero = scale(ZERO, points[0]);
    const sum = points.reduce((total, x, i) => plus(total, scale(weights[i], x)), zero);
    const time = points.reduce(
      (total, x, i) => total.plus(weights[i].times(lorentz.time(x, c))),
      ZERO,
    );
    return scale(ONE.div(c.times(time.times(time).minus(dot(sum, sum))).sqrt()), sum);
  },

  halfAperture: (x: Vector, minRadius: Num, c: Num): Num =>
    within(minRadius.times(2).div(c.sqrt().times(length(x)))).asin(),

  exteriorAngle(x: Vector, y: Vector, c: Num): Num {
    const product = c.times(lorentz.minkowskiInner(x, y, c));
    const above = lorentz.time(y, c).plus(lorentz.time(x, c).times(product));
    const below = length(x).times(product.times(product).minus(1).sqrt());
    return within(above.div(below)).acos();
  },

  hyperplaneDistance(x: Vector, p: Vector, a: Vector, c: Num): Num {
    const slant = lorentz.slant(p, x, a, c).div(lorentz.norm(p, a, c));
    return c.sqrt().times(slant).asinh().div(c.sqrt());
  },

  add: (x: Vector, y: Vector, c: Num): Num[] =>
    lorentz.expMap(x, lorentz.transport0(x, lorentz.logMap0(y, c), c), c),

  scalarMul: (factor: Num, x: Vector, c: Num): Num[] =>
    lorentz.expMap0(scale(factor, lorentz.logMap0(x, c)), c),
} as const;

/** The Poincaré ball. */
export const poincare = {
  add(x: Vector, y: Vector, c: Num): Num[] {
    const [xy, xx, yy] = [dot(x, y), dot(x, x), dot(y, y)];
    const first = ONE.plus(c.times(xy).times(2)).plus(c.times(yy));
    const second = ONE.minus(c.times(xx));
    const below = ONE.plus(c.times(xy).times(2)).plus(c.times(c).times(xx).times(yy));
    return scale(ONE.div(below), plus(scale(first, x), scale(second, y)));
  },

  gap: (x: Vector, c: Num): Num => ONE.minus(c.times(dot(x, x))),

  conformalFactor: (x: Vector, c: Num): Num => new D(2).div(poincare.gap(x, c)),

  dist: (x: Vector, y: Vector, c: Num): Num => {
    const s = c.sqrt();
    return s
      .times(length(poincare.add(minus(x), y, c)))
      .atanh()
      .times(2)
      .div(s);
  },

  dist0: (x: Vector, c: Num): Num => c.sqrt().times(length(x)).atanh().times(2).div(c.sqrt()),

  scalarMul(factor: Num, x: Vector, c: Num): Num[] {
    const r = c.sqrt().times(length(x));
    if (r.isZero()) return [...x];
    return scale(factor.times(r.atanh()).tanh().div(r), x);
  },

  expMap(x: Vector, v: Vector, c: Num): Num[] {
    const t = c.sqrt().times(poincare.conformalFactor(x, c)).times(length(v)).div(2);
    const share = ratio((r) => r.tanh(), t)
      .times(poincare.conformalFactor(x, c))
      .div(2);
    return poincare.add(x, scale(share, v), c);
  },

  logMap(x: Vector, y: Vector, c: Num): Num[] {
    const z = poincare.add(minus(x), y, c);
    const r = c.sqrt().times(length(z));
    const share = ratio((t) => t.atanh(), r);
    return scale(share.times(2).div(poincare.conformalFactor(x, c)), z);
  },

  expMap0: (v: Vector, c: Num): Num[] =>
    scale(
      ratio((r) => r.tanh(), c.sqrt().times(length(v))),
      v,
    ),

  logMap0: (x: Vector, c: Num): Num[] =>
    scale(
      ratio((r) => r.atanh(), c.sqrt().times(length(x))),
      x,
    ),

  gyration(a: Vector, b: Vector, v: Vector, c: Num): Num[] {
    const inner = poincare.add(a, poincare.add(b, v, c), c);
    return poincare.add(minus(poincare.add(a, b, c)), inner, c);
  },

  transport(x: Vector, y: Vector, v: Vector, c: Num): Num[] {
    // Gyrations are linear; the definition by sums asks for a vector inside the ball.
    const small = new D(10).pow(-3).div(length(v).plus(1)).div(c.sqrt().plus(1));
    const turned = poincare.gyration(y, minus(x), scale(small, v), c);
    return scale(poincare.gap(y, c).div(poincare.gap(x, c)).div(small), turned);
  },

  transport0: (y: Vector, v: Vector, c: Num): Num[] => scale(poincare.gap(y, c), v),

  egradToRgrad: (x: Vector, grad: Vector, c: Num): Num[] =>
    scale(poincare.gap(x, c).pow(2).div(4), grad),

  inner: (x: Vector, u: Vector, v: Vector, c: Num): Num =>
    poincare.conformalFactor(x, c).pow(2).times(dot(u, v)),

  norm: (x: Vector, v: Vector, c: Num): Num => poincare.conformalFactor(x, c).times(length(v)),

  /** 1/2 (x) sum w lambda x / sum w (lambda - 1). */
  weightedMidpoint(points: readonly Vector[], weights: Vector, c: Num): Num[] {
    const zero = scale(ZERO, points[0]);
    const factors = points.map((x, i) => weights[i].times(poincare.conformalFactor(x, c)));
    const sum = points.reduce((total, x, i) => plus(total, scale(factors[i], x)), zero);
    const below = factors.reduce((total, f, i) => total.plus(f).minus(weights[i]), ZERO);
    return poincare.scalarMul(new D(0.5), scale(ONE.div(below), sum), c);
  },

  hyperplaneDistance(x: Vector, p: Vector, a: Vector, c: Num): Num {
    const z = poincare.add(minus(p), x, c);
    const below = poincare.gap(z, c).times(length(a));
    return c.sqrt().times(2).times(dot(z, a)).div(below).asinh().div(c.sqrt());
  },

  hyperplaneLogit(x: Vector, normal: Vector, offset: Num, c: Num): Num {
    const s = c.sqrt();
    const size = length(normal);
    const factor = poincare.conformalFactor(x, c);
    const angle = s.times(2).times(offset);
    const along = factor.times(s).times(dot(x, normal)).div(size).times(angle.cosh());
    const slant = along.minus(factor.minus(1).times(angle.sinh()));
    return size.times(2).div(s).times(slant.asinh());
  },

  coneHalfAperture: (x: Vector, minRadius: Num, c: Num): Num =>
    within(minRadius.times(poincare.gap(x, c)).div(c.sqrt().times(length(x)))).asin(),

  /** Equation (28) of Ganea et al. 2018 on sqrt(c) times the points. */
  coneAngle(first: Vector, second: Vector, c: Num): Num {
    const [x, y] = [scale(c.sqrt(), first), scale(c.sqrt(), second)];
    const [xy, xx, yy] = [dot(x, y), dot(x, x), dot(y, y)];
    const above = xy.times(ONE.plus(xx)).minus(xx.times(ONE.plus(yy)));
    const root = ONE.plus(xx.times(yy)).minus(xy.times(2)).sqrt();
    const below = length(x)
      .times(length(plus(x, minus(y))))
      .times(root);
    return within(above.div(below)).acos();
  },
} as const;

/** The same point in the other model. */
export const convert = {
  toLorentz: (x: Vector, c: Num): Num[] => scale(poincare.conformalFactor(x, c), x),
  toPoincare: (x: Vector, c: Num): Num[] =>
    scale(ONE.div(c.sqrt().times(lorentz.time(x, c)).plus(1)), x),
} as const;

export const pi = PI;
