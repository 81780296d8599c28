import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { productForm } from '../specs/metricForm.js';
import type { MetricForm } from '../specs/metricForm.js';
import * as forms from '../specs/metricForms.js';
import { resolveMetric } from '../specs/metric.js';
import type { Metric, MetricName } from '../specs/metric.js';
import { cholesky } from '../util/cholesky.js';
import { complementOfSquares } from './compensated.js';
import type { CustomMetric } from './customMetric.js';
import { asin, detached, safeSqrt } from './elementary.js';
import { rowLengths, unitRows } from './pairs.js';
import type { PairSide } from './pairs.js';

/** How distances are measured; shared by all ops on rows. */
export interface MetricOptions {
  /** Default 'euclidean' (not squared). Aliases: l2; l1, manhattan = cityblock; linf; lp; dot, ip. */
  readonly metric?: MetricName | CustomMetric;
  /** minkowski: the power, > 0, also Infinity. Required there. */
  readonly p?: number;
  /** poincare, lorentz: the curvature is -c, c > 0. Default 1. */
  readonly c?: number;
  /** mahalanobis: inverse covariance [d, d], symmetric positive definite. Required there. */
  readonly VI?: readonly (readonly number[])[];
  /** seuclidean: variance of every feature [d], > 0. Required there. */
  readonly V?: ArrayLike<number>;
  /**
   * mahalanobis, seuclidean: the row [d] that rows are moved by before they are scaled, which changes
   * the result by rounding only. Default: the mean of the points. Where points come in blocks, all
   * blocks need the same one.
   */
  readonly origin?: ArrayLike<number>;
}

/** A metric brought into a form that kernels know. */
export interface PreparedMetric {
  readonly form: MetricForm;
  /** Features and scalars of both sets of rows; differentiable. */
  readonly rows: (x: Tensor3D, y: Tensor3D) => readonly [PairSide, PairSide];
  /** From the form's distance to the metric's own, increasing; undefined when they are the same. */
  readonly post: ((distance: Tensor) => Tensor) | undefined;
}

const identity: PreparedMetric['rows'] = (x, y) => [
  { rows: x, aux: undefined },
  { rows: y, aux: undefined },
];

const each =
  (side: (rows: Tensor3D) => PairSide): PreparedMetric['rows'] =>
  (x, y) => [side(x), side(y)];

const features =
  (transform: (rows: Tensor3D) => Tensor): PreparedMetric['rows'] =>
  (x, y) => [
    { rows: transform(x), aux: undefined },
    { rows: transform(y), aux: undefined },
  ];

const plain = (form: MetricForm): PreparedMetric => ({ form, rows: identity, post: undefined });

/**
 * Resolve the metric options of an op for rows of d features.
 * @throws DomainError for an unknown metric or a parameter that is missing, superfluous or out of range;
 * ShapeError where d does not fit the metric.
 */
export function prepareMetric(op: string, options: MetricOptions, d: number): PreparedMetric {
  const { metric = 'euclidean' } = options;
  if (typeof metric === 'object') return plain(metric.form);
  const name = resolveMetric(op, metric);
  checkParameters(op, name, options);
  switch (name) {
    case 'euclidean':
      return plain(productForm('squares', true));
    case 'sqeuclidean':
      return plain(productForm('squares'));
    case 'cosine':
      return plain(productForm('cosine'));
    case 'innerProduct':
      return plain(productForm('innerProduct'));
    case 'cityblock':
      return plain(forms.cityblockForm);
    case 'canberra':
      return plain(forms.canberraForm);
    case 'braycurtis':
      return plain(forms.braycurtisForm);
    case 'chebyshev':
      return { form: forms.chebyshevForm, rows: each(poisonedRows), post: undefined };
    case 'hamming':
      return { form: forms.hammingForm, rows: each(poisonedRows), post: undefined };
    case 'jaccard':
      return { form: forms.jaccardForm, rows: each(poisonedRows), post: undefined };
    case 'minkowski':
      return minkowski(op, options.p);
    case 'correlation':
      return { form: productForm('cosine'), rows: features(centredRows), post: undefined };
    case 'spherical':
      return { form: productForm('cosine'), rows: identity, post: angleOf };
    case 'hellinger':
      return {
        form: productForm('squares', true),
        rows: features((rows) => tf.mul(safeSqrt(rows), Math.SQRT1_2)),
        post: undefined,
      };
    case 'jensenshannon':
      return { form: forms.jensenshannonForm, rows: features(shares), post: undefined };
    case 'kl':
      return { form: forms.klForm, rows: features(shares), post: undefined };
    case 'haversine':
      checkFeatures(op, name, d, 2);
      return { form: forms.haversineForm, rows: each(latitudes), post: undefined };
    case 'mahalanobis':
      return mahalanobis(op, options, d);
    case 'seuclidean':
      return standardised(op, options, d);
    case 'poincare':
      return poincare(op, options.c ?? 1);
    case 'lorentz':
      return lorentz(op, options.c ?? 1);
  }
}

// Parameters

