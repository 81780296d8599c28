import { z } from 'zod';
import { DataError, DomainError, ShapeError } from '../errors.js';
import { LEAST_CORRELATION } from '../numerics.js';
import type { RowInput } from '../neighbors/rowInput.js';
import { checkFormat } from '../util/artifacts.js';
import type { Artifacts } from '../util/artifacts.js';
import type { Rows } from '../util/rows.js';
import { mapRows } from './blocks.js';
import { checkedArrays, float64Array } from './fitted.js';
import type { FittedArrays } from './fitted.js';
import { readInputs } from './inputs.js';
import { orthonormalBasis } from './orthonormal.js';
import { classesOf, difference, meanOf, project, scatter, whiten } from './statistics.js';

const METHODS = ['leace', 'nullProjection'] as const;
/** How a concept is taken out: see {@link LeaceEraser}. */
export type EraseMethod = (typeof METHODS)[number];

export interface EraseOptions {
  /** Default 'leace'. */
  readonly method?: EraseMethod;
}

const configSchema = z.strictObject({ method: z.enum(METHODS) });
const [MODEL, FORMAT] = ['eraser.leace', 1] as const;
const ARRAYS = {
  mean: { dtype: 'float64', shape: ['d'] },
  left: { dtype: 'float64', shape: ['d', 'q'] },
  right: { dtype: 'float64', shape: ['d', 'q'] },
} as const;

/** The two factors of what is taken out: x - left right^T (x - mean), both d x q. */
interface Factors {
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly rank: number;
}

/**
 * Takes a concept (a domain, a sensor, a source) out of features, so that no linear classifier can tell it
 * from them better than a constant can: afterwards all classes of the concept have the same mean.
 *
 * With mean m and covariance S of the features x, W W^T = S^+, and B the columns sqrt(n_c / n) (m_c - m) over
 * the classes of the concept, which span what S_XZ spans:
 * - 'leace' (default): r(x) = x - S^{1/2} P (S^{1/2})^+ (x - m), P the orthogonal projection on the columns of
 *   (S^{1/2})^+ B. Of all affine maps that erase the concept it changes the features least, in the mean square
 *   of every norm at once, and so also of that of S^-1.
 * - 'nullProjection': r(x) = x - Q Q^T (x - m), Q an orthonormal basis of B itself. It erases as well, but
 *   also takes out what is correlated with nothing but lies along the differences of the means. It needs no
 *   covariance: O(n d) to fit.
 *
 * Both are projections: erasing twice is erasing once, and the mean of all rows stays. What is erased is
 * the linear part: classes of equal mean and different spread are still told apart by a curved classifier.
 *
 * Numerics: float64 on the host, results rounded once to float32. Features are scaled to variance 1 before S is
 * inverted, which changes nothing but rounding; directions with less than 2^-36 of the largest variance then
 * count as constant and stay as they are. Canonical correlations of 2^-20 or less count as 0
 * (for 'nullProjection', gaps of the means of that share of the root of the total variance). Cost: O(n d^2 +
 * d^3) to fit, O(rows d q) to transform, q <= classes - 1.
 * Reference: Belrose, Schneider-Joseph, Ravfogel, Cotterell, Raff, Biderman, LEACE: Perfect Linear Concept Erasure in
 * Closed Form, NeurIPS 2023, section 4. For robust features: Kuznetsov et al., Robust AI-Generated Text
 * Detection by Restricted Embeddings, Findings of EMNLP 2024.
 * @example
 * const eraser = await LeaceEraser.fit(train, domains);
 * const scorer = await scorers.knn().fit({ features: await eraser.transform(train) });
 * const scores = await scorer.score({ features: await eraser.transform(others) });
 */
export class LeaceEraser {
  readonly method: EraseMethod;
  readonly #arrays: FittedArrays;

  private constructor(method: EraseMethod, arrays: FittedArrays) {
    this.method = method;
    this.#arrays = arrays;
  }

