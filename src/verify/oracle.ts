import type { MetricOptions } from '../ops/metricRows.js';
import { resolveMetric } from '../specs/metric.js';
import type { Mode } from '../specs/metricForm.js';

/**
 * Float64 definitions of the metrics, from the textbook and apart from all kernels: what `verify`
 * holds every backend against. Float32 rows in, compensated sums, so that the value is the true one to
 * about 1e-15.
 */

/** Rows in row-major order. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly d: number;
}

/** One distance, and how an error made on the way to it shows in it. */
export interface OraclePair {
  /** The distance; NaN where it has none. */
  readonly value: number;
  /** The quantity that float32 arithmetic computes with a small error: value = finish(inner). */
  readonly inner: number;
  /** undefined where value = inner. */
  readonly finish: ((inner: number) => number) | undefined;
  /** Magnitude from which `inner` comes by cancellation: the unit of its absolute error. */
  readonly scale: number;
}

/** Distance of row i of x to row j of y. */
export type Oracle = (i: number, j: number) => OraclePair;

const plain = (value: number, scale = 0): OraclePair => ({
  value,
  inner: value,
  finish: undefined,
  scale,
});

/** A distance that is computed as finish(inner). */
const through = (inner: number, finish: OraclePair['finish'], scale: number): OraclePair => ({
  value: finish === undefined ? inner : finish(inner),
  inner,
  finish,
  scale,
});

