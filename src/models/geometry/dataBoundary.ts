import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { DomainError, ShapeError } from '../../errors.js';
import { knn } from '../../ops/knn.js';
import { trainLoop } from '../../train/index.js';
import { Rng } from '../../util/rng.js';
import { checkRows, takeRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { binaryCrossEntropy } from '../autoencoder/forward.js';
import { integer, parseConfig, positive, widths } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { collectRows } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import { parameterSpecs, runLayers } from '../layers/layer.js';
import type { Layer, Parameters } from '../layers/layer.js';
import { createParameters, disposeParameters } from '../layers/parameters.js';

const OP = 'learnBoundary';

/** Latents that the boundary is drawn around; more are thinned out. */
const MOST_ANCHORS = 4000;

/** Points of each kind, at least. */
const FEWEST_POINTS = 1024;

/** How far points are pushed off the data, in radii. */
const [NEAREST_PUSH, FARTHEST_PUSH] = [1, 4];

/** Part of the extent of the latents by which the box around them is larger on each side. */
const MARGIN = 0.5;

/** Rounds in which candidates may be drawn until enough of them are off the data. */
const ROUNDS = 50;

const BATCH_SIZE = 256;

const schema = z.strictObject({
  neighbors: integer(1).default(10),
  hidden: widths().default([64, 64]),
  steps: integer(1).default(800),
  learningRate: positive().default(0.01),
  seed: integer(0, 2 ** 32 - 1).default(1),
});

/**
 * Settings of {@link learnBoundary}:
 *
 * - `neighbors` (10): the radius is the median distance of a latent to its neighbour of this rank;
 * - `hidden` ([64, 64]): tanh units of the network; `steps` (800) of Adam with `learningRate` (0.01);
 * - `seed` (1) of points, weights and order.
 */
export type BoundarySettings = DeepReadonly<z.input<typeof schema>>;
type Settings = DeepReadonly<z.output<typeof schema>>;

/** Tells latents near the data from latents off it; for `warp` of {@link geodesic}. */
export interface DataBoundary {
  /** Numbers of a latent. */
  readonly dims: number;
  /** Distance from the data up to which latents count as near it. */
  readonly radius: number;
  /** Share of the training points that are on the side they were taken from. */
  readonly accuracy: number;
  /** Probability [b, 1] that latents [b, dims] are off the data; differentiable. Call inside a tidy. */
  readonly outside: (latents: Tensor2D) => Tensor2D;
  /** {@link outside} of latents on the host. @throws ShapeError, DomainError for bad latents. */
  readonly measure: (latents: Rows, options?: BatchOptions) => Promise<Float32Array>;
  /** Free the weights; the boundary can't be used any more. */
  readonly dispose: () => void;
}

/**
 * Learn where data are: a small network tells latents near those of the data from latents that were pushed off them.
 *
 * Near: latents of the data, moved by normal steps of a quarter of the radius. Off: latents of the data, pushed by
 * 1 to 4 radii in any direction, and as many uniform points of the box around them (half its extent larger on each
 * side); those that fell within a radius of any latent are drawn again. The radius is the median distance to the
 * neighbour of rank `neighbors`. Loss: mean binary cross-entropy; w(z) = sigmoid(network(z)).
 *
 * @param latents Rows of shape [dims], finite, at least 2 that differ; above 4,000 a random 4,000 are taken.
 * @param settings See {@link BoundarySettings}. @param options.signal Stops training.
 * @returns The boundary, on the backend that is active, until its `dispose`.
 * Cost: `steps` passes of the network over 256 points; O(n^2 dims) for the radius.
 * @throws ShapeError, DomainError for bad latents or settings, before anything is computed, or latents that are all
 * equal. The reason of `signal`. Nothing is left on the device then.
 * Reference: Sun et al., GAGA, 2024 (arXiv 2410.12779), section 4.2: a discriminator of data and negative samples
 * warps the metric. There negatives are data plus noise in the space of the rows, here they are made among the latents,
 * and kept off the data.
 * @example
 * const boundary = await learnBoundary(latents);
 * const { paths } = await geodesic(chart, from, to, { warp: { boundary, strength: 4 } });
 */
export async function learnBoundary(
  latents: Rows,
  settings: BoundarySettings = {},
  options: { readonly signal?: AbortSignal } = {},
): Promise<DataBoundary> {
  const config = parseConfig(OP, schema, settings);
  checkLatents(latents, config);
  const [dims] = latents.rowShape;
  const rng = new Rng(config.seed);
  const [draws, weights, training] = [rng.fork(0), rng.fork(1), rng.fork(2)];
  const anchors =
    latents.count <= MOST_ANCHORS
      ? latents
      : takeRows(latents, draws.draw(latents.count, MOST_ANCHORS).drawn);
  const radius = await radiusOf(anchors, config);
  const points = await drawPoints(anchors, radius, draws, options.signal);
  const scaled = scalerOf(anchors);
  const layers = layersOf(dims, config);
  const parameters = createParameters(parameterSpecs('boundary', layers), weights);
  const logits = (batch: Tensor2D): Tensor2D =>
    runLayers('boundary', layers, parameters, scaled(batch)) as Tensor2D;
  const outside = (batch: Tensor2D): Tensor2D => tf.sigmoid(logits(batch));
  const measure = async (rows: Rows, batch: BatchOptions = {}): Promise<Float32Array> => {
    checkRows('DataBoundary.measure', 'latents', rows, [dims]);
    const plain = { rowShape: [dims], scaler: undefined };
    return await collectRows(plain, rows, 1, batch, (one) => outside(one as Tensor2D));
  };
  try {
    await train(points, logits, parameters, config, training.uint32(), options.signal);
    const found = await measure(points, options);
    const right = found.reduce((sum, p, i) => sum + Number(p > 0.5 === i >= points.near), 0);
    const accuracy = right / points.count;
    const dispose = (): void => disposeParameters(parameters);
    return { dims, radius, accuracy, outside, measure, dispose };
  } catch (error) {
    disposeParameters(parameters);
    throw error;
  }
}

function checkLatents(latents: Rows, { neighbors }: Settings): void {
  const arg = 'latents';
  if (latents.rowShape.length !== 1) {
    const got = `rows of rank ${latents.rowShape.length}`;
    throw new ShapeError({ op: OP, arg, expected: 'be rows of shape [dims]', got });
  }
  checkRows(OP, arg, latents);
  if (latents.count > neighbors) return;
  const expected = `have more rows than neighbors, ${neighbors}`;
  throw new ShapeError({ op: OP, arg, expected, got: String(latents.count) });
}

/** Median distance of a latent to its neighbour of the rank asked for. */
async function radiusOf(anchors: Rows, { neighbors }: Settings): Promise<number> {
  const nearest = await nearestDistances(anchors, anchors, neighbors, true);
  const radius = nearest.sort()[Math.floor(nearest.length / 2)];
  if (radius > 0) return radius;
  throw new DomainError({
    ...{ op: OP, arg: 'latents', expected: `differ from most of their ${neighbors} neighbours` },
    got: 'a median distance of 0',
    fix: 'Leave out copies of rows, or raise neighbors.',
  });
}

/** Distance of every query to its neighbour of rank k. */
async function nearestDistances(
  queries: Rows,
  points: Rows,
  k: number,
  excludeSelf = false,
): Promise<Float32Array> {
  const [dims] = points.rowShape;
  const found = tf.tidy(() => {
    const [a, b] = [queries, points].map(({ data, count }) => tf.tensor2d(data, [count, dims]));
    const { distances } = knn(a, queries === points ? a : b, k, { excludeSelf });
    return tf.slice(distances as Tensor2D, [0, k - 1], [-1, 1]);
  });
  const values = Float32Array.from(await found.data());
  found.dispose();
  return values;
}

/** Points to tell apart: those near the data first. */
interface Points extends Rows {
  readonly near: number;
}

async function drawPoints(
  anchors: Rows,
  radius: number,
  rng: Rng,
  signal: AbortSignal | undefined,
): Promise<Points> {
  const [dims] = anchors.rowShape;
  const each = Math.max(FEWEST_POINTS, anchors.count);
  const box = boxOf(anchors);
  const at = (row: number, k: number): number => anchors.data[row * dims + k];
  const near = Array.from({ length: each }, (_, i) =>
    Array.from(
      { length: dims },
      (_v, k) => at(i % anchors.count, k) + (radius / 4) * (rng.normal() / Math.sqrt(dims)),
    ),
  );
  const pushed = (): number[] => {
    const direction = Array.from({ length: dims }, () => rng.normal());
    const far = NEAREST_PUSH + (FARTHEST_PUSH - NEAREST_PUSH) * rng.uniform();
    const length = (radius * far) / Math.hypot(...direction);
    const row = rng.int(anchors.count);
    return direction.map((value, k) => at(row, k) + length * value);
  };
  const anywhere = (): number[] => box.map(([low, high]) => low + (high - low) * rng.uniform());
  const off: number[][] = [];
  // Half of each kind: the box of many dimensions has hardly a point near the data.
  for (const draw of [pushed, anywhere]) {
    const wanted = off.length + Math.floor(each / 2);
    for (let round = 0; round < ROUNDS && off.length < wanted; round++) {
      signal?.throwIfAborted();
      const drawn = Array.from({ length: wanted - off.length }, draw);
      const rows = rowsOf(drawn, dims);
      const distances = await nearestDistances(rows, anchors, 1);
      off.push(...drawn.filter((_, i) => distances[i] > radius));
    }
  }
  return { ...rowsOf([...near, ...off], dims), near: near.length };
}

const rowsOf = (values: readonly number[][], dims: number): Rows => ({
  data: Float32Array.from(values.flat()),
  count: values.length,
  rowShape: [dims],
});

/** Lowest and highest value along each axis, and a margin. */
function boxOf({ data, count, rowShape: [dims] }: Rows): [number, number][] {
  return Array.from({ length: dims }, (_, k) => {
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < count; i++) {
      low = Math.min(low, data[i * dims + k]);
      high = Math.max(high, data[i * dims + k]);
    }
    const margin = MARGIN * (high - low);
    return [low - margin, high + margin];
  });
}

