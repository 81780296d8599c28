import { DomainError } from '../errors.js';
import { Rng } from '../util/rng.js';
import { openDistances } from './distanceRows.js';
import type { EmbeddedDistances, OpenDistances, RunOptions } from './distanceRows.js';

const OP = 'gromovDelta';

/** Points up to which all base points are tried when nothing is said: some 10^8 steps. */
const ALL_BASES = 100;

export type GromovInput = EmbeddedDistances &
  RunOptions & {
    /**
     * 'all': the four-point delta, exactly. A point: only quadruples with it, O(n^3) instead of O(n^4).
     * Default: 'all' up to 100 points, the first of the sample above.
     */
    readonly base?: number | 'all';
    /** Points to draw when there are more. Default 1000. */
    readonly sampleSize?: number;
    /** Seed of the draw. Default 0. */
    readonly seed?: number;
  };

/** How tree-like distances are. */
export interface GromovDelta {
  /** The delta, >= 0; 0 for distances of a tree. */
  readonly delta: number;
  /** 2 delta / diameter, in [0, 1] for distances that obey the triangle inequality; 0 for a tree. */
  readonly relative: number;
  /** Largest distance among the points used. */
  readonly diameter: number;
  /** Points used: all, or those drawn. */
  readonly points: number;
  /** The base point, or 'all'. */
  readonly base: number | 'all';
  /** Whether delta is that of all points and bases, and not a lower bound of it. */
  readonly exact: boolean;
}

/**
 * Gromov's delta: how far distances are from those of a tree.
 *
 * With Gromov products (x|y)_w = (d(x, w) + d(y, w) - d(x, y)) / 2, delta_w is the least value for which
 * (x|y)_w >= min((x|z)_w, (z|y)_w) - delta_w for all x, y, z: the largest entry of G ⊗ G - G, where G is
 * the matrix of products and ⊗ the product of matrices with max for sum and min for times. The four-point
 * delta is the largest delta_w over all w, and delta_w <= delta <= 2 delta_w for every w. relative is
 * 2 delta / diameter. A sample of points gives a lower bound.
 *
 * @param input.points Rows [n, d] with the options of pairwiseDistance, or `distances`, symmetric.
 * @param input.base 'all' or a point. @param input.sampleSize Default 1000. @param input.seed Default 0.
 * @returns delta, relative delta and diameter, low = like a tree; and what they were computed from.
 * Cost: O(n^3) time for one base, O(n^4) for all, O(n^2) memory, n at most sampleSize; on the host.
 * @throws ShapeError, DtypeError, DomainError for bad points or metric; DomainError for a base or sample
 * size out of range, a similarity, or a distance that is not finite. The reason of `signal`.
 * Reference: Gromov, Hyperbolic groups, 1987; the max-min product: Fournier, Ismail, Vigneron, Computing the
 * Gromov hyperbolicity of a discrete metric space, 2015; relative delta and sampling: Khrulkov et al.,
 * Hyperbolic image embeddings, 2020, section 3.2.
 * @example
 * const square = [[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]];
 * await gromovDelta({ distances: square }); // delta 1, relative 1: a ring of four
 */
export async function gromovDelta(input: GromovInput): Promise<GromovDelta> {
  const source = openDistances(OP, input);
  const { sampleSize = 1000, seed = 0 } = input;
  checkOptions(input, source, sampleSize);
  const used = chosen(source.nodes, sampleSize, seed, input.base);
  const n = used.length;
  const matrix = await matrixOf(source, used, input);
  const base = input.base ?? (n <= ALL_BASES ? 'all' : used[0]);
  const bases = base === 'all' ? used.map((_, i) => i) : Int32Array.of(used.indexOf(base));
  const products = new Float64Array(n * n);
  let delta = 0;
  for (const at of bases) {
    input.signal?.throwIfAborted();
    delta = Math.max(delta, deltaAt(matrix, n, at, products));
    if (bases.length > 1) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const diameter = matrix.reduce((most, value) => Math.max(most, value), 0);
  const relative = diameter > 0 ? (2 * delta) / diameter : 0;
  const exact = base === 'all' && n === source.nodes;
  return { delta, relative, diameter, points: n, base, exact };
}

function checkOptions(input: GromovInput, source: OpenDistances, sampleSize: number): void {
  if (source.sign < 0) {
    const got = 'a similarity';
    throw new DomainError({ op: OP, arg: 'metric', expected: 'be a distance', got });
  }
  if (!(Number.isInteger(sampleSize) && sampleSize >= 1)) {
    const got = String(sampleSize);
    throw new DomainError({ op: OP, arg: 'sampleSize', expected: 'be an integer >= 1', got });
  }
  const { base } = input;
  if (base === undefined || base === 'all') return;
  if (Number.isInteger(base) && base >= 0 && base < source.nodes) return;
  const expected = `be 'all' or a point, 0 to ${source.nodes - 1}`;
  throw new DomainError({ op: OP, arg: 'base', expected, got: String(base) });
}

/** Points to use, ascending; a base that was asked for is among them. */
function chosen(nodes: number, size: number, seed: number, base: GromovInput['base']): Int32Array {
  if (nodes <= size) return Int32Array.from({ length: nodes }, (_, i) => i);
  const { drawn } = new Rng(seed).draw(nodes, size);
  if (typeof base !== 'number' || drawn.includes(base)) return drawn;
  drawn[0] = base;
  return drawn.sort();
}

async function matrixOf(
  source: OpenDistances,
  used: Int32Array,
  run: RunOptions,
): Promise<Float64Array> {
  const n = used.length;
  const matrix = new Float64Array(n * n);
  let row = 0;
  for await (const { node, distances } of source.rows(used, run)) {
    for (let j = 0; j < n; j++) {
      const value = distances[used[j]];
      if (!Number.isFinite(value)) {
        const got = `${value} between nodes ${node} and ${used[j]}`;
        throw new DomainError({ op: OP, arg: 'distances', expected: 'be finite', got });
      }
      // A metric may leave rounding between a point and itself.
      matrix[row * n + j] = j === row ? 0 : value;
    }
    row++;
  }
  return matrix;
}

/** The delta of one base point; `products` is room for n x n values. */
function deltaAt(d: Float64Array, n: number, base: number, products: Float64Array): number {
  for (let i = 0; i < n; i++) {
    const own = d[i * n + base];
    for (let j = 0; j < n; j++) {
      products[i * n + j] = (own + d[base * n + j] - d[i * n + j]) / 2;
    }
  }
  let delta = 0;
  for (let i = 0; i < n; i++) {
    const a = products.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < i; j++) {
      const b = products.subarray(j * n, (j + 1) * n);
      // What this pair must exceed to count.
      let best = a[j] + delta;
      for (let k = 0; k < n; k++) {
        const smaller = a[k] < b[k] ? a[k] : b[k];
        if (smaller > best) best = smaller;
      }
      delta = best - a[j];
    }
  }
  return delta;
}
