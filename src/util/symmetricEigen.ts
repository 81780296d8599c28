/** All eigenvalues of a symmetric matrix, ascending, with their eigenvectors. */
export interface SymmetricEigen {
  readonly values: Float64Array;
  /** Row k (of n values) is the unit eigenvector of values[k]. */
  readonly vectors: Float64Array;
}

/** Rounds of the implicit QL iteration per eigenvalue; 2 is usual, 30 the limit of EISPACK. */
const MOST_ROUNDS = 60;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix in float64: Householder reflections to tridiagonal
 * form, then implicit QL with Wilkinson's shift. Rows of the matrix are read and written one after the
 * other throughout.
 * @param matrix n x n values, row by row; only finite values, symmetric. It is not changed.
 * Cost: O(n^3) time, two matrices of memory. Errors: a few units in the last place of the largest
 * |eigenvalue|.
 * @throws Error when the iteration does not converge, which no finite symmetric matrix is known to cause.
 * Reference: Golub and Van Loan, Matrix Computations, 4th ed. 2013, algorithms 8.3.1 and 8.3.3.
 */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  const { diagonal, beside, basis } = tridiagonal(Float64Array.from(matrix), n);
  implicitQl(diagonal, beside, basis, n);
  const order = Array.from({ length: n }, (_, k) => k).sort((a, b) => diagonal[a] - diagonal[b]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, k) => vectors.set(basis.subarray(from * n, (from + 1) * n), k * n));
  return { values: Float64Array.from(order, (k) => diagonal[k]), vectors };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** beside[k] couples k and k + 1. */
  readonly beside: Float64Array;
  /** Rows are the basis in which the matrix is tridiagonal. */
  readonly basis: Float64Array;
}

/** Overwrites `a`. Step k clears row k beyond k + 1 with I - scale v v^T, v kept in that row. */
function tridiagonal(a: Float64Array, n: number): Tridiagonal {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  const scales = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k];
    const v = a.subarray(k * n, (k + 1) * n);
    const { scale, value } = reflector(v, k + 1);
    scales[k] = scale;
    beside[k] = value;
    if (scale === 0) continue;
    // A := H A H on the rest: w = scale A v - (scale^2 / 2) (v.A v) v, A -= v w^T + w v^T.
    let product = 0;
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[row + j] * v[j];
      w[i] = scale * sum;
      product += w[i] * v[i];
    }
    const half = (scale * product) / 2;
    for (let i = k + 1; i < n; i++) w[i] -= half * v[i];
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      const [vi, wi] = [v[i], w[i]];
      for (let j = k + 1; j < n; j++) a[row + j] -= vi * w[j] + wi * v[j];
    }
  }
  if (n > 0) diagonal[n - 1] = a[n * n - 1];
  return { diagonal, beside, basis: accumulated(a, scales, n) };
}

/**
 * Make v[from..] a reflector that takes it to (value, 0, 0, ...).
 * @returns scale of I - scale v v^T, 0 when there is nothing to clear.
 */
function reflector(v: Float64Array, from: number): { scale: number; value: number } {
  let largest = 0;
  for (let i = from + 1; i < v.length; i++) largest = Math.max(largest, Math.abs(v[i]));
  const first = v[from];
  if (largest === 0) return { scale: 0, value: first };
  largest = Math.max(largest, Math.abs(first));
  let squares = 0;
  for (let i = from; i < v.length; i++) {
    v[i] /= largest;
    squares += v[i] * v[i];
  }
  const length = Math.sqrt(squares);
  const signed = v[from] > 0 ? -length : length;
  v[from] -= signed;
  // v.v = 2 (length^2 - signed first / largest), without a second sum.
  const norm = squares - signed * (v[from] + signed);
  return { scale: 1 / norm, value: signed * largest };
}

/** The product of all reflections as rows, from the last to the first, so that zeros stay zeros. */
function accumulated(a: Float64Array, scales: Float64Array, n: number): Float64Array {
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) basis[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    if (scales[k] === 0) continue;
    const v = a.subarray(k * n, (k + 1) * n);
    // Row i is basis vector i: q := q - scale (q.v) v.
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += basis[row + j] * v[j];
      sum *= scales[k];
      for (let j = k + 1; j < n; j++) basis[row + j] -= sum * v[j];
    }
  }
  return basis;
}

/** Diagonalise; rotations are applied to rows of the basis. */
function implicitQl(d: Float64Array, e: Float64Array, basis: Float64Array, n: number): void {
  // A coupling below the rounding of the largest entry is none. Against its own neighbours alone it would
  // never vanish where these are nothing but rounding themselves.
  let largest = 0;
  for (let k = 0; k < n; k++) largest = Math.max(largest, Math.abs(d[k]) + Math.abs(e[k]));
  for (let low = 0; low < n; low++) {
    for (let round = 0; ; round++) {
      let m = low;
      while (m < n - 1) {
        if (Math.abs(e[m]) <= Number.EPSILON * largest) break;
        m++;
      }
      if (m === low) break;
      if (round === MOST_ROUNDS)
        throw new Error('symmetricEigen: the QL iteration did not converge');
      qlSweep(d, e, basis, n, low, m);
    }
  }
}

/** One implicit QL step on the block low..m. */
function qlSweep(
  d: Float64Array,
  e: Float64Array,
  basis: Float64Array,
  n: number,
  low: number,
  m: number,
): void {
  let g = (d[low + 1] - d[low]) / (2 * e[low]);
  let r = Math.hypot(g, 1);
  g = d[m] - d[low] + e[low] / (g + (g >= 0 ? r : -r));
  let [sine, cosine, shift] = [1, 1, 0];
  for (let i = m - 1; i >= low; i--) {
    const f = sine * e[i];
    const b = cosine * e[i];
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The block falls in two; start again with the smaller one.
      d[i + 1] -= shift;
      e[m] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1] - shift;
    r = (d[i] - g) * sine + 2 * cosine * b;
    shift = sine * r;
    d[i + 1] = g + shift;
    g = cosine * r - b;
    rotate(basis, n, i, sine, cosine);
  }
  d[low] -= shift;
  e[low] = g;
  e[m] = 0;
}

function rotate(basis: Float64Array, n: number, i: number, sine: number, cosine: number): void {
  const a = i * n;
  const b = a + n;
  for (let k = 0; k < n; k++) {
    const upper = basis[b + k];
    const lower = basis[a + k];
    basis[b + k] = sine * lower + cosine * upper;
    basis[a + k] = cosine * lower - sine * upper;
  }
}
