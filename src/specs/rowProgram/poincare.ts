import { BALL_LARGEST_NORM, BALL_SMALLEST_GAP, TANH_SATURATION } from '../../numerics.js';
import type { RowGraph, RowOperand, Value } from './graph.js';
import { asinhOver, programOf } from './programOf.js';

/**
 * Maps of the Poincaré ball |x| < 1/sqrt(c). Write s = sqrt(c), alpha = 1 - c |x|^2, beta = 1 - c |y|^2.
 *
 * Möbius addition and all that is made of it are written with sums that do not cancel (z = x + y):
 * x (+) y = (alpha z + c |z|^2 x) / (alpha beta + c |z|^2), 1 - c |x (+) y|^2 = alpha beta over the same
 * denominator; alpha and beta come from the gap reduction, to full precision up to the boundary.
 */

/** Larger than any c |x + y|^2 inside the ball; rows outside give finite numbers. */
const LARGEST_SQUARE = 2 ** 60;

/** Largest 2 s |r| of a hyperplane's offset r: its cosh times the largest 2 / alpha is within float32. */
const LARGEST_SHIFT = 40;

const gapOf = (g: RowGraph, c: Value, x: Value): Value => g.max(g.gap(c, x), BALL_SMALLEST_GAP);

const squareOf = (g: RowGraph, c: Value, z: Value): Value =>
  g.min(g.mul(c, g.dot(z, z)), LARGEST_SQUARE);

/** sinh of half the distance, divided by s. */
const halfOf = (g: RowGraph, difference: Value, alpha: Value, beta: Value): Value =>
  g.div(g.norm(difference), g.mul(g.sqrt(alpha), g.sqrt(beta)));

const lengthOf = (g: RowGraph, half: Value, s: Value): Value => g.mul(2, asinhOver(g, half, s));

/** x (+) y of points with these gaps. */
function sumOf(
  g: RowGraph,
  c: Value,
  [x, y]: [Value, Value],
  [alpha, beta]: [Value, Value],
): Value {
  const z = g.add(x, y);
  const square = squareOf(g, c, z);
  const whole = g.add(g.mul(alpha, beta), square);
  return g.add(g.mul(g.div(alpha, whole), z), g.mul(g.div(square, whole), x));
}

/** asinhc(s |x| / sqrt(alpha)) x / sqrt(alpha), which is artanh(s |x|) x / (s |x|). */
function logAtOrigin(g: RowGraph, c: Value, x: Value): Value {
  const scaled = g.div(x, g.sqrt(gapOf(g, c, x)));
  return g.mul(g.unary('asinhc', g.mul(g.sqrt(c), g.norm(scaled))), scaled);
}

const expAtOrigin = (g: RowGraph, c: Value, v: Value): Value =>
  g.mul(g.unary('tanhc', g.mul(g.sqrt(c), g.norm(v))), v);

export const dist = programOf((g) => {
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  return lengthOf(g, halfOf(g, g.sub(x, y), gapOf(g, c, x), gapOf(g, c, y)), g.sqrt(c));
});

export const dist0 = programOf((g) => {
  const [x, c] = [g.row('x'), g.scalar('c')];
  return lengthOf(g, g.div(g.norm(x), g.sqrt(gapOf(g, c, x))), g.sqrt(c));
});

export const add = programOf((g) => {
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  return sumOf(g, c, [x, y], [gapOf(g, c, x), gapOf(g, c, y)]);
});

export const scalarMul = programOf((g) => {
  const [factor, x, c] = [g.scalar('factor'), g.row('x'), g.scalar('c')];
  return expAtOrigin(g, c, g.mul(factor, logAtOrigin(g, c, x)));
});

export const expMap0 = programOf((g) => expAtOrigin(g, g.scalar('c'), g.row('v')));

export const logMap0 = programOf((g) => logAtOrigin(g, g.scalar('c'), g.row('x')));

export const expMap = programOf((g) => {
  const [x, v, c] = [g.row('x'), g.row('v'), g.scalar('c')];
  const alpha = gapOf(g, c, x);
  const length = g.mul(g.sqrt(c), g.norm(v));
  const angle = g.div(length, alpha);
  // Past saturation the step is the unit vector: tanh(angle) / length.
  const scale = g.where(
    'le',
    angle,
    TANH_SATURATION,
    g.div(g.unary('tanhc', angle), alpha),
    g.div(1, length),
  );
  const kept = g.min(angle, TANH_SATURATION);
  const beta = g.square(g.div(1, g.unary('cosh', kept)));
  return sumOf(g, c, [x, g.mul(scale, v)], [alpha, beta]);
});

/** alpha (y - x) - c |y - x|^2 x: the direction of log from x to y. */
function directionOf(g: RowGraph, c: Value, x: Value, difference: Value, alpha: Value): Value {
  return g.sub(g.mul(alpha, difference), g.mul(squareOf(g, c, difference), x));
}

export const logMap = programOf((g) => {
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const [alpha, beta] = [gapOf(g, c, x), gapOf(g, c, y)];
  const difference = g.sub(y, x);
  const half = g.mul(g.sqrt(c), halfOf(g, difference, alpha, beta));
  const k = g.div(g.unary('asinhc', half), g.mul(beta, g.hypot(1, half)));
  return g.mul(k, directionOf(g, c, x, difference, alpha));
});

/**
 * gyr[a, b] v with z = a + b given: v + 2 (A a + B b) / D, where A a + B b is written as
 * (<z, v> (beta + c |z|^2) - <a, v> c |z|^2) c a - (alpha <a, v> + (1 - alpha) <z, v>) c z.
 */