  /**
   * @param features Shape [n, d]. @param labels The concept's class of every row, integers >= 0 with or without
   * gaps, at least two different ones.
   * @throws DomainError for NaN and infinities (with their row), bad labels, one class, and bad options;
   * ShapeError for counts that differ.
   */
  static async fit(
    features: RowInput,
    labels: ArrayLike<number>,
    options: EraseOptions = {},
  ): Promise<LeaceEraser> {
    const found = await fitEraser('LeaceEraser.fit', features, labels, options);
    return new LeaceEraser(found.method, found.arrays);
  }

  /** Number of dimensions that are taken out, at most the number of classes less one. */
  get rank(): number {
    return this.#arrays.left.shape[1];
  }

  /**
   * The rows without the concept, on the host: all scorers take them.
   * @param features Shape [n, d] with the d of fit.
   * @throws DomainError for NaN and infinities (with their row); ShapeError for another width.
   */
  async transform(features: RowInput): Promise<Rows> {
    const op = 'LeaceEraser.transform';
    const { features: rows } = await readInputs(op, { features }, ['features']);
    const { mean, left, right } = this.#arrays;
    const [d, q] = left.shape;
    if (rows.rowShape[0] !== d) {
      const expected = `have ${d} columns, as in fit`;
      throw new ShapeError({ op, arg: 'features', expected, got: `${rows.rowShape[0]} columns` });
    }
    return mapRows(rows, (row, out) => {
      const shifted = Float64Array.from(row, (v, j) => v - mean.data[j]);
      const share = project(shifted, right.data, q);
      for (let j = 0; j < d; j++) {
        let taken = 0;
        for (let k = 0; k < q; k++) taken += left.data[j * q + k] * share[k];
        out[j] = row[j] - taken;
      }
    });
  }

  /** Everything that was fitted, as plain host data. */
  async toArtifacts(): Promise<Artifacts> {
    return await Promise.resolve({
      model: MODEL,
      formatVersion: FORMAT,
      config: { method: this.method },
      arrays: checkedArrays('LeaceEraser.toArtifacts', this.#arrays, ARRAYS),
    });
  }

  /**
   * An eraser from {@link toArtifacts}; it gives the same rows to the bit.
   * @throws DataError for another model or version, or arrays that do not fit.
   */
  static fromArtifacts(artifacts: Artifacts): LeaceEraser {
    const op = 'LeaceEraser.fromArtifacts';
    checkFormat(op, artifacts, MODEL, FORMAT, 'fit the eraser again');
    const parsed = configSchema.safeParse(artifacts.config);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0];
      const arg = ['config', ...path].join('.');
      throw new DataError({ op, arg, expected: 'be as toArtifacts wrote it', got: message });
    }
    const { method } = parsed.data;
    return new LeaceEraser(method, checkedArrays(op, artifacts.arrays, ARRAYS));
  }
}

/**
 * The rows without the concept that the labels name: {@link LeaceEraser.fit} and its transform of the same rows.
 * Errors as there.
 */
export async function eraseConcept(
  features: RowInput,
  labels: ArrayLike<number>,
  options: EraseOptions = {},
): Promise<Rows> {
  return await (await LeaceEraser.fit(features, labels, options)).transform(features);
}

async function fitEraser(
  op: string,
  given: RowInput,
  concept: ArrayLike<number>,
  options: EraseOptions,
): Promise<{ readonly method: EraseMethod; readonly arrays: FittedArrays }> {
  const { method = 'leace' } = options;
  if (!METHODS.includes(method)) {
    const expected = `be one of ${METHODS.join(', ')}`;
    throw new DomainError({ op, arg: 'method', expected, got: JSON.stringify(method) });
  }
  const bank = { features: given, labels: concept };
  const { features, labels } = await readInputs(op, bank, ['features', 'labels']);
  const mean = meanOf(features);
  const gaps = classGaps(op, features, labels, mean);
  const { left, right, rank } =
    method === 'leace'
      ? leastSquares(op, features, mean, gaps)
      : nullProjection(features, mean, gaps);
  const d = mean.length;
  const arrays = {
    mean: float64Array(mean, [d]),
    left: float64Array(left, [d, rank]),
    right: float64Array(right, [d, rank]),
  };
  return { method, arrays };
}

