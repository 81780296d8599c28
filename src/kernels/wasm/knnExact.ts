import { FLOAT32_ROUNDOFF } from '../../numerics.js';
import type { MetricForm, ProductForm } from '../../specs/metricForm.js';
import { isAllowed } from '../shared/masks.js';
import type { Masks } from '../shared/masks.js';
import { pointsPerBlock, rowMetric } from '../shared/metrics.js';
import type { RowMetric } from '../shared/metrics.js';
import { Nearest } from '../shared/nearest.js';
import type { Candidates } from './knnProduct.js';

/**
 * The exact mode: a few more candidates than wanted are found in float32, measured again in float64, and
 * a certificate tells whether any other point could belong to the result. Where it fails, the query is
 * searched again by a more careful method, at last by float64 distances to all points: the definition.
 */
export interface ExactSearch {
  readonly form: MetricForm;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly xAux: Float32Array | undefined;
  readonly yAux: Float32Array | undefined;
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly k: number;
  readonly masks: Masks;
  readonly batch: number;
}

/** Two float32 results may be equal when their float64 values are this close, as a factor. */
const ROUNDING_GAP = 1 + 2 ** -21;
/** Above every underflow of a sum of products in float32, for rows of up to 2^20 features. */
const UNDERFLOW = 2 ** -128;

/** Float64 search of single rows, and the results of all. */
export class ExactRows {
  private readonly metric: RowMetric;
  private readonly nearest: Nearest;
  private readonly ranks: Float64Array;
  private readonly block: number;
  /** Candidates of one row and their ranks. */
  private rows = new Int32Array(0);
  private measured = new Float64Array(0);

  /** @param keys [n, k] and indices [n, k]: a key is a distance or a negated similarity. */
  constructor(
    private readonly search: ExactSearch,
    private readonly keys: Float32Array,
    private readonly indices: Int32Array,
  ) {
    const { form, d, k } = search;
    const x = { values: search.x, aux: search.xAux };
    const y = { values: search.y, aux: search.yAux };
    this.metric = rowMetric(form, d, x, y);
    const isSimilarity = form.family === 'innerProduct';
    const identity = (rank: number): number => rank;
    this.nearest = new Nearest(k, isSimilarity ? identity : this.metric.finish);
    this.block = pointsPerBlock(d);
    this.ranks = new Float64Array(this.block);
  }

  /** Search all points for one row. */
  scan(row: number): void {
    const { m, n, masks, batch } = this.search;
    for (let first = 0; first < m; first += this.block) {
      const count = Math.min(this.block, m - first);
      this.metric.ranks(row, first, count, this.ranks);
      for (let t = 0; t < count; t++) {
        if (!this.nearest.mayEnter(this.ranks[t])) continue;
        if (isAllowed(masks, batch, row, first + t, n, m)) {
          this.nearest.offer(this.ranks[t], first + t);
        }
      }
    }
    this.drain(row);
  }

  /**
   * Measure candidates of one row, which ascend; -1 is none.
   * @returns Float64 rank of the last neighbour, Infinity when there are less than k.
   */
  measure(row: number, candidates: Int32Array): number {
    const { m, n, masks, batch } = this.search;
    if (this.measured.length < candidates.length) {
      this.measured = new Float64Array(candidates.length);
      this.rows = new Int32Array(candidates.length);
    }
    const { measured, rows } = this;
    let count = 0;
    for (const j of candidates) {
      if (j >= 0 && isAllowed(masks, batch, row, j, n, m)) rows[count++] = j;
    }
    this.metric.ranksAt(row, rows, count, measured);
    for (let t = 0; t < count; t++) {
      if (this.nearest.mayEnter(measured[t])) this.nearest.offer(measured[t], rows[t]);
    }
    const farthest = this.nearest.farthest();
    this.drain(row);
    return farthest;
  }

