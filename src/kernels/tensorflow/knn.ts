import type { TensorInfo } from '@tensorflow/tfjs';
import { knnSpec } from '../../specs/knn.js';
import type { KnnAttrs, KnnCall } from '../../specs/knn.js';
import { isSimilarity } from '../../specs/metricForm.js';
import type { MetricForm, ProductForm } from '../../specs/metricForm.js';
import { defineKernel } from '../../specs/spec.js';
import { candidatesFor } from '../shared/candidates.js';
import { excludedPairs } from './masks.js';
import type { Masks } from './masks.js';
import { finishRanks, rankPairs } from './measure.js';
import type { Side } from './measure.js';
import { DTYPE, withOps } from './ops.js';
import type { Handle, Ops, TensorflowBackend } from './ops.js';
import { pairRanks, rowsOf, withAxis } from './pairs.js';
import {
  allFinite,
  centreOf,
  productSide,
  rankErrors,
  ranksOfProducts,
  searchRows,
} from './products.js';
import type { ProductSide } from './products.js';
import { matrixSides } from './sides.js';

/** Stands for an infinite distance, which is nearer than none: beyond float32, within float64. */
const FAR = 1e300;

type Call = KnnCall<TensorflowBackend>;

/** One matrix of a batch, in float64. */
interface Search {
  readonly form: MetricForm;
  readonly k: number;
  readonly queries: Side;
  readonly points: Side;
  readonly masks: Masks;
}

/** Keys (distances, or negated similarities) and indices, [rows, k]; empty slots are (Infinity, -1). */
type Found = readonly [keys: Handle, indices: Handle];

/**
 * Slabs of queries against all points, so that nothing of size [q, n] exists. Mode 'exact' of the product
 * families: candidates by a float64 product, measured again by differences, with a bound of the error
 * per query; queries for which it decides nothing, and all other searches: differences in float64.
 */
function compute(call: Call): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, q] = inputs.queries.shape;
  const { k, form } = attrs;
  return withOps(knnSpec.op, backend, (ops) => {
    if (batch * q * k === 0) {
      return [
        ops.output(ops.floats(new Float32Array(0), [0]), outputs[0].shape),
        ops.output(ops.integers(new Int32Array(0)), outputs[1].shape),
      ];
    }
    const given = (info: TensorInfo | undefined): Handle | undefined => info && ops.input(info);
    const queries = { rows: ops.input(inputs.queries), aux: given(inputs.queryAux) };
    const points = { rows: ops.input(inputs.points), aux: given(inputs.pointAux) };
    const [allowed, queryGroups, pointGroups] = [
      given(inputs.allowed),
      given(inputs.queryGroups),
      given(inputs.pointGroups),
    ];
    const all = Array.from({ length: batch }, (_, b): Found => {
      const of = (x: Handle | undefined): Handle | undefined =>
        x && ops.reshape(ops.rows(x, x.shape[0] === 1 ? 0 : b, 1), x.shape.slice(1));
      const masks = {
        selfOffset: attrs.selfOffset,
        allowed: of(allowed),
        queryGroups: of(queryGroups),
        pointGroups: of(pointGroups),
      };
      const sides = { queries: matrixSides(ops, queries, b), points: matrixSides(ops, points, b) };
      return searchMatrix(ops, { form, k, ...sides, masks }, attrs.mode);
    });
    const keys = ops.concat(
      all.map(([values]) => values),
      0,
    );
    const indices = ops.concat(
      all.map(([, at]) => at),
      0,
    );
    // 0 - 0 is a plain 0, where the negative of 0 is not.
    const distances = isSimilarity(form) ? ops.binary('Sub', ops.scalar(0), keys) : keys;
    return [
      ops.output(ops.cast(distances, 'float32'), outputs[0].shape),
      ops.output(indices, outputs[1].shape),
    ];
  });
}

