import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { sampleShape } from '../../../src/data/index.js';
import {
  DistanceMatchingAutoencoder,
  geodesic,
  learnBoundary,
  pullbackMetric,
  sampleByVolume,
} from '../../../src/models/index.js';
import type { LatentChart } from '../../../src/models/index.js';
import { Rng } from '../../../src/util/rng.js';
import type { Rows } from '../../../src/util/rows.js';
import { expectNoLeak } from '../../support/leaks.js';
import { rowAt, rowsOf } from '../autoencoders/toys.js';

beforeAll(async () => {
  await startBackend({ prefer: 'wasm' });
});

const column = (z: tf.Tensor2D, k: number): tf.Tensor2D => tf.slice(z, [0, k], [-1, 1]);

/** Columns side by side. */
const joined = (...parts: tf.Tensor[]): tf.Tensor2D =>
  tf.concat(parts, 1).reshape([parts[0].shape[0], -1]);

/** Torus of radii 2 and 1: angle around the axis, angle around the tube. */
const torus: LatentChart = {
  dims: 2,
  decode: (z) => {
    const [a, b] = [column(z, 0), column(z, 1)];
    const radius = tf.add(2, tf.cos(b));
    return joined(tf.mul(radius, tf.cos(a)), tf.mul(radius, tf.sin(a)), tf.sin(b));
  },
  push: (z) => (v) => {
    const [a, b, da, db] = [column(z, 0), column(z, 1), column(v, 0), column(v, 1)];
    const [radius, out] = [tf.add(2, tf.cos(b)), tf.neg(tf.mul(tf.sin(b), db))];
    const x = tf.sub(tf.mul(out, tf.cos(a)), tf.mul(radius, tf.mul(tf.sin(a), da)));
    const y = tf.add(tf.mul(out, tf.sin(a)), tf.mul(radius, tf.mul(tf.cos(a), da)));
    return joined(x, y, tf.mul(tf.cos(b), db));
  },
};

/** Upper half of the unit sphere over the plane by stereographic projection. */
const hemisphere: LatentChart = {
  dims: 2,
  decode: (z) => {
    const squares = tf.sum(tf.square(z), 1, true);
    const scale = tf.div(2, tf.add(squares, 1));
    return joined(tf.mul(z, scale), tf.sub(scale, 1));
  },
};

const plane: LatentChart = { dims: 2, decode: (z) => z };

/** Length of a great circle between points of a sphere about the origin. */
function arc(a: readonly number[], b: readonly number[]): number {
  const [ra, rb] = [Math.hypot(...a), Math.hypot(...b)];
  const cosine = a.reduce((sum, value, f) => sum + value * b[f], 0) / (ra * rb);
  return Math.acos(Math.min(1, cosine));
}

async function decoded(chart: LatentChart, z: Rows): Promise<Rows> {
  const made = tf.tidy(() => chart.decode(tf.tensor2d(z.data, [z.count, chart.dims])));
  const rows = { data: await made.data<'float32'>(), count: z.count, rowShape: [made.shape[1]] };
  made.dispose();
  return rows;
}

