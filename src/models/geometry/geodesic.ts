import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D, Variable } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../../errors.js';
import { pairwiseDistance } from '../../ops/pairwiseDistance.js';
import { rateFactor } from '../../train/index.js';
import { checkRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import type { LatentChart } from './chart.js';
import type { DataBoundary } from './dataBoundary.js';

export interface GeodesicOptions {
  /** Pieces of a path, >= 2. Default 32. */
  readonly pieces?: number;
  /** Steps of descent, >= 1. Default 200. */
  readonly steps?: number;
  /** Step size, in units of the distance of the ends among the latents, > 0. Default 0.05. */
  readonly learningRate?: number;
  /** Makes a path keep to where data are; see {@link geodesic}. */
  readonly warp?: LatentWarp | LearntWarp;
  readonly signal?: AbortSignal;
}

/** Latents of data, and what leaving them costs. */
export interface LatentWarp {
  readonly latents: Rows;
  /** Height of the walls around the data, in the scale of the rows, > 0. */
  readonly strength: number;
  /** Distance among the latents at which a wall has 39 % of its height, > 0. */
  readonly bandwidth: number;
}

/** A learnt boundary of the data, and what leaving them costs. */
export interface LearntWarp {
  /** Of {@link learnBoundary}. */
  readonly boundary: DataBoundary;
  /** Height of the walls around the data, in the scale of the rows, > 0. */
  readonly strength: number;
}

export interface Geodesics {
  /** Latents along each path, rows of shape [pieces + 1, dims]; the ends are those given. */
  readonly paths: Rows;
  /** Length of each path among the rows (of its pieces, without the warp). */
  readonly lengths: Float32Array;
  /** Length of the straight lines between the latents, decoded in as many pieces. */
  readonly straight: Float32Array;
}

/**
 * Shortest paths on the surface that a decoder spans: latents z(t) from one end to the other that minimise the energy
 *
 *     E = pieces * sum_i |D(z_{i+1}) - D(z_i)|^2,
 *
 * whose minimum is the geodesic of the pull-back metric at constant speed; its value is the square of the length.
 * z(t) is the straight line plus sines sin(k pi t) / k, so that all wavelengths settle at one rate, found by Adam
 * from the straight line: a local minimum.
 *
 * With `warp` rows get one more coordinate, strength (1 - exp(-m(z)^2 / (2 bandwidth^2))), m the distance of z to
 * the nearest of the latents given: a path over a hole in the data has to climb its walls. With a boundary the
 * coordinate is strength w(z), w the probability that z is off the data ({@link learnBoundary}): its cost does not
 * grow with the number of latents. A crossing costs about twice the strength, so half of what the way around is longer
 * keeps a path outside; walls many times higher are hard to descend. The walls rise over the first half of the steps.
 *
 * @param chart A model's `chart()`, or any decoder. @param from, to Latents, rows of shape [dims], one pair per
 * path. @param options Pieces, steps, rate, warp.
 * @returns Paths and lengths.
 * Cost: steps passes of the decoder, forward and back, over pairs * (pieces + 1) latents.
 * @throws ShapeError, DomainError for bad latents or options, before anything is computed. The reason of `signal`.
 * Reference: Shao, Kumar, Fletcher, The Riemannian geometry of deep generative models, 2018, algorithm 1; warp:
 * Sun et al., GAGA, 2024 (arXiv 2410.12779), section 4.2: a boundary learnt from negatives, or a kernel in its place.
 */
export async function geodesic(
  chart: LatentChart,
  from: Rows,
  to: Rows,
  options: GeodesicOptions = {},
): Promise<Geodesics> {
  const { pieces = 32, steps = 200, learningRate = 0.05, warp, signal } = options;
  check(chart, from, to, { pieces, steps, learningRate }, warp);
  const { dims } = chart;
  const pairs = from.count;
  // Path p is a column block: matrices [points, pairs * dims] let one product make all paths.
  const columns = pairs * dims;
  const line = tf.tidy(() => straightLines(from, to, pieces));
  const sines = tf.tidy(() => sineBasis(pieces));
  const walls = warp && wallsOf(warp);
  const amplitudes: Variable<tf.Rank.R2> = tf.tidy(() =>
    tf.variable(tf.zeros<tf.Rank.R2>([pieces - 1, columns])),
  );
  const points = (): Tensor2D => {
    const bent = tf.add(line, tf.matMul(sines, amplitudes));
    return bent
      .reshape([pieces + 1, pairs, dims])
      .transpose([1, 0, 2])
      .reshape([-1, dims]);
  };
  const rate = learningRate * typicalDistance(from, to);
  const rise = RISING * steps;
  const optimizer = tf.train.adam(rate, 0.9, 0.99);
  try {
    const straight = await lengthsOf(chart, points, pairs);
    for (let step = 0; step < steps; step++) {
      signal?.throwIfAborted();
      setRate(optimizer, rate * rateFactor('cosine', step, steps));
      tf.tidy(() => {
        const rows = (): Tensor2D => rowsOf(chart, points(), walls, Math.min(1, (step + 1) / rise));
        const energy = (): Scalar => energyOf(rows(), pairs, pieces);
        optimizer.minimize(energy, false, [amplitudes]);
      });
      if (step % TURN === TURN - 1) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const lengths = await lengthsOf(chart, points, pairs);
    const path = tf.tidy(points);
    const data = Float32Array.from(await path.data());
    path.dispose();
    const paths = { data, count: pairs, rowShape: [pieces + 1, dims] };
    return { paths, lengths, straight };
  } finally {
    optimizer.dispose();
    tf.dispose([line, sines, amplitudes]);
    walls?.dispose();
  }
}

/**
 * Share of the steps in which the walls rise to their height: a path slides off them while they are low, and would be
 * caught between its own points where they are steep at once.
 */
const RISING = 0.5;

/** Steps between two turns of the event loop. */
const TURN = 20;

function setRate(optimizer: tf.AdamOptimizer, rate: number): void {
  // tfjs reads the field at each step and offers no setter.
  (optimizer as unknown as { learningRate: number }).learningRate = rate;
}

/** Rows [points + 1, pairs * dims] of the straight lines, ends included. */
function straightLines(from: Rows, to: Rows, pieces: number): Tensor2D {
  const columns = from.data.length;
  const times = Float32Array.from({ length: pieces + 1 }, (_, i) => i / pieces);
  const t = tf.tensor2d(times, [pieces + 1, 1]);
  const [a, b] = [tf.tensor2d(from.data, [1, columns]), tf.tensor2d(to.data, [1, columns])];
  return tf.add<Tensor2D>(tf.mul(a, tf.sub(1, t)), tf.mul(b, t));
}

/** sin(k pi i / pieces) / k, [pieces + 1, pieces - 1]: zero at both ends. */
function sineBasis(pieces: number): Tensor2D {
  const values = new Float32Array((pieces + 1) * (pieces - 1));
  for (let i = 1; i < pieces; i++) {
    for (let k = 1; k < pieces; k++) {
      values[i * (pieces - 1) + k - 1] = Math.sin((k * Math.PI * i) / pieces) / k;
    }
  }
  return tf.tensor2d(values, [pieces + 1, pieces - 1]);
}

interface Walls {
  /** Height [b, 1] at latents [b, dims]. */
  readonly height: (latents: Tensor2D) => Tensor2D;
  readonly dispose: () => void;
}

function wallsOf(warp: LatentWarp | LearntWarp): Walls {
  const { strength } = warp;
  if ('boundary' in warp) {
    const { outside } = warp.boundary;
    // The weights belong to the boundary.
    return { height: (z) => tf.mul<Tensor2D>(outside(z), strength), dispose: () => undefined };
  }
  const { latents: data, bandwidth } = warp;
  const latents = tf.tensor2d(data.data, [data.count, data.rowShape[0]]);
  const height = (z: Tensor2D): Tensor2D => {
    const squares = pairwiseDistance(z, latents, { metric: 'sqeuclidean' });
    const inside = tf.exp(tf.div(tf.min(squares, 1, true), -2 * bandwidth ** 2));
    return tf.mul(tf.sub(1, inside), strength);
  };
  return { height, dispose: () => latents.dispose() };
}

/** Rows of latents, with a share of the height of the walls as one more coordinate. */
function rowsOf(
  chart: LatentChart,
  latents: Tensor2D,
  walls: Walls | undefined,
  share: number,
): Tensor2D {
  const rows = chart.decode(latents);
  if (walls === undefined) return rows;
  const height: Tensor2D = tf.mul(walls.height(latents), share);
  return tf.concat([rows, height], 1);
}

/** Squared lengths of the pieces of each path, [pairs, pieces]. */
function squaredPieces(rows: Tensor2D, pairs: number): tf.Tensor {
  const [all, n] = rows.shape;
  const points = all / pairs;
  const paths = rows.reshape([pairs, points, n]);
  const ahead = tf.slice(paths, [0, 1, 0], [pairs, points - 1, n]);
  const behind = tf.slice(paths, [0, 0, 0], [pairs, points - 1, n]);
  return tf.sum(tf.squaredDifference(ahead, behind), 2);
}

function energyOf(rows: Tensor2D, pairs: number, pieces: number): Scalar {
  return tf.mul(tf.sum(squaredPieces(rows, pairs)), pieces / pairs).asScalar();
}

async function lengthsOf(
  chart: LatentChart,
  points: () => Tensor2D,
  pairs: number,
): Promise<Float32Array> {
  const lengths = tf.tidy(() => tf.sum(tf.sqrt(squaredPieces(chart.decode(points()), pairs)), 1));
  const values = Float32Array.from(await lengths.data());
  lengths.dispose();
  return values;
}

/** Root mean square distance of the ends; 1 when all coincide. */
function typicalDistance(from: Rows, to: Rows): number {
  const squares = from.data.reduce((sum, value, i) => sum + (value - to.data[i]) ** 2, 0);
  return Math.sqrt(squares / from.count) || 1;
}

function check(
  { dims }: LatentChart,
  from: Rows,
  to: Rows,
  settings: Readonly<Record<'pieces' | 'steps' | 'learningRate', number>>,
  warp: LatentWarp | LearntWarp | undefined,
): void {
  const op = 'geodesic';
  checkRows(op, 'from', from, [dims]);
  checkRows(op, 'to', to, [dims]);
  if (from.count !== to.count) {
    const expected = `have as many rows as from, ${from.count}`;
    throw new ShapeError({ op, arg: 'to', expected, got: String(to.count) });
  }
  for (const [arg, least] of [['pieces', 2] as const, ['steps', 1] as const]) {
    const value = settings[arg];
    if (Number.isInteger(value) && value >= least) continue;
    const expected = `be an integer >= ${least}`;
    throw new DomainError({ op, arg, expected, got: String(value) });
  }
  const positive = (arg: string, value: number): void => {
    if (value > 0 && Number.isFinite(value)) return;
    throw new DomainError({ op, arg, expected: 'be a finite number > 0', got: String(value) });
  };
  positive('learningRate', settings.learningRate);
  if (warp === undefined) return;
  positive('warp.strength', warp.strength);
  if ('boundary' in warp) {
    const expected = `be of latents of ${dims} numbers, as the chart`;
    if (warp.boundary.dims === dims) return;
    throw new ShapeError({ op, arg: 'warp.boundary', expected, got: String(warp.boundary.dims) });
  }
  checkRows(op, 'warp.latents', warp.latents, [dims]);
  positive('warp.bandwidth', warp.bandwidth);
}