function searchMatrix(ops: Ops, search: Search, mode: KnnAttrs['mode']): Found {
  const { form, queries, points } = search;
  const q = queries.rows.shape[0];
  const n = points.rows.shape[0];
  return ops.step((inner): Found => {
    const byProducts =
      form.family !== 'expression' &&
      mode !== 'direct' &&
      allFinite(inner, queries.rows) &&
      allFinite(inner, points.rows);
    const prepared = byProducts ? prepare(inner, form, points.rows, mode === 'fast') : undefined;
    const rows = Math.max(1, Math.min(q, Math.floor(ops.slab / n)));
    const slabs: Found[] = [];
    for (let first = 0; first < q; first += rows) {
      const count = Math.min(rows, q - first);
      slabs.push(
        inner.step((step) => {
          const excluded = excludedPairs(step, search.masks, first, count, n);
          const own = { ...search, queries: rowsOf(step, queries, first, count) };
          if (prepared === undefined) return directSlab(step, own, excluded);
          if (mode === 'fast') return fastSlab(step, own, prepared, excluded);
          return exactSlab(step, own, prepared, excluded);
        }),
      );
    }
    return [
      inner.concat(
        slabs.map(([keys]) => keys),
        0,
      ),
      inner.concat(
        slabs.map(([, indices]) => indices),
        0,
      ),
    ];
  });
}

/** What all slabs of queries share. */
interface Prepared {
  readonly form: ProductForm;
  readonly centre: Handle | undefined;
  /** Points as their products are taken: float64, or float32 for mode 'fast'. */
  readonly points: Handle;
  /** Largest squared length of the points. */
  readonly largest: Handle;
}

function prepare(ops: Ops, form: ProductForm, points: Handle, isFast: boolean): Prepared {
  const centre = centreOf(ops, form, points);
  const side = productSide(ops, points, centre);
  const largest = ops.reduce('Max', ops.reshape(side.sizes, [-1]), 0);
  const rows = searchRows(ops, form, side, 'point');
  return { form, centre, points: ops.cast(rows, isFast ? 'float32' : 'float64'), largest };
}

/** The points with the largest products. */
interface Candidates {
  readonly side: ProductSide;
  /** [rows, keep], largest first; -Infinity for pairs that do not exist. */
  readonly products: Handle;
  readonly positions: Handle;
}

function candidates(
  ops: Ops,
  queries: Handle,
  { form, centre, points }: Prepared,
  excluded: Handle | undefined,
  keep: number,
): Candidates {
  const side = productSide(ops, queries, centre);
  const rows = searchRows(ops, form, side, 'query');
  const dtype = points.dtype === DTYPE.float32 ? 'float32' : 'float64';
  const all = ops.product(ops.cast(rows, dtype), points);
  const none = ops.cast(ops.scalar(-Infinity), dtype);
  const allowed = excluded ? ops.select(excluded, none, all) : all;
  const [products, positions] = ops.topK(allowed, keep);
  return { side, products: ops.cast(products, 'float64'), positions };
}

/** The k nearest of all points by keys [rows, n] in float64. */
function order(ops: Ops, keys: Handle, excluded: Handle | undefined, k: number): Found {
  const none = ops.scalar(Infinity);
  const bounded = ops.binary('Minimum', keys, ops.scalar(FAR));
  const isMissing = ops.unary('IsNan', keys);
  const missing = excluded ? ops.binary('LogicalOr', isMissing, excluded) : isMissing;
  const ranked = ops.select(missing, none, bounded);
  const [values, positions] = ops.topK(ops.unary('Neg', ranked), k);
  const found = ops.unary('Neg', values);
  const isFar = ops.binary('Equal', found, ops.scalar(FAR));
  const isEmpty = ops.binary('Equal', found, none);
  const minusOne = ops.integers(Int32Array.of(-1), []);
  // 0 - (-0) is a plain 0.
  const plain = ops.binary('AddV2', found, ops.scalar(0));
  return [ops.select(isFar, none, plain), ops.select(isEmpty, minusOne, positions)];
}

/** Keys as float32 results order them, in float64 arrays. */
function keysOf(ops: Ops, form: MetricForm, ranks: Handle): Handle {
  const keys = form.family === 'innerProduct' ? ranks : finishRanks(ops, form, ranks);
  return ops.cast(ops.cast(keys, 'float32'), 'float64');
}

function directSlab(ops: Ops, search: Search, excluded: Handle | undefined): Found {
  const { form, queries, points, k } = search;
  return order(ops, keysOf(ops, form, pairRanks(ops, form, queries, points)), excluded, k);
}