/** sqrt(n_c / n) (m_c - m) of every class. @throws DomainError for one class. */
function classGaps(
  op: string,
  features: Rows,
  labels: Int32Array,
  mean: Float64Array,
): Float64Array[] {
  const { ids, members, means } = classesOf(features, labels);
  if (ids.length < 2) {
    const fix = 'With one class there is nothing to erase.';
    const got = `only ${ids[0]}`;
    throw new DomainError({ op, arg: 'labels', expected: 'name two classes at least', got, fix });
  }
  return means.map((own, c) => {
    const share = Math.sqrt(members[c].length / features.count);
    return difference(own, mean).map((v) => v * share);
  });
}

/** Q and Q with Q an orthonormal basis of the gaps. */
function nullProjection(
  features: Rows,
  mean: Float64Array,
  gaps: readonly Float64Array[],
): Factors {
  const d = mean.length;
  const squares = features.data.reduce((sum, v, s) => sum + (v - mean[s % d]) ** 2, 0);
  const deviation = Math.sqrt(squares / features.count);
  const basis = orthonormalBasis(gaps, LEAST_CORRELATION * deviation);
  const matrix = columnsOf(basis, d);
  return { left: matrix, right: matrix, rank: basis.length };
}

/** S^{1/2} Q and (S^{1/2})^+ Q with Q an orthonormal basis of the whitened gaps. */
function leastSquares(
  op: string,
  features: Rows,
  mean: Float64Array,
  gaps: readonly Float64Array[],
): Factors {
  const d = mean.length;
  const covariance = scatter(features, () => mean).map((v) => v / features.count);
  if (covariance.every((v) => v === 0)) {
    return { left: new Float64Array(), right: new Float64Array(), rank: 0 };
  }
  // A constant feature keeps its scale: its variance is 0 in any.
  const scales = Float64Array.from({ length: d }, (_, j) => Math.sqrt(covariance[j * d + j]) || 1);
  const scaled = covariance.map((v, s) => v / scales[Math.floor(s / d)] / scales[s % d]);
  // Row s of W^T is an eigenvector times 1 / sqrt(its variance l), so its squared length is 1 / l.
  const { matrix: whitening, rank: r } = whiten(op, 'between rows', scaled, d, 0);
  const whitened = gaps.map((gap) =>
    project(
      gap.map((v, j) => v / scales[j]),
      whitening,
      r,
    ),
  );
  // Their lengths are canonical correlations of the features with the concept.
  const basis = orthonormalBasis(whitened, LEAST_CORRELATION);
  const squares = new Float64Array(r);
  whitening.forEach((v, s) => (squares[s % r] += v * v));
  const turned = (factor: (k: number) => number, j: number, unit: Float64Array): number =>
    unit.reduce((sum, v, k) => sum + whitening[j * r + k] * factor(k) * v, 0);
  const left = basis.map((unit) =>
    scales.map((scale, j) => scale * turned((k) => 1 / squares[k], j, unit)),
  );
  const right = basis.map((unit) => scales.map((scale, j) => turned(() => 1, j, unit) / scale));
  return { left: columnsOf(left, d), right: columnsOf(right, d), rank: basis.length };
}

/** Vectors of d values side by side, d x q. */
function columnsOf(vectors: readonly Float64Array[], d: number): Float64Array {
  const q = vectors.length;
  const matrix = new Float64Array(d * q);
  vectors.forEach((vector, k) => vector.forEach((v, j) => (matrix[j * q + k] = v)));
  return matrix;
}
