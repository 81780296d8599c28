import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { geodesic, learnBoundary } from '../../../src/models/index.js';
import type { DataBoundary, LatentChart } from '../../../src/models/index.js';
import { Rng } from '../../../src/util/rng.js';
import type { Rows } from '../../../src/util/rows.js';
import { expectNoLeak } from '../../support/leaks.js';
import { rowAt, rowsOf } from '../autoencoders/toys.js';

/** Angle from the pole within which the hemisphere has a hole. */
const HOLE = 0.5;

/** Upper half of the unit sphere over the plane by stereographic projection. */
const hemisphere: LatentChart = {
  dims: 2,
  decode: (z) => {
    const squares = tf.sum(tf.square(z), 1, true);
    const scale = tf.div(2, tf.add(squares, 1));
    return tf.concat([tf.mul(z, scale), tf.sub(scale, 1)], 1).reshape([z.shape[0], 3]);
  },
};

/** The latent of a point at an angle from the pole and one around it. */
const latentAt = (polar: number, around: number): number[] => [
  Math.tan(polar / 2) * Math.cos(around),
  Math.tan(polar / 2) * Math.sin(around),
];

/** Latents of points that are uniform on the hemisphere outside of a hole. */
function points(count: number, hole: number, seed: number): Rows {
  const rng = new Rng(seed);
  const values = Array.from({ length: count }, () => {
    const height = Math.cos(hole) * rng.uniform();
    return latentAt(Math.acos(height), 2 * Math.PI * rng.uniform());
  });
  return rowsOf(values);
}

type Pair = readonly [polarA: number, polarB: number, between: number];

/** Length of the great circle. */
const freeLength = ([a, b, between]: Pair): number =>
  Math.acos(Math.cos(a) * Math.cos(b) + Math.sin(a) * Math.sin(b) * Math.cos(between));

/**
 * Length of the shortest path that stays out of the hole: from each end the great circle that touches its rim, and the
 * rim between (right spherical triangles with the pole: cos a = cos hole cos t, cos alpha = tan hole / tan a).
 */
function detour(pair: Pair): number {
  const [a, b, between] = pair;
  const tangent = (polar: number): number => Math.acos(Math.cos(polar) / Math.cos(HOLE));
  const turn = (polar: number): number => Math.acos(Math.tan(HOLE) / Math.tan(polar));
  const rim = between - turn(a) - turn(b);
  if (rim <= 0) return freeLength(pair);
  return tangent(a) + tangent(b) + Math.sin(HOLE) * rim;
}

const PAIRS: readonly Pair[] = [
  [0.9, 0.9, 2.9],
  [1.0, 0.8, 2.6],
  [0.9, 1.1, 1.5],
  [1.2, 0.7, 2.8],
];
const from = rowsOf(PAIRS.map(([polar]) => latentAt(polar, 0)));
const to = rowsOf(PAIRS.map(([, polar, around]) => latentAt(polar, around)));

