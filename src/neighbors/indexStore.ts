import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { packBits } from '../util/bits.js';
import { LAST_INDEX } from './options.js';
import { concatSides, disposeSide, releaseSide, takeSide, tidy } from './sides.js';
import type { Side } from './sides.js';

/** Rows with ascending ids. */
interface Chunk {
  readonly side: Side;
  readonly ids: Int32Array;
}

/** What a search needs: present points are those whose bit of `allowed` is set. */
export interface StoredPoints {
  readonly side: Side;
  /** Id of each position, ascending: a lower position is a lower id, so ties go to the lower id. */
  readonly ids: Tensor1D;
  /** [1, 1, words]; undefined when all are present. */
  readonly allowed: Tensor3D | undefined;
}

/** A quarter of the points gone: below that, skipping them costs less than moving the others. */
const COMPACT_SHARE = 1 / 4;

/**
 * The points of an index on the device. Rows that are added wait in chunks and are joined when they are
 * searched for the first time; rows that are removed are masked, and moved out once they are a quarter.
 */
export class IndexStore {
  #main: Chunk | undefined;
  #waiting: Chunk[] = [];
  /** Positions in #main and #waiting, in that order. */
  #removed = new Set<number>();
  #idTensor: Tensor1D | undefined;
  #allowed: Tensor3D | undefined;

  get size(): number {
    return this.#count() - this.#removed.size;
  }

  /** The largest id that was ever here is below this. */
  nextId = 0;

  /** Take ownership of a side; ids are distinct. @throws DomainError for an id that is present. */
  add(op: string, side: Side, ids: Int32Array): void {
    if (ids.length === 0) {
      disposeSide(side);
      return;
    }
    const last = this.#chunks().at(-1)?.ids.at(-1) ?? -1;
    const isBehind = ids.every((id, i) => id > (i === 0 ? last : ids[i - 1]));
    try {
      if (!isBehind) this.#checkNew(op, ids);
    } catch (error) {
      disposeSide(side);
      throw error;
    }
    this.#waiting.push({ side, ids: ids.slice() });
    this.#forgetDerived();
    this.nextId = Math.max(this.nextId, ids.reduce((a, b) => Math.max(a, b), 0) + 1);
    if (!isBehind) this.#rebuild();
  }

