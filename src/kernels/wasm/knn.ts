import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { FLOAT32_MAX, FLOAT32_ROUNDOFF } from '../../numerics.js';
import { evaluatorOf } from '../../specs/evaluate.js';
import { knnSpec } from '../../specs/knn.js';
import type { KnnAttrs, KnnCall } from '../../specs/knn.js';
import type { ProductForm } from '../../specs/metricForm.js';
import { defineKernel } from '../../specs/spec.js';
import { candidatesFor } from '../shared/candidates.js';
import type { Masks } from '../shared/masks.js';
import { runDistances } from './distances.js';
import type { DistanceMasks } from './distances.js';
import { fillOutputs, float32View, int32View, optionalFloat32View } from './heap.js';
import { certifyProducts, ExactRows } from './knnExact.js';
import type { ExactSearch } from './knnExact.js';
import { productCandidates } from './knnProduct.js';
import type { Candidates } from './knnProduct.js';
import type { PackedPoints } from './productPoints.js';
import { residentPoints } from './residentPoints.js';
import { withScratch } from './module.js';
import type { Scratch } from './module.js';
import { inputRange, rankError } from './rankError.js';

type Call = KnnCall<BackendWasm>;

/** Float64 operations up to which a search is not worth any preparation. */
const SMALL_SEARCH = 2e5;

function masksOf({ inputs, attrs, backend }: Call): Masks {
  const integers = (info: TensorInfo | undefined): Int32Array | undefined =>
    info === undefined ? undefined : int32View(backend, info);
  const [allowedBatch, allowedQueries, words] = inputs.allowed?.shape ?? [0, 0, 0];
  return {
    selfOffset: attrs.selfOffset,
    allowed: integers(inputs.allowed),
    allowedBatch,
    allowedQueries,
    words,
    queryGroups: integers(inputs.queryGroups),
    pointGroups: integers(inputs.pointGroups),
  };
}

function compute(call: Call): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, n, d] = inputs.queries.shape;
  const m = inputs.points.shape[1];
  const { k, form } = attrs;
  const distances = backend.makeOutput(outputs[0].shape, 'float32');
  const indices = backend.makeOutput(outputs[1].shape, 'int32');
  return fillOutputs(backend, [distances, indices], () => {
    if (batch * n * k === 0) return;
    const x = float32View(backend, inputs.queries);
    const y = float32View(backend, inputs.points);
    const xAux = optionalFloat32View(backend, inputs.queryAux);
    const yAux = optionalFloat32View(backend, inputs.pointAux);
    const masks = masksOf(call);
    const outDistances = float32View(backend, distances);
    const outIndices = int32View(backend, indices);
    const aux = form.family === 'expression' ? form.aux : 0;
    const kept = keptPoints(call, y);
    withScratch(knnSpec.op, (scratch) => {
      for (let b = 0; b < batch; b++) {
        const search: ExactSearch = {
          form,
          x: x.subarray(b * n * d, (b + 1) * n * d),
          y: y.subarray(b * m * d, (b + 1) * m * d),
          xAux: xAux?.subarray(b * n * aux, (b + 1) * n * aux),
          yAux: yAux?.subarray(b * m * aux, (b + 1) * m * aux),
          n,
          m,
          d,
          k,
          masks,
          batch: b,
        };
        const range = [b * n * k, (b + 1) * n * k] as const;
        const result = [outDistances.subarray(...range), outIndices.subarray(...range)] as const;
        searchMatrix(scratch, search, attrs, kept?.[b], ...result);
      }
    });
    if (form.family === 'innerProduct') {
      for (let i = 0; i < outDistances.length; i++) outDistances[i] = 0 - outDistances[i];
    }
  });
}

/** The points as packed before, for the searches that use them so. */
function keptPoints(
  { inputs, attrs, outputs }: Call,
  y: Float32Array,
): readonly PackedPoints[] | undefined {
  const [batch, m, d] = inputs.points.shape;
  const [, n] = outputs[0].shape;
  const { form, mode, k } = attrs;
  const isProductSearch =
    form.family !== 'expression' &&
    (mode === 'fast' || (mode === 'exact' && !isSmall({ n, m, d, k })));
  if (!attrs.resident || !isProductSearch || d === 0) return undefined;
  return residentPoints(knnSpec.op, inputs.points, { form, y, batch, m, d });
}

/** Whether an exact search goes to float64 at once. */
function isSmall({ n, m, d, k }: Pick<ExactSearch, 'n' | 'm' | 'd' | 'k'>): boolean {
  return n * m * Math.max(1, d) <= SMALL_SEARCH || candidatesFor(k, m) === m || d === 0;
}

