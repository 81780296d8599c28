import { DomainError, ShapeError } from '../../errors.js';
import { median } from '../../metrics/summary.js';
import { knnGraph } from '../../neighbors/graph.js';
import { checkRows, rowSize } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';

/** A pair of neighbours among the rows whose latents lie far apart. */
export interface LatentTear {
  readonly from: number;
  readonly to: number;
  /** |z_i - z_j| / |x_i - x_j| as a multiple of the median over all pairs. */
  readonly stretch: number;
}

/** Where a map from rows to latents is torn. */
export interface LatentTearReport {
  /** Pairs of neighbours that were looked at. */
  readonly pairs: number;
  /** Pairs stretched more than `factor` times the median, worst first. */
  readonly tears: readonly LatentTear[];
  /** Largest stretch of all pairs. */
  readonly largest: number;
  /** Median of |z_i - z_j| / |x_i - x_j|. */
  readonly medianStretch: number;
  /** Share of rows that end a tear. */
  readonly tornRows: number;
}

export interface LatentTearOptions {
  /** Neighbours per row. Default 8. */
  readonly k?: number;
  /** A pair counts as torn above this multiple of the median stretch. Default 10. */
  readonly factor?: number;
  readonly signal?: AbortSignal;
}

/**
 * Neighbours among the rows that are far apart among the latents: every pair of the graph of k nearest
 * neighbours of x gets its stretch |z_i - z_j| / |x_i - x_j|, relative to the median of all pairs.
 *
 * A set whose topology the latent space cannot hold must be torn somewhere (or folded): a circle on a line, a
 * sphere or a torus in a plane. Equal rows with different latents count as stretched without bound; equal
 * rows with equal latents are left out.
 *
 * @param x Rows. @param latents One per row. @param options Neighbours and factor.
 * @returns Tears, and how large the largest stretch is.
 * Cost: exact neighbours of all rows on the device; O(n k) memory.
 * @throws ShapeError, DomainError for bad rows, counts that differ, or bad options; before anything is computed.
 * Reference: Batson, Haaf, Kahn, Roberts, Topological obstructions to autoencoding, 2021, section 2.
 */
export async function latentTearReport(
  x: Rows,
  latents: Rows,
  { k = 8, factor = 10, signal }: LatentTearOptions = {},
): Promise<LatentTearReport> {
  const op = 'latentTearReport';
  checkPair(op, x, ['latents', latents]);
  const most = x.count - 1;
  if (!(Number.isInteger(k) && k >= 1 && k <= most)) {
    const expected = `be an integer >= 1 and <= rows - 1 = ${most}`;
    throw new DomainError({ op, arg: 'k', expected, got: String(k) });
  }
  if (!(factor > 1 && Number.isFinite(factor))) {
    const expected = 'be a finite number > 1';
    throw new DomainError({ op, arg: 'factor', expected, got: String(factor) });
  }
  const graph = await knnGraph(x, k, {
    kind: 'symmetric',
    ...(signal !== undefined && { signal }),
  });
  const pairs: LatentTear[] = [];
  for (let from = 0; from < x.count; from++) {
    for (let e = graph.offsets[from]; e < graph.offsets[from + 1]; e++) {
      const to = graph.indices[e];
      if (to < from) continue;
      const moved = distanceBetween(latents, from, to);
      const stretch = moved === 0 ? 0 : moved / graph.distances[e];
      if (graph.distances[e] > 0 || moved > 0) pairs.push({ from, to, stretch });
    }
  }
  const medianStretch = pairs.length === 0 ? 0 : median(pairs.map(({ stretch }) => stretch));
  // Latents that all coincide are stretched nowhere.
  const relative = pairs.map((pair) => ({
    ...pair,
    stretch: pair.stretch === 0 ? 0 : pair.stretch / medianStretch,
  }));
  const tears = relative
    .filter(({ stretch }) => stretch > factor)
    .sort((a, b) => b.stretch - a.stretch || a.from - b.from || a.to - b.to);
  return {
    pairs: pairs.length,
    tears,
    largest: relative.reduce((most, { stretch }) => Math.max(most, stretch), 0),
    medianStretch,
    tornRows: new Set(tears.flatMap(({ from, to }) => [from, to])).size / x.count,
  };
}

/** Where reconstruction leads each row: the field r(x) = D(E(x)) - x. */
export interface ReconstructionField {
  /** Vectors, one per row, in the shape of the rows. */
  readonly vectors: Rows;
  /** Their Euclidean lengths. */
  readonly lengths: Float64Array;
  readonly mean: number;
  readonly largest: number;
  /** Row with the largest length, the lowest of several. */
  readonly worst: number;
}

/**
 * The field of reconstruction errors r(x) = D(E(x)) - x. On a set that the latent space holds it can vanish; on
 * a circle with one latent, or a sphere or torus with two, some row has an error of the order of the radius.
 *
 * @param x Rows. @param reconstruction Their reconstructions, as a model's `reconstruct` gives them.
 * @throws ShapeError, DomainError for bad rows or counts that differ.
 * Reference: Batson, Haaf, Kahn, Roberts, Topological obstructions to autoencoding, 2021, section 3.
 */
export function reconstructionField(x: Rows, reconstruction: Rows): ReconstructionField {
  const op = 'reconstructionField';
  checkPair(op, x, ['reconstruction', reconstruction]);
  const size = rowSize(x);
  if (rowSize(reconstruction) !== size) {
    const got = `${rowSize(reconstruction)} values`;
    const expected = `have ${size} values per row, as x`;
    throw new ShapeError({ op, arg: 'reconstruction', expected, got });
  }
  const data = reconstruction.data.map((value, i) => value - x.data[i]);
  const lengths = new Float64Array(x.count);
  for (let i = 0; i < data.length; i++) lengths[Math.floor(i / size)] += data[i] ** 2;
  let [worst, total] = [0, 0];
  for (let i = 0; i < x.count; i++) {
    lengths[i] = Math.sqrt(lengths[i]);
    total += lengths[i];
    if (lengths[i] > lengths[worst]) worst = i;
  }
  return {
    vectors: { data, count: x.count, rowShape: x.rowShape },
    lengths,
    mean: total / x.count,
    largest: lengths[worst],
    worst,
  };
}

function checkPair(op: string, x: Rows, [arg, other]: readonly [string, Rows]): void {
  checkRows(op, 'x', x);
  checkRows(op, arg, other);
  if (x.count === other.count) return;
  const expected = `have as many rows as x, ${x.count}`;
  throw new ShapeError({ op, arg, expected, got: `${other.count} rows` });
}

function distanceBetween(rows: Rows, i: number, j: number): number {
  const size = rowSize(rows);
  let squares = 0;
  for (let f = 0; f < size; f++) {
    squares += (rows.data[i * size + f] - rows.data[j * size + f]) ** 2;
  }
  return Math.sqrt(squares);
}
