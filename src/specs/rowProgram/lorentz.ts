import { LARGEST_HYPERBOLIC_ANGLE, LORENTZ_LARGEST_RADIUS } from '../../numerics.js';
import type { RowGraph, Value } from './graph.js';
import { asinhOver, programOf } from './programOf.js';

/**
 * Maps of the hyperboloid <x, x> = -1/c by space parts: points x and tangents v are the last d of d + 1
 * coordinates. Write s = sqrt(c), p = |x|, q = sqrt(1 + c p^2) = s x0, u = x / p, r = asinh(s p).
 *
 * Every difference that may cancel is formed of small parts: pairs of points are seen in polar
 * coordinates round the origin, where the radial part sinh(r2 - r1) and the turn u2 - u1 keep their
 * relative accuracy. Where one point is near the origin next to the other, or they stand at a wide
 * angle, nothing cancels and Cartesian forms are taken, whose gradients pass through the origin.
 */

interface Point {
  readonly row: Value;
  /** |x|. */
  readonly p: Value;
  /** sqrt(1 + c |x|^2). */
  readonly q: Value;
  readonly s: Value;
}

function pointOf(g: RowGraph, row: Value, c: Value): Point {
  const s = g.sqrt(c);
  const p = g.norm(row);
  return { row, p, q: g.hypot(1, g.mul(s, p)), s };
}

const isNear = (g: RowGraph, { p, s }: Point, near: Value, far: Value): Value =>
  g.where('le', g.mul(s, p), 1, near, far);

/** Parts of a tangent at x along u and across, in ambient coordinates. */
function splitOf(g: RowGraph, x: Point, v: Value): { along: Value; across: Value } {
  const u = g.safeDiv(x.row, x.p);
  const along = g.dot(v, u);
  return { along, across: g.sub(v, g.mul(along, u)) };
}

/** Riemannian length of a tangent: |v|^2 - v0^2, without the difference where x is far out. */
function tangentNorm(g: RowGraph, x: Point, v: Value): Value {
  const length = g.norm(v);
  const slope = g.div(g.mul(x.s, g.dot(g.safeDiv(v, length), x.row)), x.q);
  const near = g.mul(length, g.sqrt(g.sub(1, g.square(slope))));
  const { along, across } = splitOf(g, x, v);
  return isNear(g, x, near, g.hypot(g.norm(across), g.div(along, x.q)));
}

/** Two points as seen from each other. */
interface Pair {
  readonly x: Point;
  readonly y: Point;
  readonly s: Value;
  readonly dot: Value;
  readonly u: Value;
  /** sinh of half the distance (of s d / 2), divided by s. */
  readonly half: Value;
  /** sinh(r2 - r1) / s. */
  readonly outward: Value;
  /** u2 - u1. */
  readonly turn: Value;
  /** 1 - cos of the angle, |turn|^2 / 2. */
  readonly versine: Value;
  /** `then` where Cartesian forms do not cancel. */
  readonly whereApart: (then: Value, otherwise: Value) => Value;
}

/**
 * u2 - u1 of two points. Where their lengths are near it is taken from the difference of the rows, which
 * is exact for near points, less its part along the mean direction: what the rounding of lengths and
 * directions leaves is along that direction, across the result, and changes its length in second order.
 * Both forms change sign only when the points change places.
 */
function turnOf(g: RowGraph, x: Point, y: Point): Value {
  const [first, second] = [g.safeDiv(x.row, x.p), g.safeDiv(y.row, y.p)];
  const direct = g.sub(second, first);
  const longer = g.sub(y.p, x.p);
  const mean = g.mul(0.5, g.add(first, second));
  const across = g.sub(g.sub(y.row, x.row), g.mul(longer, mean));
  const near = g.safeDiv(across, g.mul(0.5, g.add(x.p, y.p)));
  const isNear = g.mul(4, g.unary('abs', longer));
  return g.where('le', isNear, g.min(x.p, y.p), near, direct);
}

