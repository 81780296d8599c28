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
  for (let j = 0; j < width; j += 2) {
    const a = j * PACKED_ROWS;
    const b = a + PACKED_ROWS;
    for (let l = 0; l <= j; l += 2) {
      const e = l * PACKED_ROWS;
      const f = e + PACKED_ROWS;
      let ae = 0;
      let af = 0;
      let be = 0;
      let bf = 0;
      for (let r = 0; r < count; r++) {
        const left = pack[a + r];
        const right = pack[b + r];
        const upper = pack[e + r];
        const lower = pack[f + r];
        ae += left * upper;
        af += left * lower;
        be += right * upper;
        bf += right * lower;
      }
      sums[j * width + l] += ae;
      sums[j * width + l + 1] += af;
      sums[(j + 1) * width + l] += be;
      sums[(j + 1) * width + l + 1] += bf;
    }
  }
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
