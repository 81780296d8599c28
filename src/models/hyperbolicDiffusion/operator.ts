import { DomainError, ShapeError } from '../../errors.js';
import { checkEdges } from '../../util/graph.js';
import type { EdgePairs } from '../../util/graph.js';
import type { Rows } from '../../util/rows.js';
import { symmetricEigen } from '../../util/symmetricEigen.js';
import { medianOfPairs, rowSums, scaleBoth, squaredDistances } from '../diffusionMap/kernel.js';

/** A diffusion operator P whose powers P^t = S^-1 V f(t) V^T S are at hand. */
export interface DiffusionOperator {
  readonly nodes: number;
  /** Row k is eigenvector k of the symmetric form. */
  readonly vectors: Float64Array;
  /** Eigenvalue k of P, >= 0. */
  readonly values: Float64Array;
  /** Diagonal of S; all 1 for a graph. */
  readonly balance: Float64Array;
}

/** Weighted graph, in either direction. */
export interface DiffusionGraph {
  /** Flat list of shape [e, 2]; edges that are named twice count once, with the weight named first. */
  readonly edges: EdgePairs;
  readonly nodes: number;
  /** One per edge, > 0. Default 1 each. */
  readonly weights?: ArrayLike<number>;
}

/** Heat kernel of a graph: P = exp(-L). */
export function graphOperator(
  op: string,
  graph: DiffusionGraph,
  laplacian: 'combinatorial' | 'normalized',
): DiffusionOperator {
  const n = graph.nodes;
  const matrix = adjacencyMatrix(op, graph);
  const degrees = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) degrees[i] += matrix[i * n + j];
  // A node without edges keeps all that it has: its row of L is 0.
  const roots = degrees.map((degree) => (degree > 0 ? 1 / Math.sqrt(degree) : 0));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const weight = matrix[i * n + j];
      matrix[i * n + j] = laplacian === 'normalized' ? -weight * (roots[i] * roots[j]) : -weight;
    }
    matrix[i * n + i] = laplacian === 'normalized' ? (degrees[i] > 0 ? 1 : 0) : degrees[i];
  }
  const { values, vectors } = symmetricEigen(matrix, n);
  return {
    nodes: n,
    vectors,
    values: values.map((value) => Math.exp(-value)),
    balance: new Float64Array(n).fill(1),
  };
}

function adjacencyMatrix(op: string, { edges, nodes: n, weights }: DiffusionGraph): Float64Array {
  checkEdges(op, edges, n);
  if (weights !== undefined && weights.length !== edges.length / 2) {
    const expected = `have one value per edge, ${edges.length / 2}`;
    throw new ShapeError({ op, arg: 'weights', expected, got: `${weights.length} values` });
  }
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < edges.length; i += 2) {
    const [u, v] = [edges[i], edges[i + 1]];
    const weight = weights?.[i / 2] ?? 1;
    if (!(weight > 0 && Number.isFinite(weight))) {
      const got = `${weight} for edge ${i / 2}`;
      throw new DomainError({ op, arg: 'weights', expected: 'be finite and above 0', got });
    }
    if (u === v || matrix[u * n + v] !== 0) continue;
    matrix[u * n + v] = weight;
    matrix[v * n + u] = weight;
  }
  return matrix;
}

/**
 * Diffusion among rows: W = exp(-|x - y|^2 / e), K = W / (w w^T) with w the sums of W, which takes out the
 * density of the rows, and P = K / (sums of K), whose rows add to 1. P is similar to the symmetric
 * K / sqrt(k k^T).
 */
export function rowsOperator(rows: Rows, bandwidth: number | 'auto'): DiffusionOperator {
  const n = rows.count;
  const squares = squaredDistances(rows);
  const width = bandwidth === 'auto' ? medianOfPairs(squares, n) : bandwidth;
  const kernel = squares.map((value) => Math.exp(-value / width));
  scaleBoth(
    kernel,
    rowSums(kernel, n).map((sum) => 1 / sum),
  );
  const sums = rowSums(kernel, n);
  scaleBoth(
    kernel,
    sums.map((sum) => 1 / Math.sqrt(sum)),
  );
  const { values, vectors } = symmetricEigen(kernel, n);
  return {
    nodes: n,
    vectors,
    values: withoutRounding(values),
    balance: sums.map(Math.sqrt),
  };
}

/**
 * Eigenvalues of a kernel without negative ones, where those that rounding alone may have made are 0: a
 * small power would raise 1e-17 to some hundredths.
 */
function withoutRounding(values: Float64Array): Float64Array {
  const least = values.length * Number.EPSILON * Math.max(0, values[values.length - 1]);
  return values.map((value) => (value > least ? value : 0));
}

/** The square roots of the entries of P^t, row by row. */
export function rootsOfPower(
  { nodes: n, vectors, values, balance }: DiffusionOperator,
  time: number,
): Float64Array {
  // Row i holds sqrt(value^t) times entry i of every eigenvector, so that P^t is a product of rows.
  const scaled = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const root = Math.sqrt(values[k] ** time);
    for (let i = 0; i < n; i++) scaled[i * n + k] = root * vectors[k * n + i];
  }
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const a = scaled.subarray(i * n, (i + 1) * n);
    for (let j = 0; j <= i; j++) {
      const b = scaled.subarray(j * n, (j + 1) * n);
      let sum = 0;
      for (let k = 0; k < n; k++) sum += a[k] * b[k];
      // Entries are probabilities: below 0 by rounding only.
      const product = Math.max(0, sum);
      out[i * n + j] = Math.sqrt((product * balance[j]) / balance[i]);
      out[j * n + i] = Math.sqrt((product * balance[i]) / balance[j]);
    }
  }
  return out;
}
