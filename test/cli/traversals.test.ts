import { describe, expect, it } from 'vitest';
import { OFFSETS, pathsOnSphere, pathsThrough } from '../../src/cli/traversals.js';
import { Rng } from '../../src/util/rng.js';
import type { Rows } from '../../src/util/rows.js';

const rowsOf = ({ data, count, rowShape: [d] }: Rows): number[][] =>
  Array.from({ length: count }, (_, i) => Array.from(data.subarray(i * d, (i + 1) * d)));

describe('pathsThrough', () => {
  it('moves one latent of the mean at a time', () => {
    const paths = pathsThrough(Float64Array.of(1, 2), [{ index: 1, deviation: 0.5 }]);
    expect(rowsOf(paths)).toEqual(OFFSETS.map((offset) => [1, 2 + 0.5 * offset]));
  });
});

describe('pathsOnSphere', () => {
  const rng = new Rng(4);
  const raw = Array.from({ length: 20 }, () => [1 + rng.normal(), rng.normal(), rng.normal()]);
  const unit = raw.map((row) => row.map((z) => z / Math.hypot(...row)));
  const latents = { data: Float32Array.from(unit.flat()), count: 20, rowShape: [3] };
  const means = Float64Array.from(
    [0, 1, 2],
    (i) => unit.reduce((sum, row) => sum + row[i], 0) / 20,
  );

  it('goes from the latent nearest to the mean towards an axis, and stays on the sphere', () => {
    const distance = (row: readonly number[]): number =>
      Math.hypot(...row.map((z, i) => z - means[i]));
    const nearest = unit.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    const paths = pathsOnSphere(latents, means, [{ index: 2, deviation: 0.3 }]);
    const rows = rowsOf(paths);
    expect(rows).toHaveLength(OFFSETS.length);
    rows.forEach((row, i) => {
      expect(Math.hypot(...row)).toBeCloseTo(1, 5);
      const cosine = row.reduce((sum, z, j) => sum + z * nearest[j], 0);
      expect(cosine).toBeCloseTo(Math.cos(0.3 * OFFSETS[i]), 5);
      // The ratio of the other two stays: only the third axis is turned to.
      expect(row[0] * nearest[1]).toBeCloseTo(row[1] * nearest[0], 5);
    });
    expect(rows[4][2]).toBeGreaterThan(rows[3][2]);
  });

  it('does not turn a latent that lies on the axis', () => {
    const pole = { data: Float32Array.of(0, 0, -1), count: 1, rowShape: [3] };
    const mean = Float64Array.of(0, 0, -1);
    const paths = pathsOnSphere(pole, mean, [{ index: 2, deviation: 0.3 }]);
    for (const row of rowsOf(paths)) expect(row).toEqual([0, 0, -1]);
  });
});