  private drain(row: number): void {
    this.nearest.drain(this.keys, this.indices, row * this.search.k);
  }
}

/**
 * Measure the product candidates of a slab; rows whose certificate fails are returned.
 *
 * The value v of every point that is not a candidate is at least T, the worst of a full list. Let u be
 * the unit roundoff and b = min(d, 256) the length of a float32 sum, of which d / 256 are added up.
 * A computed product of rows of lengths |x|, |y| is off by at most (b + d/256 + 2) u |x| |y|.
 *
 * squares: moving the rows by the centre rounds every coordinate, which changes |x - y|^2 by at most
 * 2 u (|x| + |y|)^2 <= 4 u (|x|^2 + |y|^2) of the moved rows; the product counts twice; norms and the
 * last addition add 4 u of the same sum. So the true square is at least
 * T + |x|^2 - g (|x|^2 + |y|^2), g = (b + d/256 + 16) u. Points with |y|^2 above
 * R = (|x| + sqrt(E))^2, E being the true square of the k-th candidate, are farther than E whatever
 * was computed, so |y|^2 may be replaced by min(R, largest): far outliers spoil nothing.
 * cosine: of unit rows, whose rounding adds 4 u: 1 - cos >= 1 + T - g.
 * innerProduct: -x.y >= T - g |x| |y|.
 */
export function certifyProducts(
  rows: ExactRows,
  search: ExactSearch & { readonly form: ProductForm },
  found: Candidates,
  keep: number,
): number[] {
  const { d } = search;
  const g = (Math.min(d, 256) + Math.ceil(d / 256) + 16) * FLOAT32_ROUNDOFF * 1.01;
  const failed: number[] = [];
  const merged = new Int32Array(keep * found.segments);
  for (let i = 0; i < found.rows; i++) {
    const size = found.querySizes[i];
    let threshold = Infinity;
    for (let s = 0; s < found.segments; s++) {
      const from = (s * found.rows + i) * keep;
      merged.set(found.indices.subarray(from, from + keep), s * keep);
      // The worst of a list stands last (sorted) or first (heap).
      const worst = Math.max(found.values[from], found.values[from + keep - 1]);
      if (worst < threshold) threshold = worst;
    }
    merged.sort();
    const row = found.firstRow + i;
    const rank = rows.measure(row, merged);
    // A list that is not full has met all finite points that may be returned.
    const complete = threshold === Infinity && !found.hasNonFinite;
    const trusted =
      size < Infinity && (complete || certified(search.form, rank, threshold, g, size, found));
    if (!trusted) failed.push(row);
  }
  return failed;
}

function certified(
  form: ProductForm,
  rank: number,
  threshold: number,
  g: number,
  size: number,
  { largestSize, hasNonFinite, scale }: Candidates,
): boolean {
  if (!(threshold < Infinity) || !(rank < Infinity)) return false;
  switch (form.family) {
    case 'squares': {
      if (!(Math.fround(form.root ? Math.sqrt(rank) : rank) < Infinity)) return false;
      const kth = rank * scale * scale;
      const reach = (Math.sqrt(size) + Math.sqrt(kth)) ** 2 * (1 + 1e-5) + UNDERFLOW;
      const error = g * (size + Math.min(largestSize * (1 + 1e-6), reach)) + UNDERFLOW;
      return threshold + size - error > kth * ROUNDING_GAP;
    }
    case 'cosine':
      return !hasNonFinite && 1 + threshold - g > rank * ROUNDING_GAP + UNDERFLOW;
    case 'innerProduct': {
      // Products near the end of the range of float32 are left to the float64 search.
      const reach = Math.sqrt(size) * Math.sqrt(largestSize * (1 + 1e-6));
      if (hasNonFinite || !(reach < 1e37)) return false;
      const gap = Math.abs(rank) * (ROUNDING_GAP - 1);
      return threshold - g * reach - UNDERFLOW > rank + gap;
    }
  }
}
