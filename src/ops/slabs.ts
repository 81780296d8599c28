import type { Tensor } from '@tensorflow/tfjs';
import { SLAB_ELEMENTS } from '../numerics.js';
import type { PairSide } from './pairs.js';

/** Rows and columns of a slab whose [B, rows, columns, d] temporary stays within the bound. */
export function slabSizes(
  batch: number,
  n: number,
  m: number,
  d: number,
): { readonly rows: number; readonly columns: number } {
  const perPair = Math.max(1, batch * d);
  const pairs = Math.max(1, Math.floor(SLAB_ELEMENTS / perPair));
  const columns = Math.max(1, Math.min(m, pairs));
  return { columns, rows: Math.max(1, Math.min(n, Math.floor(pairs / columns))) };
}

/** Rows [start, start + count) of a side, with a new axis of 1 at `axis`: 2 for x, 1 for y. */
export function part(side: PairSide, start: number, count: number, axis: 1 | 2): () => PairSide {
  const cut = (t: Tensor): Tensor => t.slice([0, start, 0], [-1, count, -1]).expandDims(axis);
  return () => ({
    rows: cut(side.rows),
    aux: side.aux === undefined ? undefined : cut(side.aux),
  });
}