function searchMatrix(
  scratch: Scratch,
  search: ExactSearch,
  { mode }: KnnAttrs,
  packed: PackedPoints | undefined,
  keys: Float32Array,
  indices: Int32Array,
): void {
  const { n, m, k } = search;
  if (mode === 'direct') {
    directSearch(scratch, search, allQueries(search), k, true, (row, values, found) => {
      keys.set(values, row * k);
      indices.set(found, row * k);
    });
    return;
  }
  if (isProduct(search) && mode === 'fast') {
    fastSearch(scratch, search, packed, keys, indices);
    return;
  }
  const rows = new ExactRows(search, keys, indices);
  const keep = candidatesFor(k, m);
  const all = Array.from({ length: n }, (_, row) => row);
  let left: readonly number[] = all;
  if (!isSmall(search)) {
    if (isProduct(search)) left = productRows(scratch, search, packed, rows, keep);
    const isBeyond = left.length > 0 ? certificate(search) : undefined;
    if (isBeyond !== undefined) left = directRows(scratch, search, rows, keep, left, isBeyond);
  }
  for (const row of left) rows.scan(row);
}

type ProductSearch = ExactSearch & { readonly form: ProductForm };

function isProduct(search: ExactSearch): search is ProductSearch {
  return search.form.family !== 'expression';
}

/** First level: candidates by products. Returns the rows that are not certain. */
function productRows(
  scratch: Scratch,
  search: ProductSearch,
  packed: PackedPoints | undefined,
  rows: ExactRows,
  keep: number,
): number[] {
  const failed: number[] = [];
  productCandidates(scratch, { ...search, keep, packed }, (found) => {
    failed.push(...certifyProducts(rows, search, found, keep));
  });
  return failed;
}

/**
 * Whether a point whose float32 rank is at least `threshold` is certainly farther than the neighbour of
 * float64 rank `last`.
 */
type Beyond = (threshold: number, last: number) => boolean;

/** A certificate for candidates by float32 ranks; undefined where float32 says nothing certain. */
function certificate(search: ExactSearch): Beyond | undefined {
  const { form, x, y, xAux, yAux, d } = search;
  if (form.family === 'squares') {
    // Sums of non-negative terms; overflow and underflow are left to the float64 search.
    const error = (64 + d / 64 + 8) * FLOAT32_ROUNDOFF;
    return (square, last) =>
      square < 1e37 && square > 1e-30 && square * (1 - error) * (1 - 2 ** -20) > last;
  }
  if (form.family !== 'expression') return undefined;
  const range = inputRange([x, y], [xAux, yAux]);
  const error = range && rankError(form, d, range);
  if (error === undefined) {
    // Each backend ranks by its own values where a form is not algebraic: here a float32 choice of
    // candidates, measured in float64.
    return form.algebraic ? undefined : () => true;
  }
  const { finish } = evaluatorOf(form);
  return (rank, last) => {
    const lowest = Math.min(rank, FLOAT32_MAX) * (1 - error.relative) - error.absolute;
    // Equal distances would be ordered by index.
    return lowest > last && Math.fround(finish(lowest)) > Math.fround(finish(last));
  };
}

/** Second level: candidates by float32 ranks of differences. Returns the rows that are not certain. */
function directRows(
  scratch: Scratch,
  search: ExactSearch,
  rows: ExactRows,
  keep: number,
  wanted: readonly number[],
  isBeyond: Beyond,
): number[] {
  const { m, masks } = search;
  // A query's own point is found and then dropped.
  const count = Math.min(m, keep + (masks.selfOffset === undefined ? 0 : 1));
  const failed: number[] = [];
  const queries = someQueries(search, wanted);
  const isRoot = search.form.family === 'squares' && search.form.root;
  directSearch(scratch, search, queries, count, isProduct(search), (first, values, found) => {
    for (let i = 0; i * count < values.length; i++) {
      const row = wanted[first + i];
      const candidates = found.slice(i * count, (i + 1) * count).sort();
      const last = rows.measure(row, candidates);
      // A list that is not full holds every point that has a distance.
      if (candidates[0] < 0) continue;
      const worst = values[(i + 1) * count - 1];
      const threshold = isRoot ? worst * worst : worst;
      if (!isBeyond(threshold, last)) failed.push(row);
    }
  });
  return failed;
}

/** Queries of a search, with all that belongs to them. */
interface Queries {
  readonly x: Float32Array;
  readonly xAux: Float32Array | undefined;
  readonly n: number;
  readonly selfOffset: number | undefined;
  readonly allowed: Int32Array | undefined;
  /** Rows of `allowed`: 1 stands for all queries. */
  readonly allowedRows: number;
  readonly groups: Int32Array | undefined;
}

