import type { ProductForm } from '../../specs/metricForm.js';
import { cosineOf } from './measure.js';
import type { Handle, Ops } from './ops.js';

/**
 * Ranks by a matrix product. In float64 its error is that of cancellation only, 2^-53 of the squared
 * lengths, so it finds candidates for everything that is not closer together than that.
 */
export interface ProductSide {
  /** Rows moved to the common centre (squares), [rows, d], float64. */
  readonly rows: Handle;
  /** Squared lengths, [rows, 1]. */
  readonly sizes: Handle;
}

/** What is subtracted from both sides: the mean of y, in float32, so that differences are exact. */
export function centreOf(ops: Ops, form: ProductForm, y: Handle): Handle | undefined {
  if (form.family !== 'squares' || y.shape[0] === 0) return undefined;
  const mean = ops.reduce('Mean', y, 0, true);
  return ops.cast(ops.cast(mean, 'float32'), 'float64');
}

export function productSide(ops: Ops, rows: Handle, centre: Handle | undefined): ProductSide {
  const moved = centre === undefined ? rows : ops.binary('Sub', rows, centre);
  const sizes = ops.reduce('Sum', ops.unary('Square', moved), 1, true);
  return { rows: moved, sizes };
}

/** Ranks [n, m] of all pairs; at least 0 for squares and cosine. */
export function productRanks(ops: Ops, form: ProductForm, x: ProductSide, y: ProductSide): Handle {
  const products = ops.product(x.rows, y.rows);
  const ySizes = ops.reshape(y.sizes, [1, y.sizes.shape[0]]);
  if (form.family === 'innerProduct') return ops.unary('Neg', products);
  if (form.family === 'cosine') return cosineOf(ops, products, ops.binary('Mul', x.sizes, ySizes));
  const both = ops.binary('AddV2', x.sizes, ySizes);
  const ranks = ops.binary('Sub', both, ops.binary('AddV2', products, products));
  return ops.binary('Maximum', ranks, ops.scalar(0));
}

/**
 * Rows whose product x'. y' is larger for nearer pairs, so that nothing else passes over the matrix of
 * pairs. squares: x' = [2 x, 1], y' = [y, -|y|^2]; cosine: unit rows; innerProduct: the rows.
 */
export function searchRows(
  ops: Ops,
  form: ProductForm,
  { rows, sizes }: ProductSide,
  role: 'query' | 'point',
): Handle {
  if (form.family === 'innerProduct') return rows;
  if (form.family === 'cosine') {
    const one = ops.scalar(1);
    const isZero = ops.binary('Equal', sizes, ops.scalar(0));
    return ops.binary('RealDiv', rows, ops.select(isZero, one, ops.unary('Sqrt', sizes)));
  }
  if (role === 'point') return ops.concat([rows, ops.unary('Neg', sizes)], 1);
  const ones = ops.broadcast(ops.scalar(1), sizes.shape);
  return ops.concat([ops.binary('AddV2', rows, rows), ones], 1);
}

/** Ranks of products of {@link searchRows}, [rows, columns]. */
export function ranksOfProducts(
  ops: Ops,
  form: ProductForm,
  products: Handle,
  querySizes: Handle,
): Handle {
  if (form.family === 'innerProduct') return ops.unary('Neg', products);
  const base = form.family === 'cosine' ? ops.scalar(1) : querySizes;
  return ops.binary('Maximum', ops.binary('Sub', base, products), ops.scalar(0));
}

/**
 * Bound of the error of a rank by products in float64, broadcastable to the ranks: products and lengths of d
 * terms, each term and each addition rounded once, and the rounding of the rows that were moved or divided
 * by their length.
 */
export function rankErrors(ops: Ops, form: ProductForm, x: ProductSide, ySizes: Handle): Handle {
  const d = x.rows.shape[1];
  const unit = ops.scalar((2 * d + 32) * 2 ** -53);
  if (form.family === 'cosine') return ops.binary('Mul', unit, ops.scalar(4));
  const both =
    form.family === 'squares'
      ? ops.binary('Mul', ops.scalar(2), ops.binary('AddV2', x.sizes, ySizes))
      : ops.unary('Sqrt', ops.binary('Mul', x.sizes, ySizes));
  return ops.binary('Mul', unit, both);
}

/** Whether all values are finite: rows that are not have no rank by products. */
export function allFinite(ops: Ops, x: Handle): boolean {
  const flat = ops.reshape(ops.unary('IsFinite', x), [-1]);
  return ops.values(ops.reduce('All', flat, 0))[0] !== 0;
}
