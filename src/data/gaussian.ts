/**
 * Smoothing along one axis as a matrix with one band per row: `out[i] = sum_j weights[i, j] in[j]`.
 * Positions beyond the ends are mirrored at them (the border itself is not repeated), any number of
 * times, so the matrix also holds for images smaller than the kernel.
 */
export interface Smoother {
  readonly length: number;
  /** Row i has its weights at `[i * length + first[i], i * length + last[i])`. */
  readonly weights: Float64Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
}

/** Index of position `i` after mirroring at 0 and at length - 1. */
function mirror(i: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const folded = ((i % period) + period) % period;
  return folded < length ? folded : period - folded;
}

/**
 * Gaussian smoothing, w_k = exp(-k^2 / (2 sigma^2)) for |k| <= radius, scaled to sum 1.
 * @param length Pixels along the axis.
 * @param sigma Standard deviation in pixels, > 0.
 * @param radius Pixels to each side.
 */
export function gaussianSmoother(length: number, sigma: number, radius: number): Smoother {
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const weights = new Float64Array(length * length);
  const first = new Int32Array(length).fill(length);
  const last = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    kernel.forEach((weight, k) => {
      const j = mirror(i + k - radius, length);
      weights[i * length + j] += weight / total;
      first[i] = Math.min(first[i], j);
      last[i] = Math.max(last[i], j + 1);
    });
  }
  return { length, weights, first, last };
}

/**
 * Smooth one plane [height, width] in both directions, in place.
 * @param scratch At least height x width values.
 */
export function smoothPlane(
  plane: Float64Array,
  rows: Smoother,
  columns: Smoother,
  scratch: Float64Array,
): void {
  smoothLines(columns, rows.length, plane, scratch);
  smoothLines(rows, columns.length, scratch, plane);
}

/**
 * Smooth `lines` lines that stand one after the other, and transpose: the result of a line becomes a
 * column, so that the next pass reads in the order of memory as well.
 */
function smoothLines(
  { length, weights, first, last }: Smoother,
  lines: number,
  from: Float64Array,
  to: Float64Array,
): void {
  for (let line = 0; line < lines; line++) {
    const start = line * length;
    for (let i = 0; i < length; i++) {
      const stop = last[i];
      const band = i * length;
      // Four sums, because one would wait for each addition to finish before the next.
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      let j = first[i];
      for (; j + 4 <= stop; j += 4) {
        a += weights[band + j] * from[start + j];
        b += weights[band + j + 1] * from[start + j + 1];
        c += weights[band + j + 2] * from[start + j + 2];
        d += weights[band + j + 3] * from[start + j + 3];
      }
      for (; j < stop; j++) a += weights[band + j] * from[start + j];
      to[i * lines + line] = a + b + (c + d);
    }
  }
}
