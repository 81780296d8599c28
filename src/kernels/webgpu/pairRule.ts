import { children, isAlgebraic } from '../../specs/expression.js';
import type { Expression } from '../../specs/expression.js';
import type { ExpressionForm, MetricForm } from '../../specs/metricForm.js';
import { ZERO_ROW_BOUND } from './unitRows.js';
import { formCode } from './wgsl/expression.js';
import { IS_FINITE } from './wgsl/numbers.js';

/**
 * A metric form as a program sees it: WGSL functions `formTerm0(x, y)` (and `formTerm1`), reduced over
 * the features, and `pairDistance(s0, s1, a, b, d)` of the reductions and the scalars of both rows.
 */
export interface PairRule {
  /** Equal for equal code. */
  readonly key: string;
  readonly code: string;
  readonly terms: 1 | 2;
  readonly reduce: 'sum' | 'max';
  /** Scalars per row. */
  readonly aux: number;
  /** Whether a pair of zeros adds nothing, so that rows may be padded with zeros. */
  readonly padded: boolean;
  /**
   * Rows and columns that one thread should compute at a time: more for short terms, which then share
   * what is read; fewer for long ones, whose copies a compiler takes seconds for.
   */
  readonly side: 1 | 2 | 4;
}

const rule = (key: string, code: string, aux = 0): PairRule => ({
  key,
  code,
  terms: 1,
  reduce: 'sum',
  aux,
  padded: true,
  side: 4,
});

const DIFFERENCE = `
  fn formTerm0(x : f32, y : f32) -> f32 {
    let difference = x - y;
    return difference * difference;
  }
`;
const PRODUCT = `
  fn formTerm0(x : f32, y : f32) -> f32 { return x * y; }
`;
const distance = (body: string): string => `
  fn pairDistance(s0 : f32, s1 : f32, a : vec4<f32>, b : vec4<f32>, d : f32) -> f32 {
    ${body}
  }
`;
// NaN and infinity pass as they are, and a square root of 0 is 0 on every GPU.
const ROOT = `
  fn rootOf(sum : f32) -> f32 {
    if (!isFinite(sum) || sum == 0.0) { return sum; }
    return sqrt(sum);
  }
`;

const rules = {
  squares: rule('squares', DIFFERENCE + distance('return s0;')),
  squaresRoot: rule('squaresRoot', IS_FINITE + ROOT + DIFFERENCE + distance('return rootOf(s0);')),
  innerProduct: rule('innerProduct', PRODUCT + distance('return s0;')),
  // Of unit rows, see unitRows. Rounding may carry opposite vectors past 2.
  cosine: rule(
    'cosine',
    IS_FINITE +
      DIFFERENCE +
      distance(`
    if (!isFinite(s0)) { return s0; }
    if (s0 > ${ZERO_ROW_BOUND}) { return 1.0; }
    return min(0.5 * s0, 2.0);`),
  ),
} as const;

/** |x|^2 + |y|^2 - 2 x.y, with the squared lengths as the scalars of the rows. */
const expandedCode = (root: boolean): string =>
  IS_FINITE +
  (root ? ROOT : '') +
  PRODUCT +
  distance(`
    let squares = a.x + b.x;
    // Infinity less infinity would be NaN.
    if (!isFinite(squares)) { return squares; }
    let sum = max(squares - 2.0 * s0, 0.0);
    return ${root ? 'rootOf(sum)' : 'sum'};`);

/** The rule of a form from differences; cosine of rows made by unitRows. */
export function pairRule(form: MetricForm): PairRule {
  if (form.family === 'expression') return expressionRule(form);
  if (form.family === 'squares') return form.root ? rules.squaresRoot : rules.squares;
  return rules[form.family];
}

/** The rule of squares as a product of rows, whose scalars are their squared lengths. */
export function expandedRule(root: boolean): PairRule {
  return rule(root ? 'expandedRoot' : 'expanded', expandedCode(root), 1);
}

function expressionRule(form: ExpressionForm): PairRule {
  return {
    key: form.key,
    code: formCode(form) + distance('return formFinish(formRank(s0, s1, a, b, d));'),
    terms: form.terms.length,
    reduce: form.reduce,
    aux: form.aux,
    padded: false,
    side: sideOf(form),
  };
}

function sideOf({ terms }: ExpressionForm): PairRule['side'] {
  if (!terms.every(isAlgebraic)) return 1;
  const operations = (part: Expression): number =>
    children(part).reduce((sum, child) => sum + operations(child), 1);
  return terms.reduce((sum, term) => sum + operations(term), 0) <= 5 ? 4 : 2;
}
