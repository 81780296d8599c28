import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, TensorLike } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { SLAB_ELEMENTS } from '../numerics.js';
import { checkRowTensor } from '../ops/checks.js';
import { dispatch } from '../ops/dispatch.js';
import { prepareMetric } from '../ops/metricRows.js';
import type { MetricOptions, PreparedMetric } from '../ops/metricRows.js';
import type { PairSide } from '../ops/pairs.js';
import { composedPairwise, pairwiseDistance } from '../ops/pairwiseDistance.js';
import { resolveMetric } from '../specs/metric.js';
import { isSimilarity } from '../specs/metricForm.js';
import { pairwiseDistanceSpec } from '../specs/pairwiseDistance.js';
import { formatShape } from '../util/shape.js';

/** Points whose distances are computed on the device, in blocks of rows. */
export interface PointDistances extends MetricOptions {
  /** Rows [n, d], float32. */
  readonly points: Tensor | TensorLike;
  readonly distances?: undefined;
}

/** Distances that the caller has or computes, for instance at another precision. */
export interface GivenDistances {
  /** Row u holds the distances of node u to all n nodes; a matrix, or a function of u. */
  readonly distances: readonly ArrayLike<number>[] | ((node: number) => ArrayLike<number>);
  /** Number of nodes n; needed with a function. */
  readonly nodes?: number;
  readonly points?: undefined;
}

/** Where the distances of an embedding come from. */
export type EmbeddedDistances = PointDistances | GivenDistances;

/** How a long run is watched and stopped. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Called with the nodes done and all nodes to do. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Distances of one node to all. */
export interface DistanceRow {
  readonly node: number;
  readonly distances: ArrayLike<number>;
}

/** An embedding, ready to give rows. */
export interface OpenDistances {
  readonly nodes: number;
  /** 1, or -1 where larger values are nearer. */
  readonly sign: 1 | -1;
  /** Rows of the given nodes, in that order. */
  readonly rows: (wanted: Int32Array, run: RunOptions) => AsyncGenerator<DistanceRow>;
}

/**
 * Check the source of distances.
 * @throws ShapeError, DtypeError, DomainError as pairwiseDistance, or for a matrix that is not square.
 */
export function openDistances(op: string, input: EmbeddedDistances): OpenDistances {
  return input.points === undefined ? openGiven(op, input) : openPoints(op, input);
}