/** The k largest products as they are. */
function fastSlab(
  ops: Ops,
  { queries, k }: Search,
  prepared: Prepared,
  excluded: Handle | undefined,
): Found {
  const { form } = prepared;
  const { side, products, positions } = candidates(ops, queries.rows, prepared, excluded, k);
  const keys = keysOf(ops, form, ranksOfProducts(ops, form, products, side.sizes));
  const isMissing = ops.binary('Equal', products, ops.scalar(-Infinity));
  const minusOne = ops.integers(Int32Array.of(-1), []);
  return [
    ops.select(isMissing, ops.scalar(Infinity), keys),
    ops.select(isMissing, minusOne, positions),
  ];
}

function exactSlab(
  ops: Ops,
  search: Search,
  prepared: Prepared,
  excluded: Handle | undefined,
): Found {
  const { queries, points, k } = search;
  const { form } = prepared;
  const rows = queries.rows.shape[0];
  const n = points.rows.shape[0];
  const keep = candidatesFor(k, n);
  if (keep === n) return directSlab(ops, search, excluded);
  const { side, products, positions } = candidates(ops, queries.rows, prepared, excluded, keep);
  const [keys, at] = measureAgain(ops, search, ascending(ops, positions), excluded);

  // Points that are no candidates rank at or above the last candidate, less the error of both.
  const worst = ops.column(products, keep - 1);
  const last = ranksOfProducts(ops, form, worst, side.sizes);
  const lowest = ops.binary('Sub', last, rankErrors(ops, form, side, prepared.largest));
  const bounded =
    form.family === 'innerProduct' ? lowest : ops.binary('Maximum', lowest, ops.scalar(0));
  const isSure = ops.binary('Greater', keysOf(ops, form, bounded), ops.column(keys, k - 1));
  const hasAll = ops.binary('Equal', worst, ops.scalar(-Infinity));
  const sure = ops.values(ops.binary('LogicalOr', isSure, hasAll));
  const failed = Int32Array.from({ length: rows }, (_, i) => i).filter((i) => sure[i] === 0);
  if (failed.length === 0) return [keys, at];

  const again = ops.integers(failed);
  const own = {
    ...search,
    queries: { rows: ops.gather(queries.rows, again, 0), aux: undefined },
  };
  const masked = excluded && ops.gather(ops.broadcast(excluded, [rows, n]), again, 0);
  const [newKeys, newAt] = directSlab(ops, own, masked);
  const where = ops.reshape(again, [failed.length, 1]);
  return [ops.replace(keys, where, newKeys), ops.replace(at, where, newAt)];
}

/** Positions of every row by ascending index, so that equal distances keep the lower index first. */
function ascending(ops: Ops, positions: Handle): Handle {
  const negated = ops.unary('Neg', ops.cast(positions, 'float64'));
  const [sorted] = ops.topK(negated, positions.shape[1]);
  return ops.cast(ops.unary('Neg', sorted), 'int32');
}

/** The k nearest of candidates [rows, keep] by differences in float64. */
function measureAgain(
  ops: Ops,
  { form, queries, points, k }: Search,
  places: Handle,
  excluded: Handle | undefined,
): Found {
  const [rows, keep] = places.shape;
  const d = queries.rows.shape[1];
  const n = points.rows.shape[0];
  const count = Math.max(1, Math.min(rows, Math.floor(ops.slab / Math.max(1, keep * d))));
  const parts: Handle[] = [];
  for (let first = 0; first < rows; first += count) {
    const [part] = ops.step((inner) => {
      const some = Math.min(count, rows - first);
      const own = withAxis(inner, rowsOf(inner, queries, first, some), 1);
      const near = inner.gather(points.rows, inner.rows(places, first, some), 0);
      return [keysOf(inner, form, rankPairs(inner, form, own, { rows: near, aux: undefined }))];
    });
    parts.push(part);
  }
  const keys = ops.concat(parts, 0);
  const masked = excluded && ops.gather(ops.broadcast(excluded, [rows, n]), places, 1, true);
  const [values, slots] = order(ops, keys, masked, k);
  const isEmpty = ops.binary('Less', slots, ops.integers(Int32Array.of(0), []));
  const minusOne = ops.integers(Int32Array.of(-1), []);
  const slot = ops.binary('Maximum', slots, ops.integers(Int32Array.of(0), []));
  return [values, ops.select(isEmpty, minusOne, ops.gather(places, slot, 1, true))];
}

export const knnTensorflow = defineKernel(knnSpec, 'tensorflow', compute);