const PARAMETERS: Readonly<Partial<Record<Metric, readonly (keyof MetricOptions)[]>>> = {
  minkowski: ['p'],
  mahalanobis: ['VI', 'origin'],
  seuclidean: ['V', 'origin'],
  poincare: ['c'],
  lorentz: ['c'],
};

const OPTIONAL: readonly (keyof MetricOptions)[] = ['c', 'origin'];

/** Whether the metric moves its rows by an origin, see {@link MetricOptions.origin}. */
export function usesOrigin(op: string, { metric = 'euclidean' }: MetricOptions): boolean {
  if (typeof metric === 'object') return false;
  return (PARAMETERS[resolveMetric(op, metric)] ?? []).includes('origin');
}

function checkParameters(op: string, metric: Metric, options: MetricOptions): void {
  const own = PARAMETERS[metric] ?? [];
  for (const name of ['p', 'c', 'VI', 'V', 'origin'] as const) {
    const given = options[name] !== undefined;
    if (given && !own.includes(name)) {
      throw new DomainError({
        op,
        arg: name,
        expected: `be absent for metric '${metric}', which has no such parameter`,
        got: 'a value',
      });
    }
    if (!given && own.includes(name) && !OPTIONAL.includes(name)) {
      throw new DomainError({
        op,
        arg: name,
        expected: `be given for metric '${metric}'`,
        got: 'undefined',
      });
    }
  }
}

function checkFeatures(op: string, metric: Metric, d: number, want: number): void {
  if (d === want) return;
  throw new ShapeError({
    op,
    arg: 'the rows',
    expected: `have ${want} features for metric '${metric}' (latitude, longitude in radians)`,
    got: `${d} features`,
  });
}

function checkPositive(op: string, arg: string, value: number | undefined): number {
  if (value !== undefined && value > 0 && Number.isFinite(Math.fround(value))) return value;
  throw new DomainError({ op, arg, expected: 'be a number above 0', got: String(value) });
}

// Metrics with parameters

function minkowski(op: string, p: number | undefined): PreparedMetric {
  if (p === Infinity) return prepareMetric(op, { metric: 'chebyshev' }, 0);
  const power = checkPositive(op, 'p', p);
  if (power === 1) return plain(forms.cityblockForm);
  if (power === 2) return plain(productForm('squares', true));
  return plain(forms.minkowskiForm(power));
}

/**
 * Rows moved by `origin`, or by the middle of the range of y, which changes no difference: a linear map
 * of rows far from the origin would lose their digits. (The middle, unlike a mean, is the same to the bit
 * in whatever order the rows stand.)
 */
function moved(
  op: string,
  given: MetricOptions['origin'],
  map: (rows: Tensor3D) => Tensor,
  d: number,
): PreparedMetric['rows'] {
  if (given !== undefined) {
    const values = checkOrigin(op, given, d);
    return each((rows) => ({ rows: map(tf.sub(rows, tf.tensor1d(values))), aux: undefined }));
  }
  return (x, y) => {
    const origin = detached(y, (points) => {
      if (y.size === 0) return tf.zeros([1, 1, y.shape[2]]);
      const finite = tf.where(tf.isFinite(points), points, tf.zerosLike(points));
      const half = (t: Tensor): Tensor => tf.mul(t, 0.5);
      return tf.add(half(tf.max(finite, 1, true)), half(tf.min(finite, 1, true)));
    });
    const side = (rows: Tensor3D): PairSide => ({
      rows: map(tf.sub(rows, origin)),
      aux: undefined,
    });
    return [side(x), side(y)];
  };
}

function checkOrigin(op: string, origin: ArrayLike<number>, d: number): number[] {
  const values = Array.from(origin);
  if (values.length === d && values.every((value) => Number.isFinite(Math.fround(value)))) {
    return values;
  }
  throw new DomainError({
    op,
    arg: 'origin',
    expected: `be ${d} finite numbers, one per feature`,
    got: values.length === d ? 'one that is not finite' : `${values.length}`,
  });
}

function mahalanobis(op: string, { VI, origin }: MetricOptions, d: number): PreparedMetric {
  const matrix = VI ?? [];
  if (matrix.length !== d || matrix.some((row) => row.length !== d)) {
    throw new ShapeError({
      op,
      arg: 'VI',
      expected: `be a matrix of [${d}, ${d}] numbers`,
      got: `${matrix.length} rows of ${matrix.length === 0 ? 0 : matrix[0].length}`,
    });
  }
  const factor = cholesky(matrix);
  if (factor === undefined) {
    throw new DomainError({
      op,
      arg: 'VI',
      expected: 'be symmetric and positive definite',
      got: 'a matrix without a Cholesky factor',
    });
  }
  // (x - y)^T VI (x - y) = |L^T (x - y)|^2 for VI = L L^T.
  const map = (rows: Tensor3D): Tensor => {
    if (rows.size === 0) return rows;
    const product = tf.matMul(rows.reshape([-1, d]), tf.tensor2d(factor.flat(), [d, d]));
    return product.reshape(rows.shape);
  };
  return { form: productForm('squares', true), rows: moved(op, origin, map, d), post: undefined };
}

