import { evaluateIn } from '../../specs/expression.js';
import type { Binary, Comparison, Expression, Unary, Variable } from '../../specs/expression.js';
import type { ExpressionForm, MetricForm } from '../../specs/metricForm.js';
import type { Binary as BinaryOp, Handle, Ops, Unary as UnaryOp } from './ops.js';

/** Rows of one side as float64: features [.., d], and scalars [.., aux] where the form has them. */
export interface Side {
  readonly rows: Handle;
  readonly aux: Handle | undefined;
}

/** Functions of expressions as TensorFlow names them. */
export const UNARY_OPS: Readonly<Record<Unary, UnaryOp>> = {
  neg: 'Neg',
  abs: 'Abs',
  sign: 'Sign',
  sqrt: 'Sqrt',
  square: 'Square',
  exp: 'Exp',
  log: 'Log',
  log1p: 'Log1p',
  sin: 'Sin',
  cos: 'Cos',
  asin: 'Asin',
  asinh: 'Asinh',
};

const BINARY: Readonly<Record<Binary, BinaryOp>> = {
  add: 'AddV2',
  sub: 'Sub',
  mul: 'Mul',
  div: 'RealDiv',
  min: 'Minimum',
  max: 'Maximum',
  pow: 'Pow',
};

export const COMPARE_OPS: Readonly<Record<Comparison, BinaryOp>> = {
  lt: 'Less',
  le: 'LessEqual',
  eq: 'Equal',
};

/** Value of an expression in float64. */
function evaluate(ops: Ops, expression: Expression, variable: (name: Variable) => Handle): Handle {
  return evaluateIn<Handle>(expression, {
    constant: (value) => ops.scalar(value),
    variable,
    unary: (op, of) => ops.unary(UNARY_OPS[op], of),
    binary: (op, left, right) => ops.binary(BINARY[op], left, right),
    where: (compare, left, right, then, otherwise) =>
      ops.select(ops.binary(COMPARE_OPS[compare], left, right), then, otherwise),
  });
}

/**
 * Ranks in float64 of pairs of rows whose leading axes broadcast; the features, on the last axis, are
 * reduced. Differences only, so that no digit of a small distance is lost.
 */
export function rankPairs(ops: Ops, form: MetricForm, x: Side, y: Side): Handle {
  switch (form.family) {
    case 'squares': {
      const difference = ops.binary('Sub', x.rows, y.rows);
      return sum(ops, ops.unary('Square', difference));
    }
    case 'innerProduct':
      return ops.unary('Neg', sum(ops, ops.binary('Mul', x.rows, y.rows)));
    case 'cosine': {
      const products = sum(ops, ops.binary('Mul', x.rows, y.rows));
      // Summed over arrays of one shape, so that equal rows have equal sums and are at exactly 0.
      const shape = broadcastShape(x.rows.shape, y.rows.shape);
      const size = (rows: Handle): Handle =>
        sum(ops, ops.unary('Square', ops.broadcast(rows, shape)));
      return cosineOf(ops, products, ops.binary('Mul', size(x.rows), size(y.rows)));
    }
    case 'expression':
      return expressionRank(ops, form, x, y);
  }
}

const sum = (ops: Ops, x: Handle): Handle => ops.reduce('Sum', x, x.shape.length - 1);

/** 1 - product / sqrt(sizes), not below 0; 1 where a row is zero, NaN where the product is. */
export function cosineOf(ops: Ops, products: Handle, sizes: Handle): Handle {
  const one = ops.scalar(1);
  const zero = ops.scalar(0);
  const ratio = ops.binary('RealDiv', products, ops.unary('Sqrt', sizes));
  const distance = ops.binary('Sub', one, ratio);
  const clamped = ops.select(ops.binary('Less', distance, zero), zero, distance);
  const isZero = ops.binary('Equal', sizes, zero);
  const angle = ops.select(isZero, one, clamped);
  return ops.select(ops.unary('IsNan', products), products, angle);
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  return a.map((size, i) => (size === 1 ? b[i] : size));
}

function expressionRank(ops: Ops, form: ExpressionForm, x: Side, y: Side): Handle {
  const shape = broadcastShape(x.rows.shape, y.rows.shape);
  const d = shape[shape.length - 1];
  const lead = shape.slice(0, -1);
  const reduced = form.terms.map((term) => {
    const values = evaluate(ops, term, (name) => (name === 'x' ? x.rows : y.rows));
    if (d === 0) return ops.broadcast(ops.scalar(0), lead);
    const whole = ops.broadcast(values, shape);
    const result = ops.reduce(form.reduce === 'max' ? 'Max' : 'Sum', whole, shape.length - 1);
    // A maximum starts at 0, as a sum does.
    return form.reduce === 'max' ? ops.binary('Maximum', result, ops.scalar(0)) : result;
  });
  const rank = evaluate(ops, form.rank, (name) => {
    if (name === 's0') return reduced[0];
    if (name === 's1') return reduced[1];
    if (name === 'd') return ops.scalar(d);
    const side = name.startsWith('a') ? x.aux : y.aux;
    if (side === undefined) throw new Error(`the form has no scalar ${name}`);
    const column = ops.column(side, Number(name.charAt(1)));
    return ops.reshape(column, column.shape.slice(0, -1));
  });
  return ops.broadcast(rank, lead);
}

/** Distances of ranks: similarities as they are, without their sign. */
export function finishRanks(ops: Ops, form: MetricForm, ranks: Handle): Handle {
  if (form.family === 'expression') return evaluate(ops, form.finish, () => ranks);
  if (form.family === 'innerProduct') return ops.unary('Neg', ranks);
  return form.root ? ops.unary('Sqrt', ranks) : ranks;
}