function pairOf(g: RowGraph, rowX: Value, rowY: Value, c: Value): Pair {
  const [x, y] = [pointOf(g, rowX, c), pointOf(g, rowY, c)];
  const { s } = x;
  const u = g.safeDiv(x.row, x.p);
  const turn = turnOf(g, x, y);
  // (q - 1) / c of each point, and of both s^2 times their product.
  const [riseX, riseY] = [x, y].map(({ p, q }) => g.mul(p, g.div(p, g.add(1, q))));
  const rise = g.add(riseX, riseY);
  const product = g.mul(g.mul(s, riseX), g.mul(s, riseY));
  const dot = g.dot(x.row, y.row);
  const whereApart = (then: Value, otherwise: Value): Value =>
    g.where('le', g.add(g.mul(2, g.unary('abs', dot)), product), rise, then, otherwise);
  // (p1 - p2) (p1 + p2) / (p1 q2 + p2 q1), the quotient by shares of p1 + p2 so that nothing
  // overflows, and by quotients so that a fused multiplication can't tell x from y.
  const both = g.add(x.p, y.p);
  const middle = g.mul(g.sqrt(x.q), g.sqrt(y.q));
  const shares = g.add(
    g.div(g.safeDiv(x.p, both), g.div(x.q, middle)),
    g.div(g.safeDiv(y.p, both), g.div(y.q, middle)),
  );
  const outward = g.safeDiv(g.sub(y.p, x.p), g.mul(middle, shares));
  const radial = g.div(outward, g.sqrt(g.mul(2, g.add(1, g.hypot(1, g.mul(s, outward))))));
  const across = g.mul(g.mul(g.sqrt(x.p), g.sqrt(y.p)), g.mul(0.5, g.norm(turn)));
  const apart = g.sqrt(g.mul(0.5, g.sub(g.add(rise, product), dot)));
  const half = whereApart(apart, g.hypot(radial, across));
  const versine = g.mul(0.5, g.dot(turn, turn));
  return { x, y, s, dot, u, half, outward, turn, versine, whereApart };
}

/** cosh(s d / 2). */
const halfCosh = (g: RowGraph, { s, half }: Pair): Value => g.hypot(1, g.mul(s, half));

const distanceOf = (g: RowGraph, { s, half }: Pair): Value => g.mul(2, asinhOver(g, half, s));

/** scale times <y, e> for the outward unit tangent e at x, y in space coordinates: radial log / k. */
const radialOf = (g: RowGraph, { x, y, outward, versine }: Pair, scale: Value): Value =>
  g.sub(g.mul(scale, outward), g.mul(g.mul(g.mul(scale, y.p), x.q), versine));

/** p2 scale times the part of u2 across u1. */
const acrossOf = (g: RowGraph, { y, u, turn, versine }: Pair, scale: Value): Value =>
  g.mul(g.mul(scale, y.p), g.add(turn, g.mul(versine, u)));

/** <y, v> / cosh(s d / 2) of a tangent v at x. */
function slantOf(g: RowGraph, pair: Pair, v: Value): Value {
  const { x, y, turn, whereApart } = pair;
  const scale = g.div(1, halfCosh(g, pair));
  const { along, across } = splitOf(g, x, v);
  const time = g.mul(g.div(y.q, x.q), g.dot(x.row, v));
  const apart = g.mul(scale, g.sub(g.dot(y.row, v), time));
  const polar = g.add(
    g.mul(g.div(along, x.q), radialOf(g, pair, scale)),
    g.mul(g.mul(scale, y.p), g.dot(turn, across)),
  );
  return whereApart(apart, polar);
}

/** sinhc(s |v|) v with the length cut at the largest that float32 holds. */
function expAtOrigin(g: RowGraph, v: Value, s: Value): Value {
  const angle = g.mul(s, g.norm(v));
  const cut = g.div(Math.sinh(LARGEST_HYPERBOLIC_ANGLE), angle);
  return g.mul(g.where('le', angle, LARGEST_HYPERBOLIC_ANGLE, g.unary('sinhc', angle), cut), v);
}

export const dist = programOf((g) =>
  distanceOf(g, pairOf(g, g.row('x'), g.row('y'), g.scalar('c'))),
);

export const dist0 = programOf((g) => {
  const p = g.norm(g.row('x'));
  return asinhOver(g, p, g.sqrt(g.scalar('c')));
});

