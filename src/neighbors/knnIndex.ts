import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { DomainError, NotFittedError, ShapeError } from '../errors.js';
import { checkMode } from '../ops/checks.js';
import type { KnnResult } from '../ops/knn.js';
import type { Masks } from '../ops/masks.js';
import { prepareMetric, usesOrigin } from '../ops/metricRows.js';
import type { PreparedMetric } from '../ops/metricRows.js';
import { isSimilarity } from '../specs/metricForm.js';
import type { Artifacts } from '../util/artifacts.js';
import { packBits } from '../util/bits.js';
import { ahead } from './ahead.js';
import { indexToArtifacts, readIndexArtifacts } from './indexArtifacts.js';
import type { LoadIndexOptions } from './indexArtifacts.js';
import { IndexStore, idsFor, keep } from './indexStore.js';
import type { StoredPoints } from './indexStore.js';
import type { Neighbors } from './merge.js';
import { checkNeighborCount } from './options.js';
import type { RunOptions, SearchOptions } from './options.js';
import { querySlabs, searchSlab } from './querySlabs.js';
import { checkSameFeatures, rowTensor } from './rowInput.js';
import type { RowBlocks, RowInput } from './rowInput.js';
import { searchBlocks } from './searchBlocks.js';
import type { SearchBlocksOptions } from './searchBlocks.js';
import { NO_MASKS, rowsOf, sideOf, tidy } from './sides.js';
import type { DeviceNeighbors, Side } from './sides.js';

export interface IndexSearchOptions {
  /** Allow k above the number of points: empty slots hold index -1. Default false: an error. */
  readonly pad?: boolean;
  /** Only these ids may be returned. Default: all. */
  readonly allowedIds?: ArrayLike<number>;
  /** For each query, an id that it does not get: its own, when it is in the index itself. */
  readonly excludeIds?: ArrayLike<number>;
}

export interface StreamSearchOptions extends RunOptions, Omit<IndexSearchOptions, 'excludeIds'> {}

/** Neighbours of one block of queries. */
export interface NeighborBlock extends Neighbors {
  /** Number of the block's first query. */
  readonly first: number;
}

/** Where an index is in the life of its rows. */
interface Opened {
  readonly metric: PreparedMetric;
  readonly features: number;
}

/**
 * Points that are searched again and again: their features stay on the device, with whatever the
 * kernels derive from them (norms, packed panels). Exact, as {@link knn} is: the result is that of knn
 * over all present points in the order of their ids, ties to the lower id.
 *
 * The device holds one copy of the points, and two for a moment when points were added or a quarter of
 * them was removed. `dispose` frees it.
 *
 * @param options Metric and mode as in knn. Metrics with an origin (mahalanobis, seuclidean) take the
 * first finite row that is added when none is given.
 * @throws DomainError, ShapeError for options that do not fit, the parameters of a metric with the
 * first rows.
 * @example
 * const index = new KnnIndex({ metric: 'cosine' });
 * const ids = await index.add(embeddings);
 * const { distances, indices } = index.search(queries, 10); // tensors, as knn
 * index.remove([ids[3]]);
 * await saveArtifacts('my-index', await index.save());
 * index.dispose();
 */
export class KnnIndex {
  readonly #options: SearchOptions;
  readonly #store = new IndexStore();
  #opened: Opened | undefined;
  #origin: readonly number[] | undefined;
  #isDisposed = false;

  constructor(options: SearchOptions = {}) {
    checkMode('KnnIndex', options.mode);
    // A metric's name is checked now, its parameters when the number of features is known.
    usesOrigin('KnnIndex', options);
    this.#options = options;
    if (options.origin !== undefined) this.#origin = Array.from(options.origin);
  }

  /** Points in the index. */
  get size(): number {
    return this.#store.size;
  }

  /** Features per row; undefined until the first rows are added. */
  get features(): number | undefined {
    return this.#opened?.features;
  }

  /** Ids of all points, ascending. */
  get ids(): Int32Array {
    return this.#store.ids();
  }