describe('learnBoundary', () => {
  const data = points(500, HOLE, 1);
  let boundary: DataBoundary;

  beforeAll(async () => {
    await startBackend({ prefer: 'wasm' });
    boundary = await learnBoundary(data, { steps: 500 });
  });
  afterAll(() => boundary.dispose());

  it('toy: tells the data from the hole and from what lies around', async () => {
    expect(boundary.accuracy).toBeGreaterThan(0.98);
    const held = await boundary.measure(points(200, HOLE, 2));
    expect(held.filter((p) => p > 0.5).length).toBeLessThan(10);
    const off = [latentAt(0, 0), latentAt(0.15, 2), latentAt(2.2, 1), latentAt(2.2, 4)];
    for (const p of await boundary.measure(rowsOf(off))) expect(p).toBeGreaterThan(0.8);
  });

  it('golden: geodesics go around the hole, within 5 % of the shortest way', async () => {
    const free = await geodesic(hemisphere, from, to, { steps: 120 });
    const warp = { boundary, strength: 1 };
    const { lengths, paths } = await geodesic(hemisphere, from, to, { steps: 160, warp });
    PAIRS.forEach((pair, i) => {
      expect(Math.abs(free.lengths[i] / freeLength(pair) - 1)).toBeLessThan(0.01);
      expect(Math.abs(lengths[i] / detour(pair) - 1)).toBeLessThan(0.05);
    });
    // The farthest that a path gets from the data, among the latents.
    const farthest = (all: Rows, i: number): number => {
      const path = Array.from({ length: 33 }, (_, k) => rowAt(all, i).slice(2 * k, 2 * k + 2));
      const gaps = path.map(([a, b]) => {
        let least = Infinity;
        for (let j = 0; j < data.count; j++) {
          const [c, d] = rowAt(data, j);
          least = Math.min(least, Math.hypot(a - c, b - d));
        }
        return least;
      });
      return Math.max(...gaps);
    };
    for (const i of [0, 1, 3]) {
      expect(farthest(paths, i)).toBeLessThan(0.8 * farthest(free.paths, i));
    }
  });

  it('golden: great circles stay within 1 % where the data have no hole', async () => {
    const whole = await learnBoundary(points(400, 0, 3), { steps: 300 });
    const warp = { boundary: whole, strength: 1 };
    const { lengths } = await geodesic(hemisphere, from, to, { steps: 120, warp });
    PAIRS.forEach((pair, i) => {
      expect(Math.abs(lengths[i] / freeLength(pair) - 1)).toBeLessThan(0.01);
    });
    whole.dispose();
  });

  it('reference: the radius is the median distance to the neighbour of the rank asked for', () => {
    const tenth = Array.from({ length: data.count }, (_, i) => {
      const [a, b] = rowAt(data, i);
      const gaps = Array.from({ length: data.count }, (_v, j) => {
        const [c, d] = rowAt(data, j);
        return Math.hypot(a - c, b - d);
      });
      // The first is the row itself.
      return gaps.sort((p, q) => p - q)[10];
    });
    const median = tenth.sort((a, b) => a - b)[Math.floor(tenth.length / 2)];
    expect(boundary.radius).toBeCloseTo(median, 6);
  });

  it('gradient: of the probability by central differences', async () => {
    const at = latentAt(0.42, 0.3);
    const slope = tf.tidy(() =>
      tf.grad((z: tf.Tensor) => tf.sum(boundary.outside(z.reshape([1, 2]))))(tf.tensor1d(at)),
    );
    const got = await slope.data();
    slope.dispose();
    for (const k of [0, 1]) {
      const step = 1e-2;
      const ends = [step, -step].map((move) => at.map((value, j) => value + (j === k ? move : 0)));
      const [up, down] = await boundary.measure(rowsOf(ends));
      const want = (up - down) / (2 * step);
      // float32 probabilities, and the third derivative of the network.
      expect(Math.abs(got[k] - want)).toBeLessThan(0.05 * Math.max(1, Math.abs(want)));
    }
  });

  it('property: same seed, same bits; another seed, others; many latents are thinned out', async () => {
    const run = async (x: Rows, seed: number): Promise<Float32Array> => {
      const made = await learnBoundary(x, { steps: 5, seed });
      const values = await made.measure(from);
      made.dispose();
      return values;
    };
    expect(await run(data, 4)).toEqual(await run(data, 4));
    expect(await run(data, 4)).not.toEqual(await run(data, 5));
    const many = points(4200, HOLE, 5);
    const thin = await learnBoundary(many, { steps: 1 });
    const few = await learnBoundary(points(4000, HOLE, 5), { steps: 1 });
    expect(Math.abs(thin.radius / few.radius - 1)).toBeLessThan(0.05);
    for (const one of [thin, few]) one.dispose();
  });

  it('memory: nothing is left, also after an abort', async () => {
    await expectNoLeak(async () => {
      const made = await learnBoundary(data, { steps: 3 });
      await made.measure(from);
      made.dispose();
      const signal = AbortSignal.abort(new Error('stop'));
      await expect(learnBoundary(data, { steps: 3 }, { signal })).rejects.toThrow('stop');
    });
  });

  it('error: shapes, counts, copies, settings, another chart', async () => {
    const square = { ...data, count: 250, rowShape: [2, 2] };
    await expect(learnBoundary(square)).rejects.toThrow('latents must be rows of shape [dims]');
    const few = rowsOf([[1], [2]]);
    await expect(learnBoundary(few)).rejects.toThrow(
      'latents must have more rows than neighbors, 10, got 2',
    );
    const same = rowsOf(Array.from({ length: 30 }, () => [1, 2]));
    await expect(learnBoundary(same)).rejects.toThrow(
      'must differ from most of their 10 neighbours, got a median distance of 0',
    );
    await expect(learnBoundary(data, { steps: 0 })).rejects.toThrow('config.steps must be');
    const bad = { ...data, data: data.data.map((v, i) => (i === 5 ? NaN : v)) };
    await expect(learnBoundary(bad)).rejects.toThrow('got NaN at row 2, feature 1');
    await expect(boundary.measure(few)).rejects.toThrow('latents must have rows of shape [2]');
    const line: LatentChart = { dims: 1, decode: (z) => z };
    const warp = { boundary, strength: 1 };
    const one = rowsOf([[0]]);
    await expect(geodesic(line, one, one, { warp })).rejects.toThrow(
      'warp.boundary must be of latents of 1 numbers, as the chart, got 2',
    );
    await expect(
      geodesic(hemisphere, from, to, { warp: { boundary, strength: 0 } }),
    ).rejects.toThrow('warp.strength must be a finite number > 0');
  });
});

describe('learnBoundary on all backends', () => {
  const data = points(60, HOLE, 6);
  const learn = async (): Promise<number[]> => {
    const made = await learnBoundary(data, { steps: 8, hidden: [8] });
    const values = Array.from(await made.measure(from));
    made.dispose();
    return values;
  };
  let wanted: number[] = [];

  beforeAll(async () => {
    await startBackend({ prefer: 'cpu' });
    wanted = await learn();
  });

  for (const { name, available, detail } of inject('backends')) {
    if (name === 'cpu') continue;
    const title = available ? name : `${name} (not on this machine: ${detail})`;
    it.skipIf(!available)(`${title}: the same probabilities`, async () => {
      await startBackend({ prefer: name });
      const found = await learn();
      // Rounding of float32, through 8 steps of Adam.
      found.forEach((p, i) => expect(Math.abs(p - wanted[i])).toBeLessThan(2e-3));
    });
  }
});