describe('geodesic', () => {
  it('golden: great circles of a hemisphere, in every direction', async () => {
    const rng = new Rng(2);
    const ends = (): Rows =>
      rowsOf(
        Array.from({ length: 8 }, () => [1.2 * rng.uniform() - 0.6, 1.2 * rng.uniform() - 0.6]),
      );
    const [from, to] = [ends(), ends()];
    const { lengths, straight, paths } = await geodesic(hemisphere, from, to, { steps: 120 });
    const [a, b] = [await decoded(hemisphere, from), await decoded(hemisphere, to)];
    lengths.forEach((length, i) => {
      const want = arc(rowAt(a, i), rowAt(b, i));
      expect(Math.abs(length / want - 1)).toBeLessThan(0.01);
      expect(length).toBeLessThanOrEqual(straight[i] * 1.0001);
    });
    expect(paths.rowShape).toEqual([33, 2]);
    expect(Array.from(paths.data.subarray(0, 2))).toEqual(rowAt(from, 0));
    expect(Math.abs(paths.data[65] - to.data[1])).toBeLessThan(1e-6);
  });

  it('golden: on a torus the way around the hole is shorter over the inside of the tube', async () => {
    // Half-way around the axis at the top of the tube: over the inner equator or along the top.
    const from = rowsOf([[0, Math.PI / 2]]);
    const to = rowsOf([[Math.PI / 2, Math.PI / 2]]);
    const { lengths, straight, paths } = await geodesic(torus, from, to, { steps: 300 });
    expect(straight[0]).toBeCloseTo(Math.PI, 2);
    expect(lengths[0]).toBeLessThan(0.95 * Math.PI);
    const middle = rowAt(paths, 0).slice(32, 34);
    expect(middle[1]).toBeGreaterThan(Math.PI / 2 + 0.2);
    // Clairaut: (2 + cos b) sin(angle to the meridian) is the same all along.
    const along = Array.from({ length: 32 }, (_, i) => {
      const [a0, b0, a1, b1] = rowAt(paths, 0).slice(2 * i, 2 * i + 4);
      const radius = 2 + Math.cos((b0 + b1) / 2);
      return (radius * radius * (a1 - a0)) / Math.hypot(radius * (a1 - a0), b1 - b0);
    });
    expect(Math.max(...along) / Math.min(...along)).toBeLessThan(1.05);
  });

  it('toy: a trained geometry-aware autoencoder knows the hemisphere to 5 %', async () => {
    const { x } = sampleShape('hemisphere', 250, { seed: 3 });
    const settings = { hidden: [32, 32], epochs: 160, batchSize: 125, standardize: false };
    const model = await new DistanceMatchingAutoencoder({
      ...settings,
      ...{ learningRate: 0.01, distanceWeight: 0.1 },
    }).fit(x);
    const points = [
      [0.6, 0, 0.8],
      [-0.6, 0, 0.8],
      [0, 0.8, 0.6],
      [0, -0.6, 0.8],
      [0.48, 0.6, 0.64],
      [-0.48, 0.6, 0.64],
    ];
    const z = await model.encode(rowsOf(points));
    const [from, to] = [0, 1].map((s) => rowsOf([0, 2, 4].map((i) => rowAt(z, i + s))));
    const { lengths } = await geodesic(model.chart(), from, to, { steps: 100 });
    const errors = [0, 1, 2].map((i) => lengths[i] / arc(points[2 * i], points[2 * i + 1]) - 1);
    for (const error of errors) expect(Math.abs(error)).toBeLessThan(0.05);
    // The same when the path must not leave the data, whose boundary is learnt.
    const boundary = await learnBoundary(await model.encode(x), { steps: 200 });
    const warp = { boundary, strength: 0.5 };
    const inside = await geodesic(model.chart(), from, to, { steps: 100, warp });
    inside.lengths.forEach((length, i) => {
      expect(Math.abs(length / arc(points[2 * i], points[2 * i + 1]) - 1)).toBeLessThan(0.05);
    });
    boundary.dispose();
    model.dispose();
  });

  it('warp: a path keeps to where the data are', async () => {
    const ring = Array.from({ length: 200 }, (_, i) => {
      const t = (2 * Math.PI * i) / 200;
      return [Math.cos(t), Math.sin(t)];
    });
    const [from, to] = [rowsOf([[1, 0]]), rowsOf([[-0.95, 0.3]])];
    const free = await geodesic(plane, from, to, { steps: 100 });
    expect(free.lengths[0]).toBeCloseTo(Math.hypot(1.95, 0.3), 3);
    const warp = { latents: rowsOf(ring), strength: 4, bandwidth: 0.3 };
    const { paths } = await geodesic(plane, from, to, { steps: 300, warp });
    for (let i = 0; i <= 32; i++) {
      const [a, b] = rowAt(paths, 0).slice(2 * i, 2 * i + 2);
      expect(Math.hypot(a, b)).toBeGreaterThan(0.7);
    }
  });

  it('edge: ends that coincide, and memory', async () => {
    const here = rowsOf([[0.2, 0.1]]);
    await expectNoLeak(async () => {
      const { lengths } = await geodesic(hemisphere, here, here, { steps: 3, pieces: 2 });
      expect(lengths[0]).toBeLessThan(1e-6);
      const signal = AbortSignal.abort(new Error('stop'));
      await expect(geodesic(plane, here, here, { signal })).rejects.toThrow('stop');
    });
  });

  it('error: counts, pieces, steps, rates, walls', async () => {
    const [one, two] = [
      rowsOf([[0, 0]]),
      rowsOf([
        [0, 0],
        [1, 1],
      ]),
    ];
    await expect(geodesic(plane, one, two)).rejects.toThrow('to must have as many rows as from, 1');
    await expect(geodesic(plane, one, one, { pieces: 1 })).rejects.toThrow(
      'pieces must be an integer >= 2',
    );
    await expect(geodesic(plane, one, one, { steps: 0 })).rejects.toThrow(
      'steps must be an integer >= 1',
    );
    await expect(geodesic(plane, one, one, { learningRate: 0 })).rejects.toThrow(
      'learningRate must',
    );
    const warp = { latents: two, strength: 0, bandwidth: 1 };
    await expect(geodesic(plane, one, one, { warp })).rejects.toThrow(
      'warp.strength must be a finite',
    );
    await expect(geodesic(plane, rowsOf([[1]]), one)).rejects.toThrow(
      'from must have rows of shape [2]',
    );
  });
});