export const minkowskiInner = programOf((g) => {
  const c = g.scalar('c');
  const { half } = pairOf(g, g.row('x'), g.row('y'), c);
  return g.neg(g.add(g.div(1, c), g.mul(2, g.square(half))));
});

export const time = programOf((g) => {
  const x = pointOf(g, g.row('x'), g.scalar('c'));
  return g.div(x.q, x.s);
});

export const inner = programOf((g) => {
  const [rowX, a, b] = [g.row('x'), g.row('u'), g.row('v')];
  const x = pointOf(g, rowX, g.scalar('c'));
  const time0 = (t: Value): Value => g.div(g.mul(x.s, g.dot(rowX, t)), x.q);
  const near = g.sub(g.dot(a, b), g.mul(time0(a), time0(b)));
  const [first, second] = [splitOf(g, x, a), splitOf(g, x, b)];
  const along = g.mul(g.div(first.along, x.q), g.div(second.along, x.q));
  return isNear(g, x, near, g.add(g.dot(first.across, second.across), along));
});

export const norm = programOf((g) => {
  const [rowX, v] = [g.row('x'), g.row('v')];
  return tangentNorm(g, pointOf(g, rowX, g.scalar('c')), v);
});

export const expMap0 = programOf((g) => expAtOrigin(g, g.row('v'), g.sqrt(g.scalar('c'))));

export const logMap0 = programOf((g) => {
  const x = g.row('x');
  return g.mul(g.unary('asinhc', g.mul(g.sqrt(g.scalar('c')), g.norm(x))), x);
});

export const expMap = programOf((g) => {
  const [rowX, v, c] = [g.row('x'), g.row('v'), g.scalar('c')];
  const x = pointOf(g, rowX, c);
  const length = tangentNorm(g, x, v);
  const angle = g.mul(x.s, length);
  const radius = g.unary('asinh', g.mul(x.s, x.p));
  const most = g.max(0, g.sub(LARGEST_HYPERBOLIC_ANGLE, radius));
  const isWhole = (then: Value, otherwise: Value): Value =>
    g.where('le', angle, most, then, otherwise);
  const kept = isWhole(angle, most);
  const slope = g.unary('sinhc', kept);
  // A step that is cut goes by its unit vector, so that no gradient meets the whole length.
  const step = g.div(v, isWhole(g.constant(1), length));
  const size = isWhole(slope, g.div(g.mul(kept, slope), x.s));
  return g.add(g.mul(g.unary('cosh', kept), rowX), g.mul(size, step));
});

