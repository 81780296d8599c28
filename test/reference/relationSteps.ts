/**
 * Float64 oracle of relationSteps from the textbook formulas of the hyperboloid (Nickel and Kiela 2018,
 * section 3): acosh distances, logarithm and exponential map in ambient coordinates, time component first.
 * Good to about 1e-9 for radii below 5. Imports nothing from src.
 */

export type ReferenceGeometry = 'lorentz' | 'poincare' | 'logPolar';

export interface ReferenceSteps {
  readonly geometry: ReferenceGeometry;
  readonly curvature: number;
  readonly learningRate: number;
  readonly negatives: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly pass: number;
  readonly first: number;
}

export interface ReferenceWeights {
  readonly probability: readonly number[];
  readonly alias: readonly number[];
}

type Point = readonly number[];

const norm = (v: Point): number => Math.hypot(...v);
const scaled = (v: Point, factor: number): number[] => v.map((x) => x * factor);
const sum = (a: Point, b: Point): number[] => a.map((x, i) => x + b[i]);

/** Minkowski product. */
function product(x: Point, y: Point): number {
  return x.slice(1).reduce((total, v, i) => total + v * y[i + 1], -x[0] * y[0]);
}

/** Stored row to a point of the hyperboloid of curvature -1. */
export function pointOf(row: Point, geometry: ReferenceGeometry, curvature: number): number[] {
  const s = Math.sqrt(curvature);
  const length = s * norm(row);
  if (length === 0) return [1, ...row];
  const radius = {
    lorentz: Math.asinh(length),
    poincare: 2 * Math.atanh(length),
    logPolar: length,
  }[geometry];
  return [Math.cosh(radius), ...scaled(row, (s * Math.sinh(radius)) / length)];
}

function rowOf(point: Point, geometry: ReferenceGeometry, curvature: number): number[] {
  const s = Math.sqrt(curvature);
  const space = point.slice(1);
  const length = norm(space);
  if (length === 0) return space;
  const radius = Math.asinh(length);
  const stored = { lorentz: length, poincare: Math.tanh(radius / 2), logPolar: radius }[geometry];
  return scaled(space, stored / (length * s)).map(Math.fround);
}

/** Distance at curvature -1. */
export function distance(x: Point, y: Point): number {
  return Math.acosh(Math.max(1, -product(x, y)));
}

/** Unit tangent at x towards y; none where they coincide. */
function direction(x: Point, y: Point): number[] {
  const towards = sum(y, scaled(x, product(x, y)));
  const length = Math.sqrt(Math.max(0, product(towards, towards)));
  return length < 1e-12 ? x.map(() => 0) : scaled(towards, 1 / length);
}

function exponential(x: Point, v: Point): number[] {
  const angle = Math.sqrt(Math.max(0, product(v, v)));
  if (angle === 0) return [...x];
  return sum(scaled(x, Math.cosh(angle)), scaled(v, Math.sinh(angle) / angle));
}

const word = (value: bigint): bigint => BigInt.asUintN(32, value);

/** pcg4d as printed in the paper, in integers of any size. */
export function pcg4d(counter: readonly number[]): number[] {
  const v = counter.map((x) => word(word(BigInt(x)) * 1664525n + 1013904223n));
  const mix = (): void => {
    v[0] = word(v[0] + v[1] * v[3]);
    v[1] = word(v[1] + v[2] * v[0]);
    v[2] = word(v[2] + v[0] * v[1]);
    v[3] = word(v[3] + v[1] * v[2]);
  };
  mix();
  v.forEach((x, i) => (v[i] = x ^ (x >> 16n)));
  mix();
  return v.map(Number);
}

/** Negatives that count, for relation number `position` of the pass that starts at row u. */
export function drawnNegatives(
  position: number,
  u: number,
  rows: number,
  related: readonly (readonly number[])[],
  options: Pick<ReferenceSteps, 'negatives' | 'seed' | 'pass'>,
  weights?: ReferenceWeights,
): number[] {
  const drawn = Array.from({ length: options.negatives }, (_, k) => {
    const words = pcg4d([position, Math.floor(k / 2), options.seed, options.pass]);
    const [first, second] = k % 2 === 0 ? words.slice(0, 2) : words.slice(2);
    const slot = Number((BigInt(first) * BigInt(rows)) >> 32n);
    if (weights === undefined) return slot;
    const coin = Math.floor(second / 256) / 2 ** 24;
    return weights.probability[slot] > coin ? slot : weights.alias[slot];
  });
  return drawn.filter((row) => row !== u && !related[u].includes(row));
}

/** Loss of a relation from u to v beside negatives, of distances. */
export function relationLoss(toV: number, toNegatives: readonly number[]): number {
  const total = toNegatives.reduce((s, d) => s + Math.exp(-d), Math.exp(-toV));
  return toV + Math.log(total);
}

/** The table and the losses after all batches. */
export function referenceRelationSteps(
  table: readonly Point[],
  relations: readonly (readonly [number, number])[],
  related: readonly (readonly number[])[],
  options: ReferenceSteps,
  weights?: ReferenceWeights,
): { table: number[][]; losses: number[] } {
  const { geometry, curvature, batchSize } = options;
  const s = Math.sqrt(curvature);
  const rows = table.map((row) => [...row]);
  const losses: number[] = [];
  for (let start = 0; start < relations.length; start += batchSize) {
    const batch = relations.slice(start, start + batchSize);
    const points = rows.map((row) => pointOf(row, geometry, curvature));
    const tangents = points.map((point) => point.map(() => 0));
    const add = (at: number, towards: number, slope: number): void => {
      // The gradient of the distance points away: a step against it goes towards the other point.
      const step = scaled(direction(points[at], points[towards]), slope);
      tangents[at] = sum(tangents[at], step);
    };
    let loss = 0;
    batch.forEach(([u, v], i) => {
      const position = options.first + start + i;
      const negatives = drawnNegatives(position, u, rows.length, related, options, weights);
      const d = (other: number): number => distance(points[u], points[other]) / s;
      const total = negatives.reduce((t, k) => t + Math.exp(-d(k)), Math.exp(-d(v)));
      loss += relationLoss(d(v), negatives.map(d));
      const slopes = [
        1 - Math.exp(-d(v)) / total,
        ...negatives.map((k) => -Math.exp(-d(k)) / total),
      ];
      [v, ...negatives].forEach((other, k) => {
        add(u, other, slopes[k]);
        add(other, u, slopes[k]);
      });
    });
    const rate = (options.learningRate * s) / batch.length;
    tangents.forEach((tangent, row) => {
      if (tangent.every((value) => value === 0)) return;
      const moved = exponential(points[row], scaled(tangent, rate));
      rows[row] = rowOf(moved, geometry, curvature);
    });
    losses.push(loss / batch.length);
  }
  return { table: rows, losses };
}
