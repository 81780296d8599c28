import { DomainError, ShapeError } from '../../errors.js';
import { symmetricEigen } from '../../util/symmetricEigen.js';

const OP = 'hMDS';

/** Largest distance whose cosh, summed over thousands of points, stays within float64. */
const MOST_DISTANCE = 700;

export interface HmdsOptions {
  /** Row i holds the distances of point i to all n points; symmetric, zero on the diagonal. */
  readonly distances: readonly ArrayLike<number>[];
  /** Dimension of the hyperbolic space, >= 1. */
  readonly dim: number;
  /** Distances are multiplied by this first, > 0. Default 1. */
  readonly scale?: number;
}

/** Points of hyperbolic space of curvature -1. */
export interface HmdsEmbedding {
  readonly nodes: number;
  readonly dim: number;
  readonly scale: number;
  /** Space coordinates on the hyperboloid [nodes, dim]; the time coordinate is sqrt(1 + |x|^2). */
  readonly points: Float64Array;
  /** Eigenvalues of -cosh(scale D) that were kept, largest first; 0 where fewer are positive. */
  readonly eigenvalues: Float64Array;
  /** The points in the Poincaré ball [nodes, dim]: x / (1 + sqrt(1 + |x|^2)). */
  readonly ball: () => Float64Array;
  /** Distance of two points, to be compared with scale times the given one. */
  readonly distance: (i: number, j: number) => number;
  /** Distances of a point to all. */
  readonly distances: (i: number) => Float64Array;
}

/**
 * Hyperbolic multidimensional scaling: points of hyperbolic space with given distances.
 *
 * With Y = cosh(scale D), -Y has at most dim positive eigenvalues when D comes from points of
 * H^dim: Y_ij = x0_i x0_j - x_i . x_j. The points are X = U sqrt(L), with L the `dim` largest positive
 * eigenvalues of -Y and U their eigenvectors, as space coordinates. For distances of points of H^dim they are
 * those points up to an isometry: the one negative eigenvalue of -Y gives the time coordinates, which are
 * orthogonal to X (the points are centred). For others it is the best approximation of -Y's positive part.
 *
 * Eigenvalues by {@link symmetricEigen} in float64, on the host. Errors of Y are about 1e-16 of its largest
 * eigenvalue, e^R for points within distance R, so small distances of far points lose digits: exact points
 * come back with distance errors of 1e-5 or better up to a diameter of about 10.
 *
 * @param options.distances Matrix n x n. @param options.dim Dimension. @param options.scale Default 1;
 * smaller values flatten the space, larger ones make it more tree-like.
 * @returns Points with a distance computed without cancellation from polar coordinates.
 * Cost: O(n^3) time, O(n^2) memory on the host.
 * @throws ShapeError when the matrix is not square; DomainError when it is not symmetric, has another
 * diagonal than 0, a value that is negative, NaN or infinite, or one above 700 after scaling; for a dim or
 * scale out of range.
 * Reference: Sala, De Sa, Gu, Ré, Representation tradeoffs for hyperbolic embeddings, 2018, section 4,
 * algorithm 2.
 * @example
 * const { points } = hMDS({ distances: [[0, 1, 2], [1, 0, 1], [2, 1, 0]], dim: 1 });
 */
export function hMDS({ distances, dim, scale = 1 }: HmdsOptions): HmdsEmbedding {
  if (!(Number.isInteger(dim) && dim >= 1)) {
    throw new DomainError({
      op: OP,
      arg: 'dim',
      expected: 'be an integer >= 1',
      got: String(dim),
    });
  }
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw new DomainError({
      op: OP,
      arg: 'scale',
      expected: 'be a number above 0',
      got: String(scale),
    });
  }
  const n = distances.length;
  const negative = negatedCosh(distances, scale);
  const { values, vectors } = symmetricEigen(negative, n);
  const points = new Float64Array(n * dim);
  const eigenvalues = new Float64Array(dim);
  for (let f = 0; f < Math.min(dim, n); f++) {
    const k = n - 1 - f;
    if (!(values[k] > 0)) break;
    eigenvalues[f] = values[k];
    const root = Math.sqrt(values[k]);
    for (let i = 0; i < n; i++) points[i * dim + f] = root * vectors[k * n + i];
  }
  return embedding(points, eigenvalues, n, dim, scale);
}

/** -cosh(scale D), checked. */
function negatedCosh(distances: readonly ArrayLike<number>[], scale: number): Float64Array {
  const n = distances.length;
  if (n === 0) {
    throw new ShapeError({ op: OP, arg: 'distances', expected: 'have a row', got: 'none' });
  }
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    if (distances[i].length !== n) {
      const expected = `be square, ${n} x ${n}`;
      const got = `${distances[i].length} values in row ${i}`;
      throw new ShapeError({ op: OP, arg: 'distances', expected, got });
    }
    for (let j = 0; j < n; j++) {
      const value = distances[i][j];
      const [rule, bad] = ruleBroken(value, distances[j]?.[i], i === j, scale);
      if (bad) {
        const got = `${value} at [${i}, ${j}]`;
        throw new DomainError({ op: OP, arg: 'distances', expected: rule, got });
      }
      out[i * n + j] = -Math.cosh(scale * value);
    }
  }
  return out;
}

function ruleBroken(
  value: number,
  opposite: number,
  isDiagonal: boolean,
  scale: number,
): readonly [rule: string, broken: boolean] {
  if (!(value >= 0 && Number.isFinite(value))) return ['be finite and >= 0', true];
  if (isDiagonal) return ['be 0 on the diagonal', value !== 0];
  if (!(Math.abs(value - opposite) <= 1e-9 * (value + opposite))) return ['be symmetric', true];
  return [`be at most ${MOST_DISTANCE} once scaled`, scale * value > MOST_DISTANCE];
}

function embedding(
  points: Float64Array,
  eigenvalues: Float64Array,
  n: number,
  dim: number,
  scale: number,
): HmdsEmbedding {
  const lengths = Float64Array.from({ length: n }, (_, i) =>
    Math.hypot(...points.subarray(i * dim, (i + 1) * dim)),
  );
  const distance = (i: number, j: number): number => {
    // sinh^2(d / 2) = sinh^2((r - r') / 2) + sinh r sinh r' |u - u'|^2 / 4, with sinh r = |x|.
    const radial = Math.sinh((Math.asinh(lengths[i]) - Math.asinh(lengths[j])) / 2);
    let squares = radial * radial;
    const product = lengths[i] * lengths[j];
    if (product > 0) {
      let chord = 0;
      for (let f = 0; f < dim; f++) {
        chord += (points[i * dim + f] / lengths[i] - points[j * dim + f] / lengths[j]) ** 2;
      }
      squares += (product * chord) / 4;
    }
    return 2 * Math.asinh(Math.sqrt(squares));
  };
  const check = (node: number): number => {
    if (Number.isInteger(node) && node >= 0 && node < n) return node;
    const expected = `be a point, 0 to ${n - 1}`;
    throw new DomainError({ op: OP, arg: 'index', expected, got: String(node) });
  };
  return {
    nodes: n,
    dim,
    scale,
    points,
    eigenvalues,
    ball: () =>
      points.map((value, at) => {
        const length = lengths[Math.floor(at / dim)];
        return value / (1 + Math.hypot(1, length));
      }),
    distance: (i, j) => distance(check(i), check(j)),
    distances: (i) => {
      const row = check(i);
      return Float64Array.from({ length: n }, (_, j) => distance(row, j));
    },
  };
}