/** Standard deviation with which latents enter the network: its units bend within a quarter of theirs. */
const INPUT_DEVIATION = 4;

/** Centred and by one factor for all axes, so that distances keep their ratios. */
function scalerOf({ data, count, rowShape: [dims] }: Rows): (latents: Tensor2D) => Tensor2D {
  const mean = new Float32Array(dims);
  data.forEach((value, i) => (mean[i % dims] += value / count));
  const squares = data.reduce((sum, value, i) => sum + (value - mean[i % dims]) ** 2, 0);
  const factor = INPUT_DEVIATION / Math.sqrt(squares / data.length);
  return (latents) => tf.mul(tf.sub(latents, tf.tensor1d(mean)), factor);
}

function layersOf(dims: number, { hidden }: Settings): Layer[] {
  const sizes = [dims, ...hidden];
  const last = sizes[sizes.length - 1];
  return [
    ...hidden.map((out, i): Layer => ({ kind: 'dense', in: sizes[i], out, then: 'tanh' })),
    { kind: 'dense', in: last, out: 1, then: 'linear' },
  ];
}

async function train(
  points: Points,
  logits: (batch: Tensor2D) => Tensor2D,
  parameters: Parameters,
  { steps, learningRate }: Settings,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const batches = Math.ceil(points.count / BATCH_SIZE);
  await trainLoop({
    rows: points.count,
    batchSize: BATCH_SIZE,
    seed,
    signal,
    stages: [
      {
        name: 'boundary',
        epochs: Math.ceil(steps / batches),
        decay: 'cosine',
        groups: [{ variables: Object.values(parameters), learningRate }],
        loss: ({ indices }) => {
          const { data, count, rowShape } = takeRows(points, indices);
          const batch = tf.tensor2d(data, [count, rowShape[0]]);
          const sides = Float32Array.from(indices, (row) => Number(row >= points.near));
          const total = binaryCrossEntropy(logits(batch), tf.tensor2d(sides, [count, 1]));
          return { total, parts: { crossEntropy: total } };
        },
      },
    ],
  });
}