function standardised(op: string, { V, origin }: MetricOptions, d: number): PreparedMetric {
  const variances = Array.from(V ?? []);
  if (variances.length !== d) {
    throw new ShapeError({
      op,
      arg: 'V',
      expected: `hold ${d} variances, one per feature`,
      got: `${variances.length}`,
    });
  }
  variances.forEach((value, f) => checkPositive(op, `V[${f}]`, value));
  const weights = variances.map((value) => 1 / Math.sqrt(value));
  const map = (rows: Tensor3D): Tensor => tf.mul(rows, tf.tensor1d(weights));
  return { form: productForm('squares', true), rows: moved(op, origin, map, d), post: undefined };
}

function poincare(op: string, value: number): PreparedMetric {
  const c = checkPositive(op, 'c', value);
  const gap = (rows: Tensor3D): Tensor => {
    if (rows.size === 0) return tf.ones([rows.shape[0], rows.shape[1], 1]);
    const inside = complementOfSquares(rows, c);
    // Outside the ball there is no distance.
    const isInside = detached(inside, (gap) => tf.greater(gap, 0));
    return tf.where(isInside, inside, tf.fill(inside.shape, NaN));
  };
  return {
    form: forms.poincareForm(c),
    rows: each((rows) => ({ rows, aux: gap(rows) })),
    post: undefined,
  };
}

function lorentz(op: string, value: number): PreparedMetric {
  const c = checkPositive(op, 'c', value);
  const side = (rows: Tensor3D): PairSide => {
    if (rows.size === 0) return { rows, aux: tf.zeros([rows.shape[0], rows.shape[1], 2]) };
    const sinh = tf.mul(rowLengths(rows), Math.sqrt(c));
    // e^r - 1 = sinh r + (cosh r - 1), without cancellation near the origin.
    const squared = tf.square(sinh);
    const fraction = tf.div(squared, tf.add(tf.sqrt(tf.add(squared, 1)), 1));
    const excess = tf.add(
      sinh,
      tf.where(
        detached(sinh, (v) => tf.greater(v, 1e9)),
        sinh,
        fraction,
      ),
    );
    return { rows: unitRows(rows), aux: tf.concat([excess, sinh], -1) };
  };
  return { form: forms.lorentzForm(c), rows: each(side), post: undefined };
}

// Rows

/** Scalar per row that is 0, or NaN where the row holds NaN. */
function poisonedRows(rows: Tensor3D): PairSide {
  const [batch, n] = rows.shape;
  if (rows.size === 0) return { rows, aux: tf.zeros([batch, n, 1]) };
  const marked = detached(rows, (x) => {
    const nan = tf.where(tf.isNaN(x), x, tf.zerosLike(x));
    return tf.sum(nan, -1, true);
  });
  return { rows, aux: marked };
}

/**
 * Rows less their mean, in two steps, so that a mean that float32 rounds leaves no error; a constant row
 * becomes zero exactly.
 */
function centredRows(rows: Tensor3D): Tensor {
  if (rows.size === 0) return rows;
  const once = tf.sub(rows, tf.mean(rows, -1, true));
  const twice = tf.sub(once, tf.mean(once, -1, true));
  const isConstant = detached(rows, (x) =>
    tf.equal(tf.max(x, -1, true), tf.min(x, -1, true)).broadcastTo(rows.shape),
  );
  return tf.where(isConstant, tf.zerosLike(rows), twice);
}

/** Rows that add to 1. */
function shares(rows: Tensor3D): Tensor {
  if (rows.size === 0) return rows;
  return tf.div(rows, tf.sum(rows, -1, true));
}

function latitudes(rows: Tensor3D): PairSide {
  const [latitude, longitude] = tf.split(rows, 2, -1);
  const { aux } = poisonedRows(rows);
  const parts = aux === undefined ? [longitude, latitude] : [longitude, latitude, aux];
  return { rows: latitude, aux: tf.concat(parts, -1) };
}

/** Angle whose 1 - cos is given: 2 asin(sqrt(v / 2)), derivative 1 / sqrt(v (2 - v)), 0 at both ends. */
function angleOf(cosineDistance: Tensor): Tensor {
  const op = tf.customGrad<Tensor>((...args) => {
    const [v, save] = args as [Tensor, tf.GradSaveFunc];
    save([v]);
    // A slot without neighbour holds infinity, which is no angle.
    const inside = tf.minimum(tf.mul(v, 0.5), 1);
    const angle = tf.mul(asin(tf.sqrt(inside)), 2);
    const value = tf.where(tf.equal(v, Infinity), v, angle);
    return {
      value,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => {
        const squared = tf.mul(saved, tf.sub(2, saved));
        const inner = tf.logicalAnd(tf.greater(squared, 0), tf.isFinite(squared));
        const safe = tf.where(inner, squared, tf.onesLike(squared));
        return tf.where(inner, tf.div(dy, tf.sqrt(safe)), tf.zerosLike(dy));
      },
    };
  });
  return op(cosineDistance);
}
