/** A plane through a cloud of points, for drawing: the two directions of largest variance. */
export interface Plane {
  readonly mean: Float64Array;
  readonly axes: readonly [Float64Array, Float64Array];
}

/** Power iterations; the picture needs the directions to about a percent, not to machine precision. */
const ITERATIONS = 60;

/**
 * First two principal directions of points [n, d] by power iteration with deflation on the covariance.
 * With d = 1 the second axis is zero.
 */
export function principalPlane(data: ArrayLike<number>, count: number, dim: number): Plane {
  const mean = new Float64Array(dim);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < dim; j++) mean[j] += data[i * dim + j] / count;
  }
  const covariance = new Float64Array(dim * dim);
  for (let i = 0; i < count; i++) {
    for (let a = 0; a < dim; a++) {
      const da = data[i * dim + a] - mean[a];
      for (let b = 0; b < dim; b++) {
        covariance[a * dim + b] += (da * (data[i * dim + b] - mean[b])) / count;
      }
    }
  }
  const trace = mean.reduce((sum, _, j) => sum + covariance[j * dim + j], 0);
  const first = leadingDirection(covariance, dim, trace);
  deflate(covariance, first);
  return { mean, axes: [first, leadingDirection(covariance, dim, trace)] };
}

/** Coordinates of row `row` in the plane. */
export function projectRow(plane: Plane, data: ArrayLike<number>, row: number): [number, number] {
  const dim = plane.mean.length;
  const out: [number, number] = [0, 0];
  for (let j = 0; j < dim; j++) {
    const centred = data[row * dim + j] - plane.mean[j];
    out[0] += centred * plane.axes[0][j];
    out[1] += centred * plane.axes[1][j];
  }
  return out;
}

/** Directions with less than this share of the variance are rounding errors of the deflation. */
const NO_VARIANCE = 1e-12;

function leadingDirection(matrix: Float64Array, dim: number, trace: number): Float64Array {
  // A start with all components non-zero and unequal is orthogonal to no direction that matters.
  let vector = Float64Array.from({ length: dim }, (_, j) => 1 + j / (dim + 1));
  for (let step = 0; step < ITERATIONS; step++) {
    const next = multiply(matrix, vector);
    const norm = Math.hypot(...next);
    if (norm <= NO_VARIANCE * trace) return new Float64Array(dim);
    vector = next.map((value) => value / norm);
  }
  return vector;
}

function multiply(matrix: Float64Array, vector: Float64Array): Float64Array<ArrayBuffer> {
  const dim = vector.length;
  const out = new Float64Array(dim);
  for (let a = 0; a < dim; a++) {
    for (let b = 0; b < dim; b++) out[a] += matrix[a * dim + b] * vector[b];
  }
  return out;
}

function deflate(matrix: Float64Array, direction: Float64Array): void {
  const image = multiply(matrix, direction);
  const value = image.reduce((sum, x, j) => sum + x * direction[j], 0);
  const dim = direction.length;
  for (let a = 0; a < dim; a++) {
    for (let b = 0; b < dim; b++) matrix[a * dim + b] -= value * direction[a] * direction[b];
  }
}
