import type { MetricForm } from '../../specs/metricForm.js';
import { rankPairs } from './measure.js';
import type { Side } from './measure.js';
import type { Handle, Ops } from './ops.js';

/** Rows first .. first + count of a side. */
export function rowsOf(ops: Ops, side: Side, first: number, count: number): Side {
  if (first === 0 && count === side.rows.shape[0]) return side;
  return {
    rows: ops.rows(side.rows, first, count),
    aux: side.aux && ops.rows(side.aux, first, count),
  };
}

/** A side with a new axis of 1 at `axis`. */
export function withAxis(ops: Ops, { rows, aux }: Side, axis: 0 | 1): Side {
  const widened = (x: Handle): Handle =>
    ops.reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]);
  return { rows: widened(rows), aux: aux && widened(aux) };
}

/** Ranks [n, m] of all pairs by differences, in blocks whose [rows, columns, d] stays within the slab. */
export function pairRanks(ops: Ops, form: MetricForm, x: Side, y: Side): Handle {
  const [n, d] = x.rows.shape;
  const [m] = y.rows.shape;
  const pairs = Math.max(1, Math.floor(ops.slab / Math.max(1, d)));
  const columns = Math.min(m, pairs);
  const rows = Math.max(1, Math.min(n, Math.floor(pairs / columns)));
  const bands: Handle[] = [];
  for (let i = 0; i < n; i += rows) {
    const blocks: Handle[] = [];
    for (let j = 0; j < m; j += columns) {
      const [block] = ops.step((inner) => {
        const some = withAxis(inner, rowsOf(inner, x, i, Math.min(rows, n - i)), 1);
        const others = withAxis(inner, rowsOf(inner, y, j, Math.min(columns, m - j)), 0);
        return [rankPairs(inner, form, some, others)];
      });
      blocks.push(block);
    }
    bands.push(ops.concat(blocks, 1));
  }
  return ops.concat(bands, 0);
}
