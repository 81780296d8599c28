import type { Rows } from '../util/rows.js';
import type { LatentSpread } from './report/data.js';

/** Where each traversed latent is decoded, in standard deviations. */
export const OFFSETS = [-3, -2, -1, 0, 1, 2, 3] as const;

/** The mean latent, moved along one latent at a time: a row for every latent and offset, latent by latent. */
export function pathsThrough(means: Float64Array, traversed: readonly LatentSpread[]): Rows {
  const rows = traversed.flatMap(({ index, deviation }) =>
    OFFSETS.map((offset) => means.map((mean, i) => mean + (i === index ? offset * deviation : 0))),
  );
  return stackRows(rows, means.length);
}

/**
 * The same on the unit sphere, where the mean does not lie: the latent nearest to it, turned towards one axis at a
 * time, cos(t) z + sin(t) (e_i - z_i z) / |e_i - z_i z| with an angle t of so many standard deviations. A latent on
 * the axis is not turned.
 */
export function pathsOnSphere(
  { data, count, rowShape: [d] }: Rows,
  means: Float64Array,
  traversed: readonly LatentSpread[],
): Rows {
  const latents = Array.from({ length: count }, (_, i) => data.subarray(i * d, (i + 1) * d));
  const nearness = (row: Float32Array): number => row.reduce((sum, z, i) => sum + z * means[i], 0);
  const nearest = latents.reduce((a, b) => (nearness(b) > nearness(a) ? b : a));
  const start = Float64Array.from(nearest);
  const rows = traversed.flatMap(({ index, deviation }) => {
    const tangent = start.map((z, i) => Number(i === index) - start[index] * z);
    const length = Math.hypot(...tangent);
    // Below that only the rounding of float32 is left of the direction.
    const scale = length > 1e-5 ? deviation : 0;
    return OFFSETS.map((offset) => {
      const [along, across] = [Math.cos(offset * scale), Math.sin(offset * scale)];
      return start.map((z, i) => along * z + (scale === 0 ? 0 : (across * tangent[i]) / length));
    });
  });
  return stackRows(rows, d);
}

function stackRows(rows: readonly Float64Array[], width: number): Rows {
  const data = new Float32Array(rows.length * width);
  rows.forEach((row, i) => data.set(row, i * width));
  return { data, count: rows.length, rowShape: [width] };
}