export const logMap = programOf((g) => {
  const [rowX, rowY, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const pair = pairOf(g, rowX, rowY, c);
  const { x, s, half, u, whereApart } = pair;
  // theta / sinh(theta) in two factors, of which each is taken into what it keeps within float32.
  const [scale, share] = [g.div(1, halfCosh(g, pair)), g.unary('asinhc', g.mul(s, half))];
  const k = g.mul(share, scale);
  const along = g.mul(g.mul(share, radialOf(g, pair, scale)), x.q);
  const polar = g.add(g.mul(along, u), g.mul(share, acrossOf(g, pair, scale)));
  const back = g.add(k, g.mul(g.mul(g.mul(2, c), g.mul(k, half)), half));
  return whereApart(g.sub(g.mul(k, rowY), g.mul(back, rowX)), polar);
});

export const transport = programOf((g) => {
  const [x, y, v, c] = [g.row('x'), g.row('y'), g.row('v'), g.scalar('c')];
  const pair = pairOf(g, x, y, c);
  const { s } = pair;
  const share = g.mul(g.mul(s, slantOf(g, pair, v)), g.div(g.mul(0.5, s), halfCosh(g, pair)));
  return g.add(v, g.mul(share, g.add(x, y)));
});

export const transport0 = programOf((g) => {
  const [rowY, v] = [g.row('y'), g.row('v')];
  const y = pointOf(g, rowY, g.scalar('c'));
  const scaled = g.mul(y.s, rowY);
  return g.add(v, g.mul(g.div(g.dot(scaled, v), g.add(1, y.q)), scaled));
});

export const project = programOf((g) => {
  const x = g.row('x');
  const angle = g.mul(g.sqrt(g.scalar('c')), g.norm(x));
  const most = Math.sinh(LORENTZ_LARGEST_RADIUS);
  return g.mul(g.where('lt', most, angle, g.div(most, angle), 1), x);
});

export const projectTangent = programOf((g) => {
  const [rowX, w, time0] = [g.row('x'), g.row('w'), g.scalar('w0')];
  const x = pointOf(g, rowX, g.scalar('c'));
  const scaled = g.mul(x.s, rowX);
  return g.add(w, g.mul(g.sub(g.dot(scaled, w), g.mul(x.q, time0)), scaled));
});

export const egradToRgrad = programOf((g) => {
  const [x, grad] = [g.row('x'), g.row('grad')];
  const scaled = g.mul(g.sqrt(g.scalar('c')), x);
  return g.add(grad, g.mul(g.dot(scaled, grad), scaled));
});

/** s (x0 - <x, u>) for the direction u of a sum of points. */
export const centroidDepth = programOf((g) => {
  const [rowX, sum] = [g.row('points'), g.row('sum')];
  const x = pointOf(g, rowX, g.scalar('c'));
  const u = g.safeDiv(sum, g.norm(sum));
  const along = g.dot(rowX, u);
  const across = g.mul(x.s, g.norm(g.sub(rowX, g.mul(along, u))));
  const scaled = g.mul(x.s, along);
  const far = g.div(g.add(1, g.square(across)), g.add(x.q, scaled));
  return g.where('lt', 0, along, far, g.sub(x.q, scaled));
});

/** sum / sqrt(c (S0^2 - |sum|^2)), where depth = s (S0 - |sum|). */
export const centroidPoint = programOf((g) => {
  const [sum, depth] = [g.row('sum'), g.scalar('depth')];
  const height = g.add(depth, g.mul(2, g.mul(g.sqrt(g.scalar('c')), g.norm(sum))));
  return g.mul(g.safeDiv(1, g.mul(g.sqrt(depth), g.sqrt(height))), sum);
});

export const halfAperture = programOf((g) => {
  const n = g.mul(g.sqrt(g.scalar('c')), g.norm(g.row('x')));
  return g.unary('asin', g.min(g.div(g.mul(2, g.scalar('minRadius')), n), 1));
});

export const exteriorAngle = programOf((g) => {
  const pair = pairOf(g, g.row('x'), g.row('y'), g.scalar('c'));
  const scale = g.div(1, halfCosh(g, pair));
  const angle = g.atan2(g.norm(acrossOf(g, pair, scale)), radialOf(g, pair, scale));
  return g.where('eq', pair.x.p, 0, 0, angle);
});

export const hyperplaneDistance = programOf((g) => {
  const [x, point, normal, c] = [g.row('x'), g.row('p'), g.row('a'), g.scalar('c')];
  const pair = pairOf(g, point, x, c);
  const length = tangentNorm(g, pair.x, normal);
  const slant = g.mul(g.safeDiv(slantOf(g, pair, normal), length), halfCosh(g, pair));
  return g.mul(slant, g.unary('asinhc', g.mul(pair.s, slant)));
});

/** Finite, so that a product with a component 0 is 0. */
const bounded = (g: RowGraph, v: Value): Value => g.max(-(2 ** 126), g.min(2 ** 126, v));

export const add = programOf((g) => {
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  // The point that stands to the origin as y does to -x: the frame of log from x to -y.
  const pair = pairOf(g, x, g.neg(y), c);
  const one = g.constant(1);
  const along = g.mul(bounded(g, radialOf(g, pair, one)), pair.u);
  const polar = g.neg(g.add(along, acrossOf(g, pair, one)));
  const lift = g.sub(pair.y.q, g.mul(c, g.div(pair.dot, g.add(1, pair.x.q))));
  return pair.whereApart(g.add(y, g.mul(lift, x)), polar);
});

export const scalarMul = programOf((g) => {
  const [factor, x] = [g.scalar('factor'), g.row('x')];
  const s = g.sqrt(g.scalar('c'));
  const log = g.mul(g.unary('asinhc', g.mul(s, g.norm(x))), x);
  return expAtOrigin(g, g.mul(factor, log), s);
});