describe('pullbackMetric', () => {
  it('reference: diag((2 + cos b)^2, 1) on the torus', async () => {
    const latents = rowsOf([
      [0.3, 0.5],
      [2, 3],
      [5, 1],
    ]);
    const { metric, volume } = await pullbackMetric(torus, latents);
    for (let i = 0; i < 3; i++) {
      const radius = 2 + Math.cos(latents.data[2 * i + 1]);
      const g = Array.from(metric.data.subarray(4 * i, 4 * i + 4));
      [radius ** 2, 0, 0, 1].forEach((want, k) => expect(g[k]).toBeCloseTo(want, 5));
      expect(volume[i]).toBeCloseTo(radius, 5);
    }
  });

  it('reference: of a trained decoder against differences of its rows', async () => {
    const { x } = sampleShape('sphere', 60, { seed: 4 });
    const settings = { hidden: [8], epochs: 3, standardize: true, neighbors: 20 };
    const model = await new DistanceMatchingAutoencoder(settings).fit(x);
    const at = [0.1, -0.2];
    const { metric, volume } = await pullbackMetric(model.chart(), rowsOf([at]));
    const step = 0.05;
    const ends = [
      [step, 0],
      [-step, 0],
      [0, step],
      [0, -step],
    ];
    const rows = await model.decode(rowsOf(ends.map((d) => d.map((value, k) => value + at[k]))));
    const slopes = [0, 1].map((k) =>
      rowAt(rows, 2 * k).map((value, f) => (value - rowAt(rows, 2 * k + 1)[f]) / (2 * step)),
    );
    const want = slopes.flatMap((a) =>
      slopes.map((b) => a.reduce((sum, value, f) => sum + value * b[f], 0)),
    );
    const size = Math.max(...want);
    want.forEach((value, k) => {
      expect(Math.abs(metric.data[k] - value)).toBeLessThan(5e-3 * size);
    });
    const [aa, ab, , bb] = metric.data;
    expect(volume[0]).toBeCloseTo(Math.sqrt(aa * bb - ab * ab), 4);
    model.dispose();
  });

  it('property: latents drawn by volume are uniform on the torus (Kolmogorov-Smirnov)', async () => {
    const rng = new Rng(6);
    const turn = (): number => 2 * Math.PI * rng.uniform();
    const candidates = rowsOf(Array.from({ length: 20000 }, () => [turn(), turn()]));
    const n = 2000;
    const drawn = await sampleByVolume(torus, candidates, n, { seed: 7 });
    // Share of the area of the torus below an angle of the tube.
    const shares = Array.from({ length: n }, (_, i) => {
      const b = drawn.data[2 * i + 1];
      return (2 * b + Math.sin(b)) / (4 * Math.PI);
    }).sort((a, b) => a - b);
    const gap = Math.max(...shares.map((share, i) => Math.abs(share - (i + 0.5) / n)));
    // 1 in 10,000; the candidates themselves add the spread of 20,000.
    expect(gap).toBeLessThan(1.2 * Math.sqrt(Math.log(2 / 1e-4) / (2 * n)));
  });

  it('error: no derivative, no volume, counts', async () => {
    const z = rowsOf([[0, 0]]);
    await expect(pullbackMetric(plane, z)).rejects.toThrow('chart must have a derivative');
    const flat: LatentChart = { ...plane, push: () => (v) => tf.zerosLike(v) };
    expect((await pullbackMetric(flat, z)).volume[0]).toBe(0);
    await expect(sampleByVolume(flat, z, 1)).rejects.toThrow('candidates must have volume above 0');
    await expect(sampleByVolume(torus, z, 0)).rejects.toThrow('count must be an integer >= 1');
  });
});
