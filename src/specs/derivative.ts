import { expressions as e } from './expression.js';
import type { Expression, Variable } from './expression.js';

/**
 * Partial derivative of an expression. At points where it does not exist the value is a chosen
 * subgradient that keeps training going: 0 for |v| and the root at 0, for a power below 1 at 0, for a
 * quotient by 0, and for asin at the ends of its domain; min and max take the left side among equals.
 */
export function derivative(of: Expression, by: Variable): Expression {
  switch (of.kind) {
    case 'constant':
      return ZERO;
    case 'variable':
      return of.name === by ? ONE : ZERO;
    case 'unary':
      return times(outerDerivative(of), derivative(of.of, by));
    case 'binary':
      return binaryDerivative(of, by);
    case 'where': {
      const then = derivative(of.then, by);
      const otherwise = derivative(of.otherwise, by);
      if (isZero(then) && isZero(otherwise)) return ZERO;
      return e.where(of.compare, of.left, of.right, then, otherwise);
    }
  }
}

const ZERO: Expression = { kind: 'constant', value: 0 };
const ONE: Expression = { kind: 'constant', value: 1 };

const isConstant = (v: Expression, value: number): boolean =>
  v.kind === 'constant' && v.value === value;
const isZero = (v: Expression): boolean => isConstant(v, 0);

function times(a: Expression, b: Expression): Expression {
  if (isZero(a) || isZero(b)) return ZERO;
  if (isConstant(a, 1)) return b;
  return isConstant(b, 1) ? a : e.mul(a, b);
}

function plus(a: Expression, b: Expression): Expression {
  if (isZero(a)) return b;
  return isZero(b) ? a : e.add(a, b);
}

function minus(a: Expression, b: Expression): Expression {
  if (isZero(b)) return a;
  return isZero(a) ? e.neg(b) : e.sub(a, b);
}

/** f'(v) of f(v). */
function outerDerivative({ op, of: v }: Extract<Expression, { kind: 'unary' }>): Expression {
  switch (op) {
    case 'neg':
      return { kind: 'constant', value: -1 };
    case 'abs':
      return e.sign(v);
    case 'sign':
      return ZERO;
    case 'sqrt':
      return e.where('le', v, 0, 0, e.div(0.5, e.sqrt(v)));
    case 'square':
      return e.mul(2, v);
    case 'exp':
      return e.exp(v);
    case 'log':
      return e.where('eq', v, 0, 0, e.div(1, v));
    case 'log1p':
      return e.where('eq', v, -1, 0, e.div(1, e.add(1, v)));
    case 'sin':
      return e.cos(v);
    case 'cos':
      return e.neg(e.sin(v));
    case 'asin':
      return e.where('lt', e.abs(v), 1, e.div(1, e.sqrt(e.mul(e.sub(1, v), e.add(1, v)))), 0);
    case 'asinh':
      return e.div(1, e.sqrt(e.add(1, e.square(v))));
  }
}

function binaryDerivative(of: Extract<Expression, { kind: 'binary' }>, by: Variable): Expression {
  const { op, left, right } = of;
  const dLeft = derivative(left, by);
  const dRight = derivative(right, by);
  switch (op) {
    case 'add':
      return plus(dLeft, dRight);
    case 'sub':
      return minus(dLeft, dRight);
    case 'mul':
      return plus(times(dLeft, right), times(left, dRight));
    case 'div': {
      const numerator = minus(dLeft, times(of, dRight));
      if (isZero(numerator)) return ZERO;
      return e.where('eq', right, 0, 0, e.div(numerator, right));
    }
    case 'min':
    case 'max': {
      if (isZero(dLeft) && isZero(dRight)) return ZERO;
      const [small, large] = op === 'min' ? [left, right] : [right, left];
      return e.where('le', small, large, dLeft, dRight);
    }
    case 'pow': {
      if (isZero(dLeft) && isZero(dRight)) return ZERO;
      if (right.kind !== 'constant') {
        throw new Error('the derivative of pow needs a constant exponent');
      }
      const p = right.value;
      if (p === 1) return dLeft;
      const slope = e.where('eq', left, 0, 0, e.mul(p, e.pow(left, p - 1)));
      return times(slope, dLeft);
    }
  }
}
