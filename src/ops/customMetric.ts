import { DomainError } from '../errors.js';
import { contains, expressions, lift, variable, variablesOf } from '../specs/expression.js';
import type { Expression, Expressions, Operand, Variable } from '../specs/expression.js';
import { expressionForm } from '../specs/metricForm.js';
import type { ExpressionForm } from '../specs/metricForm.js';

/** A metric of the user's own; made by {@link customMetric}. */
export interface CustomMetric {
  readonly name: string;
  readonly form: ExpressionForm;
}

/** Parts of a custom metric; every function gets the toolbox of expressions last. */
export interface CustomMetricParts {
  /** Shown in error messages. */
  readonly name: string;
  /** What one feature of the two rows adds: one term, or two that `rank` combines. */
  readonly term: (
    x: Expression,
    y: Expression,
    e: Expressions,
  ) => Operand | readonly [Operand, Operand];
  /** How terms are brought together over the features. Default 'sum'. */
  readonly reduce?: 'sum' | 'max';
  /** Rank of the reduced terms, smaller is nearer; d is the number of features. Default: the first. */
  readonly rank?: (s0: Expression, s1: Expression, d: Expression, e: Expressions) => Operand;
  /** Distance of a rank, an increasing function; taken of the winners only. Default: the rank itself. */
  readonly finish?: (r: Expression, e: Expressions) => Operand;
}

/**
 * A metric given as a small typed expression: it runs on every backend as generated code (WGSL, SIMD)
 * and is differentiable like the built-in ones.
 *
 * D(x, y) = finish(rank(reduce_f term_0(x_f, y_f), reduce_f term_1(x_f, y_f), d)).
 *
 * The functions are called once, with symbols; they must build their result with the toolbox `e`
 * (add, sub, mul, div, min, max, pow, abs, sign, sqrt, square, exp, log, log1p, sin, cos, asin, asinh,
 * neg, where) and numbers. Ordinary arithmetic on the symbols is a type error.
 *
 * @throws DomainError for a constant that float32 can't hold, an exponent that is not a number, or a
 * variable where it has no value.
 * @example
 * const logEuclidean = customMetric({
 *   name: 'logEuclidean',
 *   term: (x, y, e) => e.square(e.sub(e.log(x), e.log(y))),
 *   finish: (r, e) => e.sqrt(r),
 * });
 * knn(queries, points, 5, { metric: logEuclidean });
 */
export function customMetric(parts: CustomMetricParts): CustomMetric {
  const e = expressions;
  const made = parts.term(variable('x'), variable('y'), e);
  const terms: ExpressionForm['terms'] = isPair(made)
    ? [lift(made[0]), lift(made[1])]
    : [lift(made)];
  const s0 = variable('s0');
  const rank = lift(parts.rank?.(s0, variable('s1'), variable('d'), e) ?? s0);
  const finish = lift(parts.finish?.(variable('r'), e) ?? variable('r'));
  for (const term of terms) check(parts.name, 'term', term, ['x', 'y']);
  check(parts.name, 'rank', rank, terms.length === 2 ? ['s0', 's1', 'd'] : ['s0', 'd']);
  check(parts.name, 'finish', finish, ['r']);
  return {
    name: parts.name,
    form: expressionForm({ reduce: parts.reduce ?? 'sum', terms, rank, finish, aux: 0 }),
  };
}

function isPair(made: Operand | readonly [Operand, Operand]): made is readonly [Operand, Operand] {
  return Array.isArray(made);
}

function check(
  name: string,
  part: string,
  expression: Expression,
  allowed: readonly Variable[],
): void {
  const arg = `${part} of metric '${name}'`;
  for (const used of variablesOf(expression)) {
    if (allowed.includes(used)) continue;
    throw new DomainError({
      op: 'customMetric',
      arg,
      expected: `use only ${allowed.join(', ')}`,
      got: used,
    });
  }
  contains(expression, (inner) => {
    if (inner.kind === 'constant' && !Number.isFinite(Math.fround(inner.value))) {
      throw new DomainError({
        op: 'customMetric',
        arg,
        expected: 'hold constants that are finite in float32',
        got: String(inner.value),
      });
    }
    if (inner.kind === 'binary' && inner.op === 'pow' && inner.right.kind !== 'constant') {
      throw new DomainError({
        op: 'customMetric',
        arg,
        expected: 'raise to powers that are plain numbers',
        got: 'an expression as exponent',
        fix: 'Write exp(mul(exponent, log(base))).',
      });
    }
    return false;
  });
}
