import { rowSize } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { symmetricEigen } from '../../util/symmetricEigen.js';
import { medianToNeighbor, rowSums, scaleBoth, squaredDistances } from './kernel.js';

/** Top eigenvectors of the diffusion among rows, and what extends them to other rows. */
export interface DiffusionCoordinates {
  /** e of the kernel. */
  readonly bandwidth: number;
  /** Eigenvalue of each coordinate, descending, without the 1 of the constant. */
  readonly eigenvalues: Float64Array;
  /** Eigenvectors psi_l of P [n, dims], row i for row i of x; mean square 1. */
  readonly vectors: Float64Array;
  /** q_j^-alpha, with q the sums of the kernel's rows. */
  readonly weights: Float64Array;
}

interface OperatorSettings {
  readonly dims: number;
  readonly alpha: number;
  readonly bandwidth: number | 'auto';
  readonly neighbors: number;
}

/** The row-stochastic P [n, n] and its right eigenvectors, from the symmetric form S P S^-1. */
export function diffusionCoordinates(
  x: Rows,
  { dims, alpha, bandwidth, neighbors }: OperatorSettings,
): DiffusionCoordinates & { readonly operator: Float64Array } {
  const n = x.count;
  const squares = squaredDistances(x);
  const width = bandwidth === 'auto' ? 2 * medianToNeighbor(squares, n, neighbors) : bandwidth;
  const kernel = squares.map((value) => Math.exp(-value / width));
  const weights = rowSums(kernel, n).map((sum) => sum ** -alpha);
  scaleBoth(kernel, weights);
  const sums = rowSums(kernel, n);
  const operator = kernel.map((value, at) => value / sums[Math.floor(at / n)]);
  const roots = sums.map(Math.sqrt);
  scaleBoth(
    kernel,
    roots.map((root) => 1 / root),
  );
  const { values, vectors } = symmetricEigen(kernel, n);
  const out = new Float64Array(n * dims);
  for (let l = 0; l < dims; l++) {
    // Ascending, and the last one is the constant.
    const vector = vectors.subarray((n - 2 - l) * n, (n - 1 - l) * n);
    const psi = scaledVector(Float64Array.from(vector, (value, i) => value / roots[i]));
    for (let i = 0; i < n; i++) out[i * dims + l] = psi[i];
  }
  const eigenvalues = Float64Array.from({ length: dims }, (_, l) => values[n - 2 - l]);
  return { bandwidth: width, eigenvalues, vectors: out, weights, operator };
}

/** Mean square 1, and the entry of largest magnitude positive, so that the sign is not left to chance. */
function scaledVector(vector: Float64Array): Float64Array {
  let [squares, top] = [0, 0];
  for (const value of vector) {
    squares += value * value;
    if (Math.abs(value) > Math.abs(top)) top = value;
  }
  const scale = Math.sign(top) / Math.sqrt(squares / vector.length);
  return vector.map((value) => value * scale);
}

/**
 * Nystrom extension: psi_l(x) = (1 / lambda_l) sum_j p(x, x_j) psi_l(x_j), p as among the fitted rows. It gives
 * a fitted row its own coordinates back.
 */
export function extendCoordinates(
  fitted: Rows,
  { bandwidth, eigenvalues, vectors, weights }: DiffusionCoordinates,
  x: Rows,
): Float64Array {
  const [n, d, dims] = [fitted.count, rowSize(fitted), eigenvalues.length];
  const out = new Float64Array(x.count * dims);
  const squares = new Float64Array(n);
  for (let i = 0; i < x.count; i++) {
    let least = Infinity;
    for (let j = 0; j < n; j++) {
      squares[j] = 0;
      for (let f = 0; f < d; f++) {
        squares[j] += (x.data[i * d + f] - fitted.data[j * d + f]) ** 2;
      }
      least = Math.min(least, squares[j]);
    }
    let total = 0;
    for (let j = 0; j < n; j++) {
      // Shares do not change by a common factor, which keeps those of a far row from vanishing.
      const share = weights[j] * Math.exp((least - squares[j]) / bandwidth);
      total += share;
      for (let l = 0; l < dims; l++) out[i * dims + l] += share * vectors[j * dims + l];
    }
    for (let l = 0; l < dims; l++) out[i * dims + l] /= total * eigenvalues[l];
  }
  return out;
}
