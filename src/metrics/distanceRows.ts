import * as tf from '@tensorflow/tfjs';
import type { Tensor, TensorLike } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { SLAB_ELEMENTS } from '../numerics.js';
import { checkRowTensor } from '../ops/checks.js';
import type { MetricOptions } from '../ops/metricRows.js';
import { pairwiseDistance } from '../ops/pairwiseDistance.js';
import { resolveMetric } from '../specs/metric.js';
import { isSimilarity } from '../specs/metricForm.js';
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
    rows: (wanted, run) => pointRows(input, shape[0], wanted, run),
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

async function* pointRows(
  input: PointDistances,
  n: number,
  wanted: Int32Array,
  run: RunOptions,
): AsyncGenerator<DistanceRow> {
  const options = metricOf(input);
  const own = input.points instanceof tf.Tensor ? undefined : tf.tensor(input.points);
  const points = own ?? (input.points as Tensor);
  const blockRows = Math.max(1, Math.floor(SLAB_ELEMENTS / n));
  try {
    for (let start = 0; start < wanted.length; start += blockRows) {
      run.signal?.throwIfAborted();
      const block = wanted.subarray(start, start + blockRows);
      const distances = tf.tidy(() => {
        const rows = tf.gather(points, tf.tensor1d(block, 'int32'));
        return pairwiseDistance(rows, points, options);
      });
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
    own?.dispose();
  }
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