function openGiven(op: string, { distances, nodes }: GivenDistances): OpenDistances {
  const isFunction = typeof distances === 'function';
  const n = isFunction ? nodes : distances.length;
  if (n === undefined || !(Number.isInteger(n) && n >= 1)) {
    throw new DomainError({
      op,
      arg: isFunction ? 'nodes' : 'distances',
      expected: isFunction ? 'be an integer >= 1, given with a function' : 'have a row',
      got: String(n),
    });
  }
  const rowOf = isFunction ? distances : (node: number): ArrayLike<number> => distances[node];
  async function* rows(wanted: Int32Array, run: RunOptions): AsyncGenerator<DistanceRow> {
    for (let i = 0; i < wanted.length; i++) {
      // Now and then the event loop gets its turn, so that a signal can arrive.
      if (i % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      run.signal?.throwIfAborted();
      const own = rowOf(wanted[i]);
      if (own.length !== n) {
        throw new ShapeError({
          op,
          arg: 'distances',
          expected: `have ${n} values in every row`,
          got: `${own.length} in row ${wanted[i]}`,
        });
      }
      yield { node: wanted[i], distances: own };
      run.onProgress?.(i + 1, wanted.length);
    }
  }
  return { nodes: n, sign: 1, rows };
}

function openPoints(op: string, input: PointDistances): OpenDistances {
  const { points } = input;
  // One row against itself: names of metrics, their parameters and features are checked by the op.
  const shape = tf.tidy(() => {
    const tensor = checkRowTensor(op, 'points', points);
    if (tensor.rank !== 2 || tensor.shape[0] === 0) {
      throw new ShapeError({
        op,
        arg: 'points',
        expected: 'have shape [n, d], n >= 1',
        got: `shape ${formatShape(tensor.shape)}`,
      });
    }
    pairwiseDistance(tensor.slice([0, 0], [1, -1]), undefined, metricOf(input));
    return tensor.shape as [number, number];
  });
  const { metric = 'euclidean' } = input;
  const nearerIsLarger =
    typeof metric === 'object'
      ? isSimilarity(metric.form)
      : resolveMetric(op, metric) === 'innerProduct';
  return {
    nodes: shape[0],
    sign: nearerIsLarger ? -1 : 1,
    rows: (wanted, run) => pointRows(op, input, shape[0], wanted, run),
  };
}

/** The metric's own options; those that are absent stay absent. */
function metricOf({ metric, p, c, VI, V, origin }: PointDistances): MetricOptions {
  return {
    ...(metric === undefined ? {} : { metric }),
    ...(p === undefined ? {} : { p }),
    ...(c === undefined ? {} : { c }),
    ...(VI === undefined ? {} : { VI }),
    ...(V === undefined ? {} : { V }),
    ...(origin === undefined ? {} : { origin }),
  };
}

/** Elements of a block of distances: 64 MiB, half of the smallest limit of a device that we met. */
const BLOCK_ELEMENTS = 4 * SLAB_ELEMENTS;

async function* pointRows(
  op: string,
  input: PointDistances,
  n: number,
  wanted: Int32Array,
  run: RunOptions,
): AsyncGenerator<DistanceRow> {
  const sides = preparedSides(op, input);
  const blockRows = Math.max(1, Math.floor(BLOCK_ELEMENTS / n));
  try {
    for (let start = 0; start < wanted.length; start += blockRows) {
      run.signal?.throwIfAborted();
      const block = wanted.subarray(start, start + blockRows);
      const distances = blockDistances(sides, block);
      let values: Float32Array;
      try {
        values = await distances.data<'float32'>();
      } finally {
        distances.dispose();
      }
      for (let i = 0; i < block.length; i++) {
        yield { node: block[i], distances: values.subarray(i * n, (i + 1) * n) };
      }
      run.onProgress?.(Math.min(start + blockRows, wanted.length), wanted.length);
    }
  } finally {
    tf.dispose(tensorsOf(sides));
  }
}

/** All points as both sides of the metric's form, made once: for some metrics that costs more than a block. */
interface Sides {
  readonly metric: PreparedMetric;
  readonly from: PairSide;
  readonly to: PairSide;
}

function tensorsOf({ from, to }: Sides): Tensor[] {
  return [from.rows, from.aux, to.rows, to.aux].filter((tensor) => tensor !== undefined);
}

function preparedSides(op: string, input: PointDistances): Sides {
  return tidied(() => {
    const points = checkRowTensor(op, 'points', input.points);
    const [n, d] = points.shape as [number, number];
    const rows = points.reshape<Tensor3D>([1, n, d]);
    const metric = prepareMetric(op, metricOf(input), d);
    const [from, to] = metric.rows(rows, rows);
    const kept = ({ rows: own, aux }: PairSide): PairSide => ({
      rows: tf.keep(own.clone()),
      aux: aux === undefined ? undefined : tf.keep(aux.clone()),
    });
    return { metric, from: kept(from), to: kept(to) };
  });
}

/** tf.tidy for results of our own types, whose tensors are kept. */
function tidied<T>(body: () => T): T {
  tf.engine().startScope();
  try {
    return body();
  } finally {
    tf.engine().endScope();
  }
}

/** The kernel of pairwiseDistance for some of the rows. */
function blockDistances({ metric, from, to }: Sides, block: Int32Array): Tensor {
  return tf.tidy(() => {
    const index = tf.tensor1d(block, 'int32');
    const x = {
      rows: tf.gather(from.rows, index, 1),
      aux: from.aux === undefined ? undefined : tf.gather(from.aux, index, 1),
    };
    const attrs = { form: metric.form, mode: 'exact' } as const;
    const inputs = { x: x.rows, y: to.rows, xAux: x.aux, yAux: to.aux };
    const [distances] = dispatch(pairwiseDistanceSpec, inputs, attrs, () => [
      composedPairwise(x, to, attrs),
    ]);
    return metric.post === undefined ? distances : metric.post(distances);
  });
}

/** @throws DomainError for a distance that is NaN: it has no place in an order. */
export function notANumber(op: string, node: number, other: number): DomainError {
  return new DomainError({
    op,
    arg: 'distances',
    expected: 'be numbers between all nodes',
    got: `NaN between nodes ${node} and ${other}`,
    fix: 'Points with NaN, and points outside the ball of a Poincaré metric, have no distances.',
  });
}
