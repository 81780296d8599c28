import { expressionKey, isAlgebraic } from './expression.js';
import type { Expression } from './expression.js';

/**
 * Metrics as the kernels know them. The op has turned rows into features (and scalars per row) before,
 * see ops/metricRows.ts; what is left is one of four families.
 *
 * squares:      S = sum (x_f - y_f)^2, distance sqrt(S) with `root`, else S.
 * cosine:       1 - x.y / (|x| |y|), 1 when either row is zero, in [0, 2].
 * innerProduct: x.y, a similarity: neighbours are sorted descending, an empty slot holds -Infinity.
 * expression:   any sum or maximum of terms over the features, see {@link ExpressionForm}.
 */
export type MetricForm = ProductForm | ExpressionForm;

/** Metrics that a matrix product can compute fast and differences can compute accurately. */
export interface ProductForm {
  readonly family: 'squares' | 'cosine' | 'innerProduct';
  /** Distance is the root of the sum; squares only. */
  readonly root: boolean;
  /** Equal for equal forms. */
  readonly key: string;
}

/**
 * s_i = reduce over features f of terms[i](x_f, y_f); rank = rank(s0, s1, a.., b.., d), smaller is
 * nearer; distance = finish(r = rank), increasing. A reduction over no features is 0.
 */
export interface ExpressionForm {
  readonly family: 'expression';
  readonly reduce: 'sum' | 'max';
  /** One or two terms in x and y; >= 0 for finite rows when reduce is 'max'. */
  readonly terms: readonly [Expression] | readonly [Expression, Expression];
  readonly rank: Expression;
  readonly finish: Expression;
  /** Scalars per row, 0 to 4: inputs xAux and yAux of shape [B, rows, aux] when above 0. */
  readonly aux: number;
  readonly key: string;
  /**
   * Whether terms, rank and finish are algebraic, so that the exact mode can give the correctly
   * rounded distance, and so the same neighbours, on every backend. Otherwise each backend ranks on
   * its own float32 or float64 value, within the tolerance of the metric.
   */
  readonly algebraic: boolean;
}

export function productForm(family: ProductForm['family'], root = false): ProductForm {
  return { family, root, key: root ? `${family}Root` : family };
}

export function expressionForm(
  parts: Pick<ExpressionForm, 'reduce' | 'terms' | 'rank' | 'finish' | 'aux'>,
): ExpressionForm {
  const { reduce, terms, rank, finish, aux } = parts;
  const all = [...terms, rank, finish];
  return {
    family: 'expression',
    ...parts,
    key: `${reduce};${all.map(expressionKey).join(';')};${aux}`,
    algebraic: all.every(isAlgebraic),
  };
}

/** How neighbours are found; see ops/knn.ts. */
export const MODES = ['exact', 'fast', 'direct'] as const;
export type Mode = (typeof MODES)[number];

/** Whether larger values are nearer. */
export function isSimilarity(form: MetricForm): boolean {
  return form.family === 'innerProduct';
}