function allQueries({ x, xAux, n, masks, batch }: ExactSearch): Queries {
  const { allowed, allowedBatch, allowedQueries, words, queryGroups } = masks;
  const start = (allowedBatch === 1 ? 0 : batch) * allowedQueries * words;
  return {
    x,
    xAux,
    n,
    selfOffset: masks.selfOffset,
    allowed: allowed?.subarray(start, start + allowedQueries * words),
    allowedRows: allowedQueries,
    groups: queryGroups?.subarray(batch * n, (batch + 1) * n),
  };
}

/** Some queries only; their own points are not known by an offset any more. */
function someQueries(search: ExactSearch, wanted: readonly number[]): Queries {
  const all = allQueries(search);
  if (wanted.length === all.n) return { ...all, selfOffset: undefined };
  const { form, d, masks } = search;
  const pick = <T extends Float32Array | Int32Array>(values: T, out: T, width: number): T => {
    wanted.forEach((row, i) => out.set(values.subarray(row * width, (row + 1) * width), i * width));
    return out;
  };
  const aux = form.family === 'expression' ? form.aux : 0;
  const count = wanted.length;
  const { x, xAux, allowed, allowedRows, groups } = all;
  return {
    x: pick(x, new Float32Array(count * d), d),
    xAux: xAux && pick(xAux, new Float32Array(count * aux), aux),
    n: count,
    selfOffset: undefined,
    allowed:
      allowed === undefined || allowedRows === 1
        ? allowed
        : pick(allowed, new Int32Array(count * masks.words), masks.words),
    allowedRows: allowedRows === 1 ? 1 : count,
    groups: groups && pick(groups, new Int32Array(count), 1),
  };
}

/**
 * k nearest by float32 differences, in slabs of queries.
 * @param finish False for ranks; similarities are always given as negative products.
 */
function directSearch(
  scratch: Scratch,
  { form, y, yAux, m, d, masks, batch }: ExactSearch,
  { x, xAux, n, selfOffset, allowed, allowedRows, groups }: Queries,
  k: number,
  finish: boolean,
  consume: (row: number, values: Float32Array, indices: Int32Array) => void,
): void {
  const mark = scratch.mark();
  let places: readonly [number, number] = [0, 0];
  const pointGroups = masks.pointGroups?.subarray(batch * m, (batch + 1) * m);
  const given: DistanceMasks = {
    allowed: allowed && { words: allowed, batches: 1, rows: allowedRows },
    groups: groups && pointGroups && { x: groups, y: pointGroups },
  };
  runDistances(
    scratch,
    { form, x, y, xAux, yAux, masks: given, batch: 1, n, m, d },
    {
      entry: 'knnBlock',
      rowBytes: 8 * k,
      k,
      selfOffset,
      finish: finish && form.family !== 'innerProduct',
      place: (room, rows) => {
        places = [room.allocate(4 * rows * k), room.allocate(4 * rows * k)];
        return places;
      },
      take: (room, row, rows) => {
        consume(row, room.float32(places[0], rows * k), room.int32(places[1], rows * k));
      },
    },
  );
  scratch.release(mark);
}

/** Mode 'fast': the lists themselves, in order of (value, index). */
function fastSearch(
  scratch: Scratch,
  search: ProductSearch,
  packed: PackedPoints | undefined,
  keys: Float32Array,
  indices: Int32Array,
): void {
  const { k } = search;
  const exact = new ExactRows(search, keys, indices);
  productCandidates(scratch, { ...search, keep: k, packed }, (found) => {
    const order: number[] = [];
    for (let i = 0; i < found.rows; i++) {
      order.length = 0;
      for (let s = 0; s < found.segments; s++) {
        const from = (s * found.rows + i) * k;
        for (let slot = from; slot < from + k; slot++)
          if (found.indices[slot] >= 0) order.push(slot);
      }
      order.sort(
        (a, b) => found.values[a] - found.values[b] || found.indices[a] - found.indices[b],
      );
      const row = found.firstRow + i;
      // Rows that are not finite have no product; infinite distances are in no list.
      if (found.querySizes[i] === Infinity || (order.length < k && found.hasNonFinite)) {
        exact.scan(row);
        continue;
      }
      const out = row * k;
      for (let slot = 0; slot < k; slot++) {
        const isFilled = slot < order.length;
        indices[out + slot] = isFilled ? found.indices[order[slot]] : -1;
        keys[out + slot] = isFilled
          ? keyOf(search.form, found, found.values[order[slot]], found.querySizes[i])
          : Infinity;
      }
    }
  });
}

function keyOf(form: ProductForm, { scale }: Candidates, value: number, size: number): number {
  if (form.family === 'innerProduct') return value;
  if (form.family === 'cosine') return Math.max(0, 1 + value);
  const square = Math.max(0, value + size);
  return form.root ? Math.sqrt(square) / scale : square / scale / scale;
}

export const knnWasm = defineKernel(knnSpec, 'wasm', compute);
