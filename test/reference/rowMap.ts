/**
 * The maps of test/support/rowPrograms.ts in float64, from their formulas and row by row. Imports
 * nothing from src.
 */

type Row = readonly number[];

const sum = (values: Row): number => values.reduce((a, b) => a + b, 0);
const dot = (a: Row, b: Row): number => sum(a.map((v, f) => v * b[f]));
const zip = (a: Row, b: Row, f: (p: number, q: number) => number): number[] =>
  a.map((v, i) => f(v, b[i]));

/** Möbius addition in the ball of curvature -c (Ungar). */
export function referenceMobius(x: Row, y: Row, c: number): number[] {
  const xy = dot(x, y);
  const xx = dot(x, x);
  const yy = dot(y, y);
  const scale = 1 + 2 * c * xy + c * c * xx * yy;
  return zip(x, y, (p, q) => ((1 + 2 * c * xy + c * yy) * p + (1 - c * xx) * q) / scale);
}

/** (2 / s) asinh(s sqrt(|x - y|^2 / ((1 - c |x|^2) (1 - c |y|^2)))), s = sqrt c. */
export function referenceBallDistance(x: Row, y: Row, c: number): number {
  const q = sum(zip(x, y, (p, r) => (p - r) ** 2));
  const s = Math.sqrt(c);
  return (2 / s) * Math.asinh(s * Math.sqrt(q / ((1 - c * dot(x, x)) * (1 - c * dot(y, y)))));
}

/** x / |x|, 0 for the zero vector. */
export function referenceUnit(x: Row): number[] {
  const size = Math.hypot(...x);
  return x.map((v) => (size === 0 ? 0 : v / size));
}

/** x less its mean, over its standard deviation plus c. */
export function referenceStandard(x: Row, c: number): number[] {
  const mean = sum(x) / x.length;
  const centred = x.map((v) => v - mean);
  const deviation = Math.sqrt(dot(centred, centred) / x.length);
  return centred.map((v) => v / (deviation + c));
}

/** tanh(c x) where x > y, min(x, y) elsewhere. */
export function referenceChoice(x: Row, y: Row, c: number): number[] {
  return zip(x, y, (p, q) => (q < p ? Math.tanh(c * p) : Math.min(p, q)));
}
