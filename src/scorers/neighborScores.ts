import { z } from 'zod';
import { DomainError } from '../errors.js';
import { knn as nearest } from '../ops/knn.js';
import type { Rows } from '../util/rows.js';
import { forBlocks, mapBlocks, mapRows } from './blocks.js';
import type { Fitted } from './fitted.js';
import { float32Array, float64Array } from './fitted.js';
import { count, defineScorer } from './scorer.js';

/** Metrics of features; all are distances. */
const METRICS = ['euclidean', 'sqeuclidean', 'cityblock', 'chebyshev', 'cosine'] as const;
const metric = z.enum(METRICS, { error: `be one of ${METRICS.join(', ')}` });

/** @throws DomainError when there are fewer than k neighbours to find. */
export function checkK(op: string, k: number, most: number, what: string): void {
  if (k <= most) return;
  const fix = 'Lower k or give more rows.';
  throw new DomainError({
    op,
    arg: 'k',
    expected: `be at most ${what}, ${most}`,
    got: `${k}`,
    fix,
  });
}

/** Rows of length 1, computed in float64; a zero row stays zero. */
export function unitRows(rows: Rows): Rows {
  return mapRows(rows, (row, out) => {
    const length = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    for (let j = 0; j < row.length; j++) out[j] = length === 0 ? 0 : row[j] / length;
  });
}

function bankArray({ data, count: n, rowShape }: Rows): ReturnType<typeof float32Array> {
  return float32Array(data, [n, rowShape[0]]);
}

/**
 * Distance to the k-th nearest row of the bank (deep nearest neighbours), exact. Needs features.
 * @param options.k Default 50. @param options.normalize Scale rows to length 1 first, as the paper does;
 * a zero row stays zero. Default true. @param options.metric Default 'euclidean'.
 * @param options.reduce 'kth' (default) or 'mean' of the k distances.
 * Ranks are those of the squared distance that some implementations return. Rows of the bank score
 * themselves as a neighbour at distance 0.
 * Numerics: exact distances, equal bits on all backends. Cost: O(rows * bank * d) on the device.
 * @throws DomainError when k is larger than the bank.
 * Reference: Sun, Ming, Zhu, Li, Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022,
 * section 3.
 */
export const knn = defineScorer({
  name: 'knn',
  fitNeeds: ['features'],
  scoreNeeds: ['features'],
  options: z.strictObject({
    k: count.default(50),
    normalize: z.boolean({ error: 'be true or false' }).default(true),
    metric: metric.default('euclidean'),
    reduce: z.enum(['kth', 'mean'], { error: 'be one of kth, mean' }).default('kth'),
  }),
  arrays: { bank: { dtype: 'float32', shape: ['n', 'd'] } },
  fit: (op, { features }, { k, normalize }) => {
    checkK(op, k, features.count, 'the number of rows in the bank');
    return { bank: bankArray(normalize ? unitRows(features) : features) };
  },
  score: async ({ features }, fitted, options) => {
    const { k, normalize, reduce } = options;
    const rows = normalize ? unitRows(features) : features;
    const distances = await mapBlocks(
      rows,
      k,
      k,
      (block) =>
        nearest(block, fitted.tensor('bank'), k, { metric: options.metric, resident: true })
          .distances,
    );
    return Float64Array.from({ length: rows.count }, (_, i) => {
      if (reduce === 'kth') return distances[(i + 1) * k - 1];
      return distances.subarray(i * k, (i + 1) * k).reduce((a, b) => a + b, 0) / k;
    });
  },
});

interface Nearest {
  readonly distances: Float32Array;
  readonly indices: Int32Array;
}

async function neighborsOf(
  rows: Rows,
  fitted: Fitted,
  k: number,
  excludeSelf: boolean,
): Promise<Nearest> {
  const distances = new Float32Array(rows.count * k);
  const indices = new Int32Array(rows.count * k);
  await forBlocks(
    rows,
    k,
    (block, start) => {
      const found = nearest(block, fitted.tensor('bank'), k, {
        resident: true,
        ...(excludeSelf && { excludeSelf: { offset: start } }),
      });
      return [found.distances, found.indices];
    },
    ([d, i], start) => {
      distances.set(d, start * k);
      indices.set(i, start * k);
    },
  );
  return { distances, indices };
}

/** Mean over the k neighbours o of max(k-distance of o, distance to o). */
function reachability(
  { distances, indices }: Nearest,
  kDistance: Float64Array,
  k: number,
): Float64Array {
  return Float64Array.from({ length: distances.length / k }, (_, i) => {
    let sum = 0;
    for (let s = i * k; s < (i + 1) * k; s++) sum += Math.max(kDistance[indices[s]], distances[s]);
    return sum / k;
  });
}

/**
 * Local outlier factor: how much farther a row is from its k nearest rows of the bank than these are from
 * theirs; about 1 inside a cluster. Needs features.
 *
 * With reach(x) the mean over the k neighbours o of max(k-distance of o, |x - o|), LOF(x) = mean over o of
 * reach(x) / reach(o). 0 / 0 is 1 and a / 0 is Infinity: a row off a pile of more than k equal rows.
 * Exactly k neighbours count, ties to the lower index.
 * @param options.k Default 20, at most the bank size - 1.
 * Numerics: exact distances, ratios in float64. Cost: O(bank^2 d) to fit, O(rows * bank * d) to score.
 * @throws DomainError when k is too large.
 * Reference: Breunig, Kriegel, Ng, Sander, LOF: Identifying Density-Based Local Outliers, SIGMOD 2000,
 * definitions 5 to 7.
 */
export const lof = defineScorer({
  name: 'lof',
  fitNeeds: ['features'],
  scoreNeeds: ['features'],
  options: z.strictObject({ k: count.default(20) }),
  arrays: {
    bank: { dtype: 'float32', shape: ['n', 'd'] },
    kDistance: { dtype: 'float64', shape: ['n'] },
    reach: { dtype: 'float64', shape: ['n'] },
  },
  fit: async (op, { features }, { k }, hold) => {
    const n = features.count;
    checkK(op, k, n - 1, 'the number of other rows in the bank');
    const bank = { bank: bankArray(features) };
    const own = await neighborsOf(features, hold(bank), k, true);
    const kDistance = Float64Array.from({ length: n }, (_, i) => own.distances[(i + 1) * k - 1]);
    const reach = reachability(own, kDistance, k);
    return { ...bank, kDistance: float64Array(kDistance, [n]), reach: float64Array(reach, [n]) };
  },
  score: async ({ features }, fitted, { k }) => {
    const found = await neighborsOf(features, fitted, k, false);
    const [kDistance, reach] = [fitted.float64('kDistance'), fitted.float64('reach')];
    return reachability(found, kDistance, k).map((own, i) => {
      let sum = 0;
      for (let s = i * k; s < (i + 1) * k; s++) {
        const other = reach[found.indices[s]];
        sum += own === other ? 1 : own / other;
      }
      return sum / k;
    });
  },
});
