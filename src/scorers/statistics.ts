import { DomainError } from '../errors.js';
import { CONSTANT_VARIANCE } from '../numerics.js';
import { symmetricEigen } from '../util/symmetricEigen.js';
import { mapRows } from './blocks.js';
import type { Rows } from '../util/rows.js';

/** Mean of the chosen rows (all by default), float64. */
export function meanOf(rows: Rows, chosen?: readonly number[]): Float64Array {
  const d = rows.rowShape[0];
  const mean = new Float64Array(d);
  const count = chosen?.length ?? rows.count;
  for (let s = 0; s < count; s++) {
    const start = (chosen === undefined ? s : chosen[s]) * d;
    for (let j = 0; j < d; j++) mean[j] += rows.data[start + j];
  }
  for (let j = 0; j < d; j++) mean[j] /= count;
  return mean;
}

/** Rows of each class. */
export interface Classes {
  /** Distinct labels, ascending. */
  readonly ids: Int32Array;
  /** Row numbers of each. */
  readonly members: readonly (readonly number[])[];
  /** Mean of each, float64. */
  readonly means: readonly Float64Array[];
}

/** Group rows by their label; labels need not be contiguous. */
export function classesOf(rows: Rows, labels: Int32Array): Classes {
  const groups = new Map<number, number[]>();
  labels.forEach((label, i) => {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [i]);
    else group.push(i);
  });
  const ids = Int32Array.from([...groups.keys()].sort((a, b) => a - b));
  const members = Array.from(ids, (id) => groups.get(id) ?? []);
  return { ids, members, means: members.map((own) => meanOf(rows, own)) };
}

/** Rows that {@link scatter} takes at a time: two columns of them lie in the nearest cache. */
const PACKED_ROWS = 128;

/**
 * Sum of w_i (x_i - c_i)(x_i - c_i)^T over the chosen rows, float64, d x d.
 *
 * Rows are packed column by column, a block at a time, and entries are summed two by two columns at once: each
 * value read enters two products, and sums stay in registers.
 * @param center The c of a row. @param weight The w of a row, >= 0; default 1. Rows of weight 0 cost nothing.
 */
export function scatter(
  rows: Rows,
  center: (row: number) => Float64Array,
  weight: (row: number) => number = () => 1,
): Float64Array {
  const d = rows.rowShape[0];
  // An odd last column gets a partner of zeros.
  const width = d + (d % 2);
  const pack = new Float64Array(width * PACKED_ROWS);
  const sums = new Float64Array(width * width);
  let packed = 0;
  for (let i = 0; i < rows.count; i++) {
    const w = weight(i);
    if (w > 0) {
      const root = Math.sqrt(w);
      const c = center(i);
      const start = i * d;
      for (let j = 0; j < d; j++) {
        pack[j * PACKED_ROWS + packed] = root * (rows.data[start + j] - c[j]);
      }
      packed++;
    }
    if (packed === PACKED_ROWS || i === rows.count - 1) {
      addProducts(pack, packed, width, sums);
      packed = 0;
    }
  }
  const out = new Float64Array(d * d);
  for (let j = 0; j < d; j++) {
    for (let l = 0; l <= j; l++) out[j * d + l] = out[l * d + j] = sums[j * width + l];
  }
  return out;
}

/** sums[j, l] += column j . column l for l <= j, over the first `count` rows of a pack. */
function addProducts(pack: Float64Array, count: number, width: number, sums: Float64Array): void {
  const tile = new Float64Array(4);
  for (let j = 0; j < width; j += 2) {
    for (let l = 0; l <= j; l += 2) {
      fourDots(pack, j * PACKED_ROWS, pack, l * PACKED_ROWS, PACKED_ROWS, count, tile);
      sums[j * width + l] += tile[0];
      sums[j * width + l + 1] += tile[1];
      sums[(j + 1) * width + l] += tile[2];
      sums[(j + 1) * width + l + 1] += tile[3];
    }
  }
}

/**
 * The dot products of two vectors at `a` with two at `b`, row by row in `out`; the second of each lies
 * `stride` after the first. In plain variables, as destructured ones cost ten times as much here.
 */
function fourDots(
  left: Float64Array,
  a: number,
  right: Float64Array,
  b: number,
  stride: number,
  count: number,
  out: Float64Array,
): void {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let r = 0; r < count; r++) {
    const x = left[a + r];
    const y = left[a + stride + r];
    const u = right[b + r];
    const v = right[b + stride + r];
    first += x * u;
    second += x * v;
    third += y * u;
    fourth += y * v;
  }
  out[0] = first;
  out[1] = second;
  out[2] = third;
  out[3] = fourth;
}