  /**
   * Add rows.
   * @param points Rows [n, d]: a float32 tensor (which stays the caller's), a nested array, or rows on
   * the host.
   * @param ids One integer in [0, 2^31) per row, not in the index. Default: from the largest id so far
   * plus 1. Ids that are not ascending cost a reordering of the whole index.
   * @returns The ids.
   * @throws ShapeError, DtypeError for other rows; DomainError for bad ids.
   */
  async add(points: RowInput, ids?: ArrayLike<number>): Promise<Int32Array> {
    const op = 'KnnIndex.add';
    this.#checkAlive(op);
    const rows = tf.tidy(() => rowTensor(op, 'points', points).clone());
    try {
      const [, n, d] = rows.shape;
      this.#checkFeatures(op, 'points', d);
      if (ids !== undefined) idsFor(op, n, ids, 0);
      const { metric } = this.#opened ?? (await this.#open(op, rows, d));
      const own = idsFor(op, n, ids, this.#store.nextId);
      this.#store.add(op, keep(sideOf(metric, rows)), own);
      return own;
    } finally {
      rows.dispose();
    }
  }

  /**
   * Remove points by id; an id is not given out again by itself.
   * @throws DomainError when one is not in the index; nothing is removed then.
   */
  remove(ids: ArrayLike<number>): void {
    this.#checkAlive('KnnIndex.remove');
    this.#store.remove('KnnIndex.remove', ids);
  }

  /**
   * The k nearest points of every query.
   * @param queries Rows [q, d]; any number, searched in slabs.
   * @param k 1 <= k <= size, more with `pad`.
   * @returns Tensors [q, k] as knn; indices are ids.
   * Gradient: none; use knn.
   * @throws as knn.
   */
  search(queries: RowInput, k: number, options: IndexSearchOptions = {}): KnnResult {
    const op = 'KnnIndex.search';
    this.#checkAlive(op);
    checkNeighborCount(op, k, options.pad === true ? Infinity : this.size, 'size');
    return tidy(() => {
      const rows = rowTensor(op, 'queries', queries);
      this.#checkFeatures(op, 'queries', rows.shape[2]);
      const { excludeIds } = options;
      if (excludeIds === undefined) return this.#nearest(rows, k, options);
      const own = idColumn(op, excludeIds, rows.shape[1]);
      // Whoever has its own point among the k + 1 nearest gets the k others.
      return withoutOwn(this.#nearest(rows, k + 1, options), own, k);
    });
  }

  /**
   * Search queries that come block by block; the next block is read while one is searched.
   * @param queries Blocks of rows.
   * @returns Neighbours on the host, one block for each block of queries, in order.
   * @throws as {@link search}, and whatever `queries` throws, when iterated.
   * @example
   * for await (const { first, count, indices } of index.searchStream(blocks, 10)) { ... }
   */
  async *searchStream(
    queries: RowBlocks,
    k: number,
    options: StreamSearchOptions = {},
  ): AsyncGenerator<NeighborBlock> {
    const { signal, onProgress, ...search } = options;
    let first = 0;
    for await (const block of ahead(queries)) {
      signal?.throwIfAborted();
      const { distances, indices } = this.search(block, k, search);
      try {
        const count = distances.shape[0];
        const [d, i] = await Promise.all([distances.data<'float32'>(), indices.data<'int32'>()]);
        yield { first, count, k, distances: d, indices: i };
        first += count;
      } finally {
        tf.dispose([distances, indices]);
      }
      onProgress?.(first, undefined);
    }
  }

  /** {@link searchBlocks}: points that are larger than memory, searched once. */
  static async searchBlocks(
    queries: RowInput,
    points: RowBlocks,
    k: number,
    options: SearchBlocksOptions = {},
  ): Promise<Neighbors> {
    return await searchBlocks(queries, points, k, options);
  }

  /**
   * Everything that the index holds, as plain host data for `saveArtifacts`.
   * @throws NotFittedError when no rows were ever added.
   */
  async save(): Promise<Artifacts> {
    const op = 'KnnIndex.save';
    this.#checkAlive(op);
    if (this.#opened === undefined) throw this.#notOpened(op);
    this.#store.compact();
    return await indexToArtifacts({
      options: this.#options,
      origin: this.#origin,
      form: this.#opened.metric.form,
      features: this.#opened.features,
      nextId: this.#store.nextId,
      side: this.#store.points()?.side,
      ids: this.#store.ids(),
    });
  }

  /**
   * An index from what {@link save} gave, on the active backend: the same neighbours, to the bit in mode
   * 'exact'.
   * @param options.metric The custom metric, when the index was made with one.
   * @throws DataError for another kind or version of artifacts, or arrays that do not fit.
   */
  static load(artifacts: Artifacts, options: LoadIndexOptions = {}): KnnIndex {
    const saved = readIndexArtifacts(artifacts, options);
    const index = new KnnIndex(saved.options);
    index.#opened = { metric: saved.metric, features: saved.features };
    index.#origin = saved.origin;
    index.#store.add('KnnIndex.load', keep(saved.makeSide()), saved.ids);
    index.#store.nextId = saved.nextId;
    return index;
  }

  /** Free the device memory; the index cannot be used any more. */
  dispose(): void {
    this.#store.dispose();
    this.#isDisposed = true;
  }

  async #open(op: string, rows: Tensor3D, d: number): Promise<Opened> {
    const needsOrigin = usesOrigin(op, this.#options) && this.#origin === undefined;
    const origin = needsOrigin ? await firstFinite(rows) : this.#origin;
    // Two calls at a time: the first one that gets here decides.
    if (this.#opened !== undefined) return this.#opened;
    const options = origin === undefined ? this.#options : { ...this.#options, origin };
    const opened = { metric: prepareMetric(op, options, d), features: d };
    this.#origin = origin;
    this.#opened = opened;
    return opened;
  }

  #checkAlive(op: string): void {
    if (!this.#isDisposed) return;
    throw new DomainError({ op, arg: 'the index', expected: 'be alive', got: 'a disposed one' });
  }

  #checkFeatures(op: string, arg: string, d: number): void {
    if (this.#opened !== undefined) {
      checkSameFeatures(op, ['the index', this.#opened.features], [arg, d]);
    }
  }

  #notOpened(op: string): NotFittedError {
    return new NotFittedError({
      op,
      arg: 'the index',
      expected: 'have been given rows first',
      got: 'one without any',
      fix: 'Call add.',
    });
  }

  /** Distances and ids [q, k]; empty slots at the end where there are fewer points. */
  #nearest(rows: Tensor3D, k: number, { allowedIds }: IndexSearchOptions): KnnResult {
    const q = rows.shape[1];
    const points = this.#store.points();
    const descending = this.#opened !== undefined && isSimilarity(this.#opened.metric.form);
    const far = descending ? -Infinity : Infinity;
    if (points === undefined || this.#opened === undefined || q === 0) {
      return { distances: tf.fill([q, k], far), indices: tf.fill([q, k], -1, 'int32') };
    }
    const { metric } = this.#opened;
    const masks = this.#masks(points, allowedIds);
    const found = searchSlabs(sideOf(metric, rows), points.side, masks, {
      form: metric.form,
      k: Math.min(k, rowsOf(points.side)),
      mode: checkMode('KnnIndex.search', this.#options.mode),
      selfOffset: undefined,
      resident: true,
    });
    const distances = metric.post === undefined ? found.values : metric.post(found.values);
    return {
      distances: fillUp(distances, k, far),
      indices: fillUp(idsAt(points.ids, found.indices), k, -1),
    };
  }

  #masks(points: StoredPoints, allowedIds: ArrayLike<number> | undefined): Masks {
    if (allowedIds === undefined) return { ...NO_MASKS, allowed: points.allowed };
    const bits = new Uint8Array(rowsOf(points.side));
    Array.from(allowedIds).forEach((id) => {
      const position = this.#store.positionOf(id);
      if (position !== undefined) bits[position] = 1;
    });
    const words = packBits(bits);
    return { ...NO_MASKS, allowed: tf.tensor3d(words, [1, 1, words.length], 'int32') };
  }
}

type Attrs = Parameters<typeof searchSlab>[3];

function searchSlabs(queries: Side, points: Side, masks: Masks, attrs: Attrs): DeviceNeighbors {
  const parts = querySlabs(queries, attrs.k).map((slab) =>
    searchSlab(queries, points, masks, attrs, slab),
  );
  if (parts.length === 1) return parts[0];
  return {
    values: tf.concat2d(
      parts.map(({ values }) => values),
      0,
    ),
    indices: tf.concat2d(
      parts.map(({ indices }) => indices),
      0,
    ),
  };
}

/** Ids of positions, -1 where there is none. */
function idsAt(ids: Tensor1D, positions: Tensor2D): Tensor {
  const zero = tf.scalar(0, 'int32');
  const isEmpty = tf.less(positions, zero);
  const found = tf.gather(ids, tf.maximum(positions, zero).toInt().reshape([-1]));
  return tf.where(isEmpty, positions, found.reshape(positions.shape));
}

function fillUp(found: Tensor, k: number, value: number): Tensor {
  const [q, have] = found.shape as [number, number];
  if (have === k) return found;
  const dtype = found.dtype as 'float32' | 'int32';
  return tf.concat([found, tf.fill([q, k - have], value, dtype)], 1);
}

function idColumn(op: string, ids: ArrayLike<number>, q: number): Tensor2D {
  if (ids.length !== q) {
    throw new ShapeError({
      op,
      arg: 'excludeIds',
      expected: `hold one id for each of the ${q} queries`,
      got: String(ids.length),
    });
  }
  return tf.tensor2d(Int32Array.from(ids), [q, 1], 'int32');
}

/** From k + 1 neighbours, the k that are left when a query's own id is dropped. */
function withoutOwn({ distances, indices }: KnnResult, own: Tensor2D, k: number): KnnResult {
  const q = own.shape[0];
  const isOwn = tf.equal(indices, own).toInt();
  // 1 from the own id on: there, the next slot moves up.
  const passed = tf.cumsum(isOwn, 1).slice([0, 0], [q, k]).toBool();
  const shifted = (t: Tensor): Tensor =>
    tf.where(passed, t.slice([0, 1], [q, k]), t.slice([0, 0], [q, k]));
  return { distances: shifted(distances), indices: shifted(indices) };
}

/** The first row without NaN and infinities; the origin of the space when there is none. */
async function firstFinite(rows: Tensor3D): Promise<number[]> {
  const [, n, d] = rows.shape;
  const values = await rows.data<'float32'>();
  for (let i = 0; i < n; i++) {
    const row = Array.from(values.subarray(i * d, (i + 1) * d));
    if (row.every(Number.isFinite)) return row;
  }
  return Array<number>(d).fill(0);
}