  /** @throws DomainError when an id is not here or is named twice; nothing is removed then. */
  remove(op: string, ids: ArrayLike<number>): void {
    const positions = new Set<number>();
    Array.from(ids).forEach((id, i) => {
      const position = this.positionOf(id);
      if (position === undefined || positions.has(position)) {
        throw new DomainError({
          op,
          arg: `ids[${i}]`,
          expected: position === undefined ? 'be the id of a point in the index' : 'be named once',
          got: String(id),
        });
      }
      positions.add(position);
    });
    for (const position of positions) this.#removed.add(position);
    this.#allowed?.dispose();
    this.#allowed = undefined;
    if (this.#removed.size > COMPACT_SHARE * this.#count()) this.#rebuild();
  }

  /** Position of the present point with an id. */
  positionOf(id: number): number | undefined {
    let start = 0;
    for (const { ids } of this.#chunks()) {
      const at = lowerBound(ids, id);
      if (ids[at] === id) return this.#removed.has(start + at) ? undefined : start + at;
      start += ids.length;
    }
    return undefined;
  }

  /** All points as one set of tensors, which stay the store's own; undefined when there are none. */
  points(): StoredPoints | undefined {
    if (this.size === 0) return undefined;
    this.#join();
    const main = this.#main;
    if (main === undefined) return undefined;
    this.#idTensor ??= tf.keep(tf.tensor1d(main.ids, 'int32'));
    if (this.#removed.size > 0) this.#allowed ??= tf.keep(this.#presentBits());
    return { side: main.side, ids: this.#idTensor, allowed: this.#allowed };
  }

  /** Ids of the present points, ascending. */
  ids(): Int32Array {
    const all = this.#chunks().flatMap(({ ids }) => [ids]);
    const out = new Int32Array(this.size);
    let position = 0;
    let at = 0;
    for (const ids of all) {
      for (const id of ids) if (!this.#removed.has(position++)) out[at++] = id;
    }
    return out;
  }

  /** Move removed points out now, so that only present ones are left. */
  compact(): void {
    this.#join();
    if (this.#removed.size > 0) this.#rebuild();
  }

  dispose(): void {
    for (const { side } of this.#chunks()) releaseSide(side);
    this.#main = undefined;
    this.#waiting = [];
    this.#removed = new Set();
    this.#forgetDerived();
  }

  #chunks(): readonly Chunk[] {
    return this.#main === undefined ? this.#waiting : [this.#main, ...this.#waiting];
  }

  #count(): number {
    return this.#chunks().reduce((sum, { ids }) => sum + ids.length, 0);
  }

  #checkNew(op: string, ids: Int32Array): void {
    const sorted = ids.slice().sort();
    const twice = sorted.find((id, i) => i > 0 && id === sorted[i - 1]);
    if (twice !== undefined) {
      const got = `${twice} twice`;
      throw new DomainError({ op, arg: 'ids', expected: 'be distinct', got });
    }
    const known = ids.findIndex((id) => this.positionOf(id) !== undefined);
    if (known < 0) return;
    throw new DomainError({
      op,
      arg: `ids[${known}]`,
      expected: 'be new',
      got: `${ids[known]}, which is in the index`,
      fix: 'Remove the old point first.',
    });
  }

  /** Join waiting chunks with the main one. */
  #join(): void {
    if (this.#waiting.length === 0) return;
    const chunks = this.#chunks();
    if (chunks.length === 1) [this.#main] = chunks;
    else {
      const side = keep(tidy(() => concatSides(chunks.map((chunk) => chunk.side))));
      const ids = new Int32Array(this.#count());
      let at = 0;
      for (const chunk of chunks) {
        ids.set(chunk.ids, at);
        at += chunk.ids.length;
        releaseSide(chunk.side);
      }
      this.#main = { side, ids };
    }
    this.#waiting = [];
    this.#forgetDerived();
  }

  /** Only present points, in the order of their ids. */
  #rebuild(): void {
    this.#join();
    const main = this.#main;
    if (main === undefined) return;
    const kept = Array.from(main.ids, (_, position) => position).filter(
      (position) => !this.#removed.has(position),
    );
    const order = Int32Array.from(kept).sort((a, b) => main.ids[a] - main.ids[b]);
    this.#removed = new Set();
    this.#forgetDerived();
    this.#main =
      order.length === 0
        ? undefined
        : {
            side: keep(tidy(() => takeSide(main.side, tf.tensor1d(order, 'int32')))),
            ids: Int32Array.from(order, (position) => main.ids[position]),
          };
    releaseSide(main.side);
  }

  #presentBits(): Tensor3D {
    const present = new Uint8Array(this.#count()).fill(1);
    for (const position of this.#removed) present[position] = 0;
    const words = packBits(present);
    return tf.tensor3d(words, [1, 1, words.length], 'int32');
  }

  #forgetDerived(): void {
    this.#idTensor?.dispose();
    this.#allowed?.dispose();
    this.#idTensor = undefined;
    this.#allowed = undefined;
  }
}

/** A side that no tidy of a caller frees. */
export function keep(side: Side): Side {
  const kept = (t: Tensor): Tensor => tf.keep(t);
  return { rows: kept(side.rows), aux: side.aux === undefined ? undefined : kept(side.aux) };
}

/** First place in an ascending list whose value is not below `value`. */
function lowerBound(list: Int32Array, value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Ids of rows that are added: the caller's own, or the next ones.
 * @throws ShapeError, DomainError for ids that do not fit.
 */
export function idsFor(
  op: string,
  count: number,
  given: ArrayLike<number> | undefined,
  next: number,
): Int32Array {
  if (given !== undefined && given.length !== count) {
    throw new ShapeError({
      op,
      arg: 'ids',
      expected: `hold one id for each of the ${count} points`,
      got: String(given.length),
    });
  }
  const ids = Array.from({ length: count }, (_, i) => (given === undefined ? next + i : given[i]));
  const bad = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id > LAST_INDEX);
  if (bad >= 0) {
    throw new DomainError({
      op,
      arg: `ids[${bad}]`,
      expected: 'be an integer in [0, 2^31 - 1]',
      got: String(ids[bad]),
    });
  }
  return Int32Array.from(ids);
}