function gyrationOf(
  g: RowGraph,
  c: Value,
  { a, z, v, alpha, beta }: Record<'a' | 'z' | 'v' | 'alpha' | 'beta', Value>,
): Value {
  const square = squareOf(g, c, z);
  const whole = g.add(g.mul(alpha, beta), square);
  const [onA, onZ] = [g.dot(a, v), g.dot(z, v)];
  const byA = g.sub(
    g.mul(onZ, g.add(g.div(beta, whole), g.div(square, whole))),
    g.mul(onA, g.div(square, whole)),
  );
  const byZ = g.add(g.mul(alpha, onA), g.mul(g.sub(1, alpha), onZ));
  const turn = g.sub(g.mul(byA, a), g.mul(g.div(byZ, whole), z));
  return g.add(v, g.mul(g.mul(2, c), turn));
}

export const gyration = programOf((g) => {
  const [a, b, v, c] = [g.row('a'), g.row('b'), g.row('v'), g.scalar('c')];
  const [alpha, beta] = [gapOf(g, c, a), gapOf(g, c, b)];
  return gyrationOf(g, c, { a, z: g.add(a, b), v, alpha, beta });
});

export const transport = programOf((g) => {
  const [x, y, v, c] = [g.row('x'), g.row('y'), g.row('v'), g.scalar('c')];
  const [beta, alpha] = [gapOf(g, c, x), gapOf(g, c, y)];
  const turned = gyrationOf(g, c, { a: y, z: g.sub(y, x), v, alpha, beta });
  return g.mul(g.div(alpha, beta), turned);
});

export const transport0 = programOf((g) => g.mul(gapOf(g, g.scalar('c'), g.row('y')), g.row('v')));

export const project = programOf((g) => {
  const x = g.row('x');
  const length = g.mul(g.sqrt(g.scalar('c')), g.norm(x));
  const most = BALL_LARGEST_NORM;
  return g.mul(g.where('lt', most, length, g.div(most, length), 1), x);
});

export const conformalFactor = programOf((g) => g.div(2, gapOf(g, g.scalar('c'), g.row('x'))));

export const egradToRgrad = programOf((g) => {
  const alpha = gapOf(g, g.scalar('c'), g.row('x'));
  return g.mul(g.square(g.mul(0.5, alpha)), g.row('grad'));
});

export const inner = programOf((g) => {
  const [x, a, b] = [g.row('x'), g.row('u'), g.row('v')];
  const factor = g.div(2, gapOf(g, g.scalar('c'), x));
  return g.mul(factor, g.mul(factor, g.dot(a, b)));
});

export const norm = programOf((g) => {
  const x = g.row('x');
  return g.mul(g.div(2, gapOf(g, g.scalar('c'), x)), g.norm(g.row('v')));
});

/** Space part on the hyperboloid. */
export const toLorentz = programOf((g) => {
  const x = g.row('points');
  return g.mul(g.div(2, gapOf(g, g.scalar('c'), x)), x);
});

export const fromLorentz = programOf((g) => {
  const x = g.row('x');
  const q = g.hypot(1, g.mul(g.sqrt(g.scalar('c')), g.norm(x)));
  return g.div(x, g.add(1, q));
});

export const hyperplaneDistance = programOf((g) => {
  const [x, point, normal, c] = [g.row('x'), g.row('p'), g.row('a'), g.scalar('c')];
  const [alpha, beta] = [gapOf(g, c, point), gapOf(g, c, x)];
  const unit = g.safeDiv(normal, g.norm(normal));
  const direction = directionOf(g, c, point, g.sub(x, point), alpha);
  const slant = g.div(g.div(g.mul(2, g.dot(direction, unit)), alpha), beta);
  return g.mul(slant, g.unary('asinhc', g.mul(g.sqrt(c), slant)));
});

export const hyperplaneLogit = programOf((g) => {
  const [x, normal, offset, c] = [g.row('x'), g.row('z'), g.scalar('r'), g.scalar('c')];
  const length = g.norm(normal);
  const alpha = gapOf(g, c, x);
  const angle = g.mul(g.mul(2, g.sqrt(c)), g.unary('abs', offset));
  const isCut = (then: RowOperand, otherwise: RowOperand): Value =>
    g.where('lt', LARGEST_SHIFT, angle, then, otherwise);
  const shift = isCut(LARGEST_SHIFT, angle);
  const kept = g.mul(2, isCut(g.div(g.mul(LARGEST_SHIFT, offset), angle), offset));
  const along = g.mul(g.mul(2, g.dot(x, g.safeDiv(normal, length))), g.unary('cosh', shift));
  const back = g.mul(g.sub(2, alpha), g.mul(kept, g.unary('sinhc', shift)));
  const slant = g.div(g.sub(along, back), alpha);
  return g.mul(g.mul(2, length), g.mul(slant, g.unary('asinhc', g.mul(g.sqrt(c), slant))));
});

export const coneHalfAperture = programOf((g) => {
  const [x, c] = [g.row('x'), g.scalar('c')];
  const height = g.mul(g.scalar('minRadius'), gapOf(g, c, x));
  return g.unary('asin', g.min(g.div(height, g.mul(g.sqrt(c), g.norm(x))), 1));
});

export const coneAngle = programOf((g) => {
  const [x, y, c] = [g.row('x'), g.row('y'), g.scalar('c')];
  const p = g.norm(x);
  const u = g.safeDiv(x, p);
  const alpha = gapOf(g, c, x);
  const difference = g.sub(y, x);
  const along = g.dot(difference, u);
  const radial = g.sub(g.mul(alpha, along), g.mul(squareOf(g, c, difference), p));
  const across = g.mul(alpha, g.norm(g.sub(difference, g.mul(along, u))));
  return g.where('eq', p, 0, 0, g.atan2(across, radial));
});
