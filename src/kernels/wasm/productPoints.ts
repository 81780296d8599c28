import type { ProductForm } from '../../specs/metricForm.js';
import type { Scratch } from './module.js';
import { runProductJob } from './productJobs.js';

/** Bytes of packed points that are searched at once. */
const PANEL_BYTES = 32 * 2 ** 20;
/** Bytes of point rows that are copied and packed at once. */
const STAGE_BYTES = 4 * 2 ** 20;
/** Values from which packing is given to all threads: about 0.1 ms on one. */
const PARALLEL_VALUES = 2e5;
/** Rows from which the centre is estimated: any shift is valid, one near the mean is accurate. */
const CENTRE_ROWS = 4096;

/** Panels of some points and what is added to their products, as addresses. */
export interface PackedSlab {
  readonly panels: number;
  readonly norms: number;
}

/** Largest finite squared size of packed points, and whether some are not finite. */
export interface PackedSizes {
  readonly largestSize: number;
  readonly hasNonFinite: boolean;
}

/** Scale (a power of two) and centre of a packing: points are multiplied by one, then the other goes off. */
export interface Placement {
  readonly scale: number;
  readonly centre: Float32Array;
}

/** All points of a search, packed, in slabs of {@link panelRowsOf} rows. */
export interface PackedPoints extends PackedSizes, Placement {
  readonly slabs: readonly PackedSlab[];
  /** Largest finite magnitude of the points. */
  readonly largest: number;
}

/** The points of a search: y [m, d]. */
export interface Points {
  readonly form: ProductForm;
  readonly y: Float32Array;
  readonly m: number;
  readonly d: number;
}

const wholePanels = (rows: number): number => Math.ceil(rows / 8) * 8;

/** Rows of a slab, a multiple of 64. */
export function panelRowsOf({ m, d }: Pick<Points, 'm' | 'd'>): number {
  const rows = Math.max(64, Math.floor(PANEL_BYTES / (4 * d + 1) / 64) * 64);
  return Math.min(rows, Math.ceil(m / 64) * 64);
}

/** Bytes of the panels and of the norms of a slab of that many rows. */
export function slabBytes(rows: number, d: number): readonly [number, number] {
  return [wholePanels(rows) * d * 4, wholePanels(rows) * 4];
}

/** Mean of up to CENTRE_ROWS evenly spaced rows, their finite values only; zero for similarities. */
export function centreOf({ form, y, m, d }: Points, scale: number): Float32Array {
  const sums = new Float64Array(d);
  if (form.family !== 'squares') return new Float32Array(d);
  const step = Math.max(1, Math.floor(m / CENTRE_ROWS));
  let count = 0;
  for (let row = 0; row < m; row += step, count++) {
    for (let f = 0; f < d; f++) {
      const value = y[row * d + f];
      if (value - value === 0) sums[f] += value;
    }
  }
  return Float32Array.from(sums, (sum) => (sum * scale) / Math.max(1, count));
}

/** Packs slabs of points through a stage. */
export class PointPacker {
  private readonly stageRows: number;
  private readonly stage: number;
  private readonly sizes: number;

  /** @param centre Address of the centre. */
  constructor(
    private readonly scratch: Scratch,
    private readonly points: Points,
    private readonly scale: number,
    private readonly centre: number,
  ) {
    const { d } = points;
    const panelRows = panelRowsOf(points);
    const stageRows = Math.max(64, Math.floor(STAGE_BYTES / (4 * d + 1) / 64) * 64);
    this.stageRows = Math.min(panelRows, stageRows);
    this.stage = scratch.allocate(this.stageRows * d * 4);
    this.sizes = scratch.allocate(panelRows * 4);
  }

  /** Pack the points first .. first + rows. */
  pack(first: number, rows: number, { panels, norms }: PackedSlab): PackedSizes {
    const { scratch, stageRows, stage, sizes, scale, centre } = this;
    const { form, y, d } = this.points;
    // Lanes past the last point: never below any value.
    scratch.float32(norms, wholePanels(rows)).fill(Infinity);
    for (let staged = 0; staged < rows; staged += stageRows) {
      const count = Math.min(stageRows, rows - staged);
      const from = (first + staged) * d;
      scratch.float32(stage, count * d).set(y.subarray(from, from + count * d));
      const args = {
        d,
        family: form.family,
        scale,
        centre,
        stage,
        stagedCount: count,
        firstPanel: staged / 8,
        panels,
        panelCount: Math.ceil(rows / 8),
        norms,
        sizes,
      };
      runProductJob('productPack', args, Math.ceil(count / 64), count * d >= PARALLEL_VALUES);
    }
    let largestSize = 0;
    let hasNonFinite = false;
    for (const size of scratch.float32(sizes, rows)) {
      if (size === Infinity) hasNonFinite = true;
      else if (size > largestSize) largestSize = size;
    }
    return { largestSize, hasNonFinite };
  }
}

/** What is known of two sets of packed points together. */
export function joinSizes(a: PackedSizes, b: PackedSizes): PackedSizes {
  return {
    largestSize: Math.max(a.largestSize, b.largestSize),
    hasNonFinite: a.hasNonFinite || b.hasNonFinite,
  };
}