/** Sum of term(0) ... term(count - 1) with Neumaier's compensation. */
export function sum(count: number, term: (f: number) => number): number {
  let total = 0;
  let lost = 0;
  for (let f = 0; f < count; f++) {
    const value = term(f);
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  // An infinite total has no rest; its compensation is NaN.
  return Number.isFinite(lost) ? total + lost : total;
}

/** Rows as float64 arrays, made once. */
function rowsOf({ data, rows, d }: Matrix): Float64Array[] {
  return Array.from({ length: rows }, (_, i) =>
    Float64Array.from(data.subarray(i * d, (i + 1) * d)),
  );
}

type PairFunction = (x: Float64Array, y: Float64Array) => OraclePair;

/** Read a pair function over the rows of two matrices; NaN in a row makes its distances NaN. */
function over(
  x: Matrix,
  y: Matrix,
  pair: PairFunction,
  prepare = (row: Float64Array) => row,
): Oracle {
  const left = rowsOf(x).map(prepare);
  const right = rowsOf(y).map(prepare);
  const leftNaN = rowsOf(x).map((row) => row.some(Number.isNaN));
  const rightNaN = rowsOf(y).map((row) => row.some(Number.isNaN));
  return (i, j) => (leftNaN[i] || rightNaN[j] ? plain(NaN) : pair(left[i], right[j]));
}

const squares: PairFunction = (x, y) => plain(sum(x.length, (f) => (x[f] - y[f]) ** 2));
const dot = (x: Float64Array, y: Float64Array): number => sum(x.length, (f) => x[f] * y[f]);
const lengthOf = (x: Float64Array): number => Math.sqrt(dot(x, x));

const ratio = (top: number, bottom: number): number =>
  top === 0 && bottom === 0 ? 0 : top / bottom;

/** 1 - cos as half the squared distance of the unit rows, which does not cancel. */
function cosineOf(x: Float64Array, y: Float64Array): number {
  const [a, b] = [lengthOf(x), lengthOf(y)];
  if (a === 0 || b === 0) return 1;
  return sum(x.length, (f) => (x[f] / a - y[f] / b) ** 2) / 2;
}

/** Rows that add to 1. */
function shares(row: Float64Array): Float64Array {
  const total = sum(row.length, (f) => row[f]);
  return row.map((value) => value / total);
}

/** p ln(p / q) - p + q, which is never negative. */
function divergenceTerm(p: number, q: number): number {
  if (p === 0) return q;
  const t = (q - p) / p;
  return p * (t - Math.log1p(t));
}

const kl: PairFunction = (p, q) => {
  const value = sum(p.length, (f) => divergenceTerm(p[f], q[f]));
  // An error of one share moves the divergence by its slope, of the order of the root.
  return plain(value, Math.sqrt(value) + 2 ** -23);
};

const jensenshannon: PairFunction = (p, q) => {
  const half = (a: Float64Array): number =>
    sum(a.length, (f) => divergenceTerm(a[f], (p[f] + q[f]) / 2));
  return plain(Math.sqrt(Math.max(0, (half(p) + half(q)) / 2)), 1);
};

const hellinger: PairFunction = (x, y) => {
  const total = sum(x.length, (f) => (Math.sqrt(x[f]) - Math.sqrt(y[f])) ** 2);
  return plain(Math.sqrt(total / 2), Math.sqrt(sum(x.length, (f) => x[f] + y[f])));
};

const haversine: PairFunction = ([lat, lon], [lat2, lon2]) => {
  const [cos, cos2] = [Math.cos(lat), Math.cos(lat2)];
  const turn = Math.sin((lon - lon2) / 2) ** 2;
  const r = Math.sin((lat - lat2) / 2) ** 2 + cos * cos2 * turn;
  // At the poles a cosine of float32 has an absolute error only.
  const scale = r + (Math.abs(cos) + Math.abs(cos2) + 2 ** -23) * turn;
  return through(r, (v) => 2 * Math.asin(Math.sqrt(Math.min(1, v))), scale);
};

function poincare(c: number): PairFunction {
  const s = Math.sqrt(c);
  return (x, y) => {
    const [a, b] = [1 - c * dot(x, x), 1 - c * dot(y, y)];
    if (!(a > 0 && b > 0)) return plain(NaN);
    const q = sum(x.length, (f) => (x[f] - y[f]) ** 2);
    return plain((2 / s) * Math.asinh(Math.sqrt((c * q) / (a * b))));
  };
}

/** Space coordinates x stand for (sqrt(1/c + |x|^2), x); h^2 = sinh^2(s D / 2) from differences. */
function lorentz(c: number): PairFunction {
  const s = Math.sqrt(c);
  return (x, y) => {
    const [a, b] = [lengthOf(x), lengthOf(y)];
    const [timeX, timeY] = [Math.sqrt(1 / c + a * a), Math.sqrt(1 / c + b * b)];
    const timeGap = sum(x.length, (f) => (x[f] - y[f]) * (x[f] + y[f])) / (timeX + timeY);
    const space = sum(x.length, (f) => (x[f] - y[f]) ** 2);
    const h2 = Math.max(0, (c * (space - timeGap * timeGap)) / 4);
    // Unit rows and radii are rounded: half their ulp in the angle and in the difference of radii.
    const [growX, growY] = [s * a + s * timeX, s * b + s * timeY];
    const radial = (s * Math.max(a, b) * 2) / Math.sqrt(growX * growY);
    const slope = s * Math.sqrt(a * b) + radial;
    return through(
      h2,
      (v) => (2 / s) * Math.asinh(Math.sqrt(v)),
      slope * Math.sqrt(h2) + 2 ** -23 * slope * slope,
    );
  };
}

/** Mean of the finite rows. */
function meanOf(y: Matrix): number[] {
  const finite = rowsOf(y).filter((row) => row.every(Number.isFinite));
  return Array.from({ length: y.d }, (_, f) =>
    finite.length === 0 ? 0 : sum(finite.length, (i) => finite[i][f]) / finite.length,
  );
}

/** Distance of the rows after a linear map that float32 evaluates about the mean of y. */
function mapped(x: Matrix, y: Matrix, columns: readonly (readonly number[])[]): Oracle {
  const { d } = y;
  const centre = meanOf(y);
  const magnitude = (row: Float64Array): number =>
    Math.sqrt(
      sum(
        columns.length,
        (c) => sum(d, (f) => Math.abs((row[f] - centre[f]) * columns[c][f])) ** 2,
      ),
    );
  return over(x, y, (a, b) => {
    const square = (c: number): number => sum(d, (f) => (a[f] - b[f]) * columns[c][f]) ** 2;
    return plain(Math.sqrt(sum(columns.length, square)), magnitude(a) + magnitude(b));
  });
}

/** Columns of the lower Cholesky factor L of a symmetric positive definite matrix: V = L L^T. */
function choleskyColumns(matrix: readonly (readonly number[])[]): number[][] {
  const d = matrix.length;
  const columns = Array.from({ length: d }, () => new Array<number>(d).fill(0));
  for (let c = 0; c < d; c++) {
    for (let r = c; r < d; r++) {
      const rest = matrix[r][c] - sum(c, (k) => columns[k][r] * columns[k][c]);
      columns[c][r] = r === c ? Math.sqrt(rest) : rest / columns[c][c];
    }
  }
  return columns;
}

function powerMean(p: number): PairFunction {
  return (x, y) => plain(sum(x.length, (f) => Math.abs(x[f] - y[f]) ** p) ** (1 / p));
}

const differing = (x: Float64Array, y: Float64Array): number =>
  sum(x.length, (f) => (x[f] === y[f] ? 0 : 1));

const chebyshev: PairFunction = (x, y) =>
  plain(x.reduce((most, value, f) => Math.max(most, Math.abs(value - y[f])), 0));

/** Squares whose error is relative to the squared distances from the mean of y: the fast mode. */
function expandedSquares(x: Matrix, y: Matrix, finish: OraclePair['finish']): Oracle {
  const centre = meanOf(y);
  const from = (row: Float64Array): number => sum(row.length, (f) => (row[f] - centre[f]) ** 2);
  return over(x, y, (a, b) => through(squares(a, b).value, finish, from(a) + from(b)));
}

/**
 * The float64 oracle of a metric over two sets of rows.
 * @param mode What the errors are those of; the distances are the same in all modes.
 * @throws DomainError for an unknown metric.
 */
export function oracleOf(options: MetricOptions, x: Matrix, y: Matrix, mode: Mode): Oracle {
  const { metric = 'euclidean' } = options;
  if (typeof metric === 'object') throw new Error('the oracle knows built-in metrics only');
  const name = resolveMetric('verify', metric);
  switch (name) {
    case 'sqeuclidean':
      return mode === 'fast' ? expandedSquares(x, y, undefined) : over(x, y, squares);
    case 'euclidean':
      if (mode === 'fast') return expandedSquares(x, y, Math.sqrt);
      return over(x, y, (a, b) => plain(Math.sqrt(squares(a, b).value)));
    case 'cityblock':
      return over(x, y, (a, b) => plain(sum(a.length, (f) => Math.abs(a[f] - b[f]))));
    case 'chebyshev':
      return over(x, y, chebyshev);
    case 'minkowski':
      return over(x, y, options.p === Infinity ? chebyshev : powerMean(options.p ?? NaN));
    case 'innerProduct':
      return over(x, y, (a, b) =>
        plain(
          dot(a, b),
          sum(a.length, (f) => Math.abs(a[f] * b[f])),
        ),
      );
    case 'cosine':
      return over(x, y, (a, b) => plain(cosineOf(a, b), 1));
    case 'spherical':
      return over(x, y, (a, b) =>
        through(cosineOf(a, b), (v) => 2 * Math.asin(Math.sqrt(Math.min(1, v / 2))), 1),
      );
    case 'correlation':
      return over(x, y, (a, b) => plain(cosineOf(a, b), 1), centred);
    case 'canberra':
      return over(x, y, (a, b) =>
        plain(sum(a.length, (f) => ratio(Math.abs(a[f] - b[f]), Math.abs(a[f]) + Math.abs(b[f])))),
      );
    case 'braycurtis':
      return over(x, y, (a, b) =>
        plain(
          ratio(
            sum(a.length, (f) => Math.abs(a[f] - b[f])),
            sum(a.length, (f) => Math.abs(a[f] + b[f])),
          ),
        ),
      );
    case 'hamming':
      return over(x, y, (a, b) => plain(ratio(differing(a, b), a.length)));
    case 'jaccard':
      return over(x, y, (a, b) =>
        plain(
          ratio(
            differing(a, b),
            sum(a.length, (f) => (a[f] === 0 && b[f] === 0 ? 0 : 1)),
          ),
        ),
      );
    case 'jensenshannon':
      return over(x, y, jensenshannon, shares);
    case 'kl':
      return over(x, y, kl, shares);
    case 'hellinger':
      return over(x, y, hellinger);
    case 'haversine':
      return over(x, y, haversine);
    case 'poincare':
      return over(x, y, poincare(options.c ?? 1));
    case 'lorentz':
      return over(x, y, lorentz(options.c ?? 1));
    case 'mahalanobis':
      return mapped(x, y, choleskyColumns(options.VI ?? []));
    case 'seuclidean': {
      const variances = Array.from(options.V ?? []);
      return mapped(
        x,
        y,
        variances.map((v, f) => variances.map((_, g) => (f === g ? 1 / Math.sqrt(v) : 0))),
      );
    }
  }
}

function centred(row: Float64Array): Float64Array {
  const mean = sum(row.length, (f) => row[f]) / row.length;
  const constant = row.every((value) => value === row[0]);
  return row.map((value) => (constant ? 0 : value - mean));
}

/** Neighbours of one query. */
export interface OracleNeighbours {
  readonly indices: number[];
  readonly pairs: OraclePair[];
}

/**
 * The k best points of query i: sorted by the distance as float32, then index; NaN is left out, and so
 * are points for which `exists` is false.
 */
export function oracleNeighbours(
  oracle: Oracle,
  i: number,
  points: number,
  k: number,
  isSimilarity: boolean,
  exists: (i: number, j: number) => boolean,
): OracleNeighbours {
  const sign = isSimilarity ? -1 : 1;
  const found: { readonly index: number; readonly pair: OraclePair; readonly key: number }[] = [];
  for (let j = 0; j < points; j++) {
    if (!exists(i, j)) continue;
    const pair = oracle(i, j);
    if (Number.isNaN(pair.value)) continue;
    found.push({ index: j, pair, key: sign * Math.fround(pair.value) });
  }
  // Equal infinities must not be subtracted.
  found.sort((a, b) => (a.key === b.key ? a.index - b.index : a.key < b.key ? -1 : 1));
  const best = found.slice(0, k);
  return { indices: best.map(({ index }) => index), pairs: best.map(({ pair }) => pair) };
}
