import { DomainError } from '../errors.js';
import { Rng } from '../util/rng.js';
import type { Rows } from '../util/rows.js';
import { logSumExp } from '../util/softmax.js';
import { scatter, whiten, whitenedSquares } from './statistics.js';
import type { Whitening } from './statistics.js';

/** A normal distribution with its share of a mixture. */
export interface Component {
  readonly weight: number;
  readonly mean: Float64Array;
  /** Shrunk, d x d. */
  readonly covariance: Float64Array;
  readonly whitening: Whitening;
}

/** (1 - s) S + s v I with its whitening. @throws DomainError when that is singular. */
export function makeComponent(
  op: string,
  what: string,
  weight: number,
  mean: Float64Array,
  raw: Float64Array,
  { shrinkage, variance }: Shrink,
): Component {
  const d = mean.length;
  const whitening = whiten(op, what, raw, d, shrinkage, variance);
  if (whitening.rank < d) {
    const expected = `vary in all directions ${what}`;
    const got = `a covariance of rank ${whitening.rank} of ${d}`;
    throw new DomainError({ op, arg: 'features', expected, got, fix: 'Raise shrinkage.' });
  }
  const covariance = raw.map((v, s) => {
    const isDiagonal = Math.floor(s / d) === s % d;
    return (1 - shrinkage) * v + (isDiagonal ? shrinkage * variance : 0);
  });
  return { weight, mean, covariance, whitening };
}

/** How covariances are shrunk: share, and the variance that they are shrunk to. */
export interface Shrink {
  readonly shrinkage: number;
  readonly variance: number;
}

/** log(weight) - (d log(2 pi) + log det S) / 2: what is added to -1/2 of the squared distance. */
export function logFactor({ weight, mean, whitening }: Component): number {
  const d = mean.length;
  return Math.log(weight) - (d * Math.log(2 * Math.PI) + whitening.logDeterminant) / 2;
}

export interface EmOptions {
  readonly components: number;
  readonly iterations: number;
  readonly tolerance: number;
  readonly restarts: number;
  readonly seed: number;
}

export interface Mixture {
  readonly components: readonly Component[];
  /** Mean log-likelihood of a row before each step, and at the end. */
  readonly history: readonly number[];
}

/** The mixture of the restart that ends with the greatest likelihood. */
export function fitMixture(op: string, rows: Rows, shrink: Shrink, options: EmOptions): Mixture {
  const rng = new Rng(options.seed);
  let best: Mixture | undefined;
  for (let run = 0; run < options.restarts; run++) {
    const next = oneRun(op, rows, shrink, options, rng.fork(run));
    if (best === undefined || last(next) > last(best)) best = next;
  }
  if (best === undefined) throw new Error('no restarts');
  return best;
}

function last({ history }: Mixture): number {
  return history[history.length - 1];
}

function oneRun(op: string, rows: Rows, shrink: Shrink, options: EmOptions, rng: Rng): Mixture {
  const { components: k, iterations, tolerance } = options;
  let shares = seedShares(rows, k, rng);
  let components: Component[] = [];
  const history: number[] = [];
  for (let step = 0; step <= iterations; step++) {
    components = maximize(op, rows, shares, k, shrink, components);
    const found = expect(rows, components);
    shares = found.shares;
    const before = history.at(-1) ?? -Infinity;
    history.push(found.likelihood);
    if (found.likelihood - before <= tolerance) break;
  }
  return { components, history };
}

/** Rows to the nearest of k centres that are drawn far from each other (k-means++). */
function seedShares(rows: Rows, k: number, rng: Rng): Float64Array {
  const [n, d] = [rows.count, rows.rowShape[0]];
  const nearest = new Float64Array(n).fill(Infinity);
  const owner = new Int32Array(n);
  for (let c = 0; c < k; c++) {
    const center = c === 0 ? rng.int(n) : drawBy(nearest, rng);
    for (let i = 0; i < n; i++) {
      let squares = 0;
      for (let j = 0; j < d; j++)
        squares += (rows.data[i * d + j] - rows.data[center * d + j]) ** 2;
      if (squares >= nearest[i]) continue;
      nearest[i] = squares;
      owner[i] = c;
    }
  }
  const shares = new Float64Array(n * k);
  owner.forEach((c, i) => (shares[i * k + c] = 1));
  return shares;
}

/** An index drawn with the given weights; any when all are 0. */
function drawBy(weights: Float64Array, rng: Rng): number {
  const total = weights.reduce((a, b) => a + b, 0);
  if (!(total > 0)) return rng.int(weights.length);
  let left = rng.uniform() * total;
  let lastPositive = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    left -= weights[i];
    lastPositive = i;
    if (left < 0) break;
  }
  return lastPositive;
}

/** Below this share of one row a component has nothing to be measured by, and stays as it was. */
const LEAST_ROWS = 1e-9;

function maximize(
  op: string,
  rows: Rows,
  shares: Float64Array,
  k: number,
  shrink: Shrink,
  before: readonly Component[],
): Component[] {
  const [n, d] = [rows.count, rows.rowShape[0]];
  return Array.from({ length: k }, (_, c) => {
    const share = (i: number): number => shares[i * k + c];
    let total = 0;
    const mean = new Float64Array(d);
    for (let i = 0; i < n; i++) {
      const w = share(i);
      total += w;
      for (let j = 0; j < d; j++) mean[j] += w * rows.data[i * d + j];
    }
    const isEmpty = total < LEAST_ROWS;
    if (isEmpty && c < before.length) return { ...before[c], weight: 0 };
    // No row is nearest to a centre that another one equals: it starts without weight.
    const divisor = isEmpty ? 1 : total;
    for (let j = 0; j < d; j++) mean[j] /= divisor;
    const covariance = scatter(rows, () => mean, share).map((v) => v / divisor);
    return makeComponent(op, `in component ${c}`, total / n, mean, covariance, shrink);
  });
}

function expect(
  rows: Rows,
  components: readonly Component[],
): { shares: Float64Array; likelihood: number } {
  const [n, k] = [rows.count, components.length];
  const shares = new Float64Array(n * k);
  components.forEach((component, c) => {
    const factor = logFactor(component);
    whitenedSquares(rows, component.mean, component.whitening).forEach((square, i) => {
      shares[i * k + c] = factor - square / 2;
    });
  });
  let likelihood = 0;
  for (let i = 0; i < n; i++) {
    const total = logSumExp(shares, i * k, k);
    likelihood += total / n;
    for (let c = 0; c < k; c++) shares[i * k + c] = Math.exp(shares[i * k + c] - total);
  }
  return { shares, likelihood };
}