/** |(x_i - mean) W|^2 of every row, float64 on the host, two rows and two columns of W at a time. */
export function whitenedSquares(
  rows: Rows,
  mean: ArrayLike<number>,
  { matrix, rank }: Whitening,
): Float64Array {
  const [n, d] = [rows.count, rows.rowShape[0]];
  // An odd last column or row gets a partner of zeros.
  const columns = new Float64Array((rank + (rank % 2)) * d);
  for (let j = 0; j < d; j++) {
    for (let k = 0; k < rank; k++) columns[k * d + j] = matrix[j * rank + k];
  }
  const pair = new Float64Array(2 * d);
  const tile = new Float64Array(4);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i += 2) {
    const start = i * d;
    const filled = Math.min(2, n - i) * d;
    pair.fill(0);
    for (let s = 0; s < filled; s++) pair[s] = rows.data[start + s] - mean[s % d];
    let first = 0;
    let second = 0;
    for (let k = 0; k < rank; k += 2) {
      fourDots(pair, 0, columns, k * d, d, d, tile);
      first += tile[0] * tile[0] + tile[1] * tile[1];
      second += tile[2] * tile[2] + tile[3] * tile[3];
    }
    out[i] = first;
    if (i + 1 < n) out[i + 1] = second;
  }
  return out;
}

/** Matrix W [d, r] with W W^T the (pseudo-)inverse of a covariance. */
export interface Whitening {
  readonly matrix: Float64Array;
  readonly rank: number;
  /** log of the product of the kept variances. */
  readonly logDeterminant: number;
}

/**
 * Whitening of a covariance S after shrinking it to (1 - s) S + s v I, v the mean variance tr(S) / d unless
 * another is given.
 *
 * From the eigenvalues of S in float64. Directions whose variance is at most CONSTANT_VARIANCE of the
 * largest are left out, so a singular S gives its pseudo-inverse: such directions then do not count. Any
 * s > 0 keeps all.
 * @throws DomainError when S is 0: there is nothing to measure by.
 */
export function whiten(
  op: string,
  what: string,
  covariance: Float64Array,
  d: number,
  shrinkage: number,
  variance = meanVariance(covariance, d),
): Whitening {
  const { values, vectors } = symmetricEigen(covariance, d);
  const shrunk = values.map((v) => (1 - shrinkage) * Math.max(0, v) + shrinkage * variance);
  if (!(shrunk[d - 1] > 0)) {
    const got = 'equal rows only';
    const fix = 'Give more rows, or use a score without a covariance, such as knn.';
    throw new DomainError({ op, arg: 'features', expected: `vary ${what}`, got, fix });
  }
  const kept = Array.from(shrunk.keys()).filter(
    (k) => shrunk[k] > CONSTANT_VARIANCE * shrunk[d - 1],
  );
  const matrix = new Float64Array(d * kept.length);
  let logDeterminant = 0;
  kept.forEach((k, column) => {
    const scale = 1 / Math.sqrt(shrunk[k]);
    logDeterminant += Math.log(shrunk[k]);
    for (let j = 0; j < d; j++) matrix[j * kept.length + column] = vectors[k * d + j] * scale;
  });
  return { matrix, rank: kept.length, logDeterminant };
}

/** tr(S) / d. */
export function meanVariance(covariance: Float64Array, d: number): number {
  let trace = 0;
  for (let j = 0; j < d; j++) trace += covariance[j * d + j];
  return trace / d;
}

/** Row vector times W, float64. */
export function project(
  row: ArrayLike<number>,
  matrix: ArrayLike<number>,
  columns: number,
): Float64Array {
  const out = new Float64Array(columns);
  for (let j = 0; j < row.length; j++) {
    const v = row[j];
    for (let k = 0; k < columns; k++) out[k] += v * matrix[j * columns + k];
  }
  return out;
}

/** Rows less one vector, subtracted in float64. */
export function centered(rows: Rows, center: ArrayLike<number>): Rows {
  return mapRows(rows, (row, out) => {
    for (let j = 0; j < row.length; j++) out[j] = row[j] - center[j];
  });
}

/** a - b. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: a.length }, (_, j) => a[j] - b[j]);
}
