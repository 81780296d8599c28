import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { DomainError, UnsupportedError } from '../../errors.js';
import { cholesky } from '../../util/cholesky.js';
import { Rng } from '../../util/rng.js';
import { checkRows, takeRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { collectRows } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import type { LatentChart } from './chart.js';

/** The metric that a decoder brings from the rows to the latents. */
export interface PullbackMetric {
  /** G = J^T J of every latent, rows of shape [dims, dims]. */
  readonly metric: Rows;
  /** sqrt(det G) of every latent: area of rows per area of latents; 0 where G is singular. */
  readonly volume: Float64Array;
}

/**
 * Pull-back metric of a decoder: G(z) = J(z)^T J(z), J the derivative of the decoder. A small step v of a latent
 * moves its row by sqrt(v^T G v).
 *
 * @param chart A model's `chart()`, or any map with its derivative. @param latents Rows of shape [dims], finite.
 * @returns G and its volume element, in the scale of the data.
 * Numerics: exact derivatives in float32; determinants in float64.
 * Cost: dims + 1 passes of the decoder, O(n dims^2) per latent.
 * @throws UnsupportedError for a chart without derivative; ShapeError, DomainError for bad latents. The reason of
 * `signal`.
 * Reference: Arvanitidis, Hansen, Hauberg, Latent space oddity, 2018, section 2.
 */
export async function pullbackMetric(
  chart: LatentChart,
  latents: Rows,
  options: BatchOptions = {},
): Promise<PullbackMetric> {
  const op = 'pullbackMetric';
  const { dims, push } = chart;
  if (push === undefined) {
    throw new UnsupportedError({
      op,
      arg: 'chart',
      expected: 'have a derivative',
      got: 'a decoder that is not a plain chain of layers',
    });
  }
  checkRows(op, 'latents', latents, [dims]);
  const entry = { rowShape: [dims], scaler: undefined };
  const data = await collectRows(entry, latents, dims * dims, options, (batch) => {
    const forward = push(batch as Tensor2D);
    const columns = Array.from({ length: dims }, (_, k) => {
      const unit = Float32Array.from({ length: batch.size }, (_v, at) => Number(at % dims === k));
      return forward(tf.tensor2d(unit, batch.shape as [number, number]));
    });
    const jacobian = tf.stack(columns, 1);
    return tf.matMul(jacobian, jacobian, false, true);
  });
  const metric = { data, count: latents.count, rowShape: [dims, dims] };
  return { metric, volume: volumesOf(metric, dims) };
}

/** Product of the diagonal of the Cholesky factor. */
function volumesOf({ data, count }: Rows, dims: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const at = i * dims * dims;
    // Rounding leaves G symmetric to float32 only.
    const rows = Array.from({ length: dims }, (_r, a) =>
      Array.from(
        { length: dims },
        (_c, b) => (data[at + a * dims + b] + data[at + b * dims + a]) / 2,
      ),
    );
    const factor = cholesky(rows);
    return factor === undefined ? 0 : factor.reduce((product, row, a) => product * row[a], 1);
  });
}

/**
 * Latents whose rows are uniform by volume: drawn from candidates with probabilities proportional to sqrt(det G).
 *
 * @param chart As in {@link pullbackMetric}. @param candidates Latents that are uniform on the region to sample,
 * many more than `count`. @param count Latents to draw, with replacement. @param options.seed Default 1.
 * @returns Rows of shape [dims].
 * @throws DomainError for a count that is no integer >= 1, or candidates without any volume; and as
 * {@link pullbackMetric}.
 * Reference: Sun et al., GAGA, 2024 (arXiv 2410.12779), section 4.4.
 */
export async function sampleByVolume(
  chart: LatentChart,
  candidates: Rows,
  count: number,
  { seed = 1, ...options }: BatchOptions & { readonly seed?: number } = {},
): Promise<Rows> {
  const op = 'sampleByVolume';
  if (!(Number.isInteger(count) && count >= 1)) {
    const expected = 'be an integer >= 1';
    throw new DomainError({ op, arg: 'count', expected, got: String(count) });
  }
  const { volume } = await pullbackMetric(chart, candidates, options);
  const sums = new Float64Array(volume.length);
  volume.forEach((value, i) => (sums[i] = (sums[i - 1] ?? 0) + value));
  const total = sums[sums.length - 1];
  if (!(total > 0)) {
    const expected = 'have volume above 0 somewhere';
    throw new DomainError({ op, arg: 'candidates', expected, got: String(total) });
  }
  const rng = new Rng(seed);
  const drawn = Int32Array.from({ length: count }, () => firstAbove(sums, rng.uniform() * total));
  return takeRows(candidates, drawn);
}

/** Index of the first of ascending values that is above a bound. */
function firstAbove(values: Float64Array, bound: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}
