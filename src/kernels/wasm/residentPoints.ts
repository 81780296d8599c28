import type { DataId, TensorInfo } from '@tensorflow/tfjs';
import type { Block } from './blocks.js';
import { largestFinite, powerOfTwoFor } from './distances.js';
import { latentModule, reserveBlock, withScratch } from './module.js';
import type { LatentModule } from './module.js';
import { centreOf, joinSizes, panelRowsOf, PointPacker, slabBytes } from './productPoints.js';
import type { PackedPoints, PackedSizes, PackedSlab, Points } from './productPoints.js';

/**
 * Points that are searched again and again stay packed in the module's memory, so that a call packs its
 * queries only. They are found by the dataId of their tensor, and go when they are released, when the
 * tensor is collected, or when newer ones need the room.
 */

/** Bytes of all kept points; those that were not searched for the longest time go first. */
const LIMIT_BYTES = 2 ** 30;

/** The points of one tensor for one family of metrics; one matrix of the batch after the other. */
interface Entry {
  readonly module: LatentModule;
  readonly block: Block;
  readonly matrices: readonly PackedPoints[];
}

/** What a tensor was packed as: tensors of several shapes may share their data. */
type Entries = Map<string, Entry>;

const byTensor = new WeakMap<DataId, Entries>();
/** All entries, the one that was searched last at the end. */
const byUse = new Set<Entry>();
const collected = new FinalizationRegistry((entries: Entries) => {
  freeAll(entries);
});

function free(entry: Entry): void {
  byUse.delete(entry);
  entry.module.blocks.free(entry.block);
}

function freeAll(entries: Entries): void {
  for (const entry of entries.values()) free(entry);
  entries.clear();
}

/** Let go of everything that is kept of a tensor. */
export function releasePoints(dataId: DataId): void {
  const entries = byTensor.get(dataId);
  if (entries !== undefined) freeAll(entries);
}

/** Bytes that kept points take up now. */
export function residentBytes(): number {
  return latentModule().blocks.bytes;
}

/** Points of a batch: y [batch, m, d]. */
export interface PointBatch extends Points {
  readonly batch: number;
}

/**
 * The points of a tensor, packed; they are packed now if they were not before. Undefined when they do
 * not fit. No scratch may be in use.
 */
export function residentPoints(
  op: string,
  { dataId }: TensorInfo,
  points: PointBatch,
): readonly PackedPoints[] | undefined {
  const { form, batch, m, d } = points;
  const key = `${form.family} ${batch} ${m} ${d}`;
  const entries: Entries = byTensor.get(dataId) ?? new Map<string, Entry>();
  const known = entries.get(key);
  if (known?.module === latentModule() && byUse.has(known)) {
    byUse.delete(known);
    byUse.add(known);
    return known.matrices;
  }
  if (known !== undefined) free(known);
  const entry = packAll(op, points);
  if (entry === undefined) return undefined;
  if (!byTensor.has(dataId)) {
    byTensor.set(dataId, entries);
    collected.register(dataId, entries);
  }
  entries.set(key, entry);
  byUse.add(entry);
  return entry.matrices;
}

function makeRoom(bytes: number): Block | undefined {
  const module = latentModule();
  for (const entry of byUse) {
    if (entry.module === module && module.blocks.bytes + bytes <= LIMIT_BYTES) break;
    free(entry);
  }
  return reserveBlock(module, bytes);
}

function packAll(op: string, points: PointBatch): Entry | undefined {
  const { form, y, batch, m, d } = points;
  const rows = panelRowsOf(points);
  const slabRows = Array.from({ length: Math.ceil(m / rows) }, (_, i) =>
    Math.min(rows, m - i * rows),
  );
  const sizes = slabRows.map((count) => slabBytes(count, d));
  const bytes = batch * sizes.reduce((sum, [panels, norms]) => sum + panels + norms, 0);
  if (bytes > LIMIT_BYTES) return undefined;
  const block = makeRoom(bytes);
  if (block === undefined) return undefined;
  let address = block.address;
  const matrices = Array.from({ length: batch }, (_, b) => {
    const slabs = sizes.map(([panels, norms]): PackedSlab => {
      const slab = { panels: address, norms: address + panels };
      address += panels + norms;
      return slab;
    });
    const own = y.subarray(b * m * d, (b + 1) * m * d);
    return packMatrix(op, { form, y: own, m, d }, slabs);
  });
  return { module: latentModule(), block, matrices };
}

function packMatrix(op: string, points: Points, slabs: readonly PackedSlab[]): PackedPoints {
  const { form, y, m, d } = points;
  const largest = largestFinite(y);
  const scale = form.family === 'squares' ? powerOfTwoFor(largest) : 1;
  const centre = centreOf(points, scale);
  const rows = panelRowsOf(points);
  return withScratch(op, (scratch) => {
    const address = scratch.allocate(4 * d);
    const packer = new PointPacker(scratch, points, scale, address);
    scratch.float32(address, d).set(centre);
    let sizes: PackedSizes = { largestSize: 0, hasNonFinite: false };
    slabs.forEach((slab, i) => {
      const first = i * rows;
      sizes = joinSizes(sizes, packer.pack(first, Math.min(rows, m - first), slab));
    });
    return { slabs, scale, centre, largest, ...sizes };
  });
}
