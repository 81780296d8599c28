import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as lorentz from '../../src/ops/lorentz.js';
import * as poincare from '../../src/ops/poincare.js';
import { PROPERTY } from './arbitraries.js';
import type { Matrix } from './arbitraries.js';
import type { BackendContext } from './backends.js';
import { expectClose } from './compare.js';
import { directions, pointAt, tangentAt } from './hyperbolicCases.js';
import type { HyperbolicCase, Model } from './hyperbolicCases.js';
import { valuesOf } from './hyperbolicSuite.js';
import { TOLERANCES } from './tolerances.js';

/** Rows of one property run. */
export interface Sample {
  readonly n: number;
  readonly d: number;
  readonly seed: number;
}

export const samples = (n: number): fc.Arbitrary<Sample> =>
  fc.record({
    n: fc.integer({ min: 1, max: n }),
    d: fc.integer({ min: 2, max: 6 }),
    seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  });

export const RUNS = { ...PROPERTY, numRuns: 8 } as const;

/** Points of radii spread over [0, most]; the first is the origin when asked for. */
export const pointsOf = (model: Model, { n, d, seed }: Sample, most: number): Matrix =>
  directions(n, d, seed).map((unit, i) => pointAt(model, unit, (most * (i + 0.5)) / n));

export const tangentsOf = (model: Model, x: Matrix, size: number, seed: number): Matrix =>
  directions(x.length, x[0].length, seed).map((unit, i) => tangentAt(model, x[i], unit, size));

/** A rotation of d dimensions, by products of reflections. */
function rotate(rows: Matrix, seed: number): Matrix {
  const mirrors = directions(4, rows[0].length, seed);
  return rows.map((row) =>
    mirrors.reduce((x, m) => {
      const along = x.reduce((sum, v, i) => sum + v * m[i], 0);
      return x.map((v, i) => v - 2 * along * m[i]);
    }, row),
  );
}

/** Declare the laws of a metric space with geodesics, for either model. */
export function declareLaws(
  { run }: BackendContext,
  model: Model,
  cases: readonly HyperbolicCase[],
): void {
  const op = model === 'poincare' ? poincare : lorentz;
  const far = model === 'poincare' ? 8 : 12;
  const law = TOLERANCES.mapLaw;
  const values = (body: () => tf.Tensor): Promise<number[]> => valuesOf(run(() => tf.tidy(body)));

  it('property: dist is 0 for equal rows, the same to the bit both ways, a metric', async () => {
    await fc.assert(
      fc.asyncProperty(samples(9), async (sample) => {
        const x = pointsOf(model, sample, far);
        const y = pointsOf(model, { ...sample, seed: sample.seed + 1 }, far).reverse();
        const z = pointsOf(model, { ...sample, seed: sample.seed + 2 }, 1);
        for (const same of await values(() => op.dist(x, x))) expect(same).toBe(0);
        const there = await values(() => op.dist(x, y));
        expect(await values(() => op.dist(y, x))).toEqual(there);
        const detour = await values(() => tf.add(op.dist(x, z), op.dist(z, y)));
        there.forEach((d, i) => {
          expect(d).toBeGreaterThan(0);
          expect(d).toBeLessThanOrEqual(detour[i] * (1 + law.relative));
        });
      }),
      RUNS,
    );
  });

  it('property: exp and log undo each other, and log is as long as the distance', async () => {
    await fc.assert(
      fc.asyncProperty(samples(6), async (sample) => {
        const x = pointsOf(model, sample, 2.5);
        const y = pointsOf(model, { ...sample, seed: sample.seed + 1 }, 2.5).reverse();
        const back = await values(() => op.dist(op.expMap(x, op.logMap(x, y)), y));
        for (const error of back) expect(error).toBeLessThan(law.absolute);
        const v = tangentsOf(model, x, 1.5, sample.seed);
        expectClose(await values(() => op.logMap(x, op.expMap(x, v))), v.flat(), law, 5);
        const [lengths, distances] = await Promise.all([
          values(() => op.norm(x, op.logMap(x, y))),
          values(() => op.dist(x, y)),
        ]);
        expectClose(lengths, distances, law, 0);
      }),
      RUNS,
    );
  });

  it('property: exp0 and log0 undo each other', async () => {
    const most = model === 'poincare' ? 3 : 40;
    const tangents = directions(9, 3, 4).map((unit, i) =>
      unit.map((v) => Math.fround(v * most * 10 ** (i - 8))),
    );
    const got = await values(() => op.logMap0(op.expMap0(tangents)));
    tangents.forEach((row, i) => {
      const tolerance = model === 'poincare' ? law : TOLERANCES.hyperbolicFloat32;
      expectClose(got.slice(3 * i, 3 * i + 3), row, tolerance, Math.max(...row.map(Math.abs)));
    });
  });

  it('property: geodesics run at constant speed, from 1e-8 to 10', async () => {
    const x = pointsOf(model, { n: 5, d: 3, seed: 8 }, 2);
    const unit = tangentsOf(model, x, 1, 9);
    for (const t of [1e-8, 1e-6, 1e-4, 1e-2, 1, 4, 10]) {
      const got = await values(() => op.dist(x, op.expMap(x, tf.mul(unit, t))));
      // The end is rounded: e^r 2^-23 of it, past radius 8 of the ball more than that.
      const slack = 2 ** -20 + (model === 'poincare' ? 2 ** -24 * Math.exp(t + 2) : 0);
      for (const d of got) expect(Math.abs(d - t)).toBeLessThan(1e-4 * t + slack);
    }
    const y = pointsOf(model, { n: 5, d: 3, seed: 10 }, 2).reverse();
    const whole = await values(() => op.dist(x, y));
    for (const t of [0, 0.25, 0.5, 1]) {
      const part = await values(() => op.dist(x, op.expMap(x, tf.mul(op.logMap(x, y), t))));
      expectClose(
        part,
        whole.map((d) => d * t),
        law,
        0.1,
      );
    }
  });

  it('property: rotations and left translations keep distances', async () => {
    await fc.assert(
      fc.asyncProperty(samples(6), async (sample) => {
        const x = pointsOf(model, sample, 2);
        const y = pointsOf(model, { ...sample, seed: sample.seed + 1 }, 2).reverse();
        const a = pointsOf(model, { ...sample, n: 1, seed: sample.seed + 2 }, 2);
        const distances = await values(() => op.dist(x, y));
        const [turnedX, turnedY] = [x, y].map((rows) => rotate(rows, sample.seed));
        expectClose(await values(() => op.dist(turnedX, turnedY)), distances, law, 0.1);
        const moved = await values(() => op.dist(op.add(a, x), op.add(a, y)));
        expectClose(moved, distances, law, 0.1);
        // (-a) + (a + x) = x, and what is near cancels to nothing.
        const negative = a.map((row) => row.map((v) => -v));
        const back = await values(() => op.dist(op.add(negative, op.add(a, x)), x));
        for (const error of back) expect(error).toBeLessThan(law.absolute);
        for (const v of await values(() => op.add(negative, a))) expect(Math.abs(v)).toBe(0);
      }),
      RUNS,
    );
  });

  it('property: scalar multiples add up and multiply', async () => {
    const x = pointsOf(model, { n: 6, d: 3, seed: 3 }, 2);
    const [r, s] = [0.75, -1.25];
    const sum = await values(() => op.scalarMul(r + s, x));
    expectClose(await values(() => op.add(op.scalarMul(r, x), op.scalarMul(s, x))), sum, law, 1);
    const product = await values(() => op.scalarMul(r * s, x));
    expectClose(await values(() => op.scalarMul(r, op.scalarMul(s, x))), product, law, 1);
    const double = await values(() => op.add(x, x));
    expectClose(double, await values(() => op.scalarMul(2, x)), law, 1);
    expectClose(
      await values(() => op.dist0(op.scalarMul(s, x))),
      await values(() => tf.mul(op.dist0(x), -s)),
      law,
      1,
    );
    const identity = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    expectClose(await values(() => op.matVec(identity, x)), x.flat(), law, 1);
    const wide = run(() => op.matVec(tf.ones([3, 5]), x));
    expect(wide.shape).toEqual([6, 5]);
    wide.dispose();
  });

  it('property: transport keeps inner products, ends where it began, comes back', async () => {
    await fc.assert(
      fc.asyncProperty(samples(6), async (sample) => {
        const x = pointsOf(model, sample, 2.5);
        const y = pointsOf(model, { ...sample, seed: sample.seed + 1 }, 2.5).reverse();
        const [u, v] = [1, 2].map((k) => tangentsOf(model, x, k, sample.seed + k));
        const before = await values(() => op.inner(x, u, v));
        const after = await values(() => op.inner(y, op.transport(x, y, u), op.transport(x, y, v)));
        expectClose(after, before, law, 2);
        expect(await values(() => op.transport(x, x, v))).toEqual(v.flat());
        const size = Math.max(...v.flat().map(Math.abs));
        const back = await values(() => op.transport(y, x, op.transport(x, y, v)));
        expectClose(back, v.flat(), law, size);
        const zero = x.map((row) => row.map(() => 0));
        const fromOrigin = await values(() => op.transport(zero, y, u));
        expectClose(await values(() => op.transport0(y, u)), fromOrigin, law, size);
      }),
      RUNS,
    );
  });

  it('property: curvature only scales: d_c(x, y) = d_1(s x, s y) / s', async () => {
    const x = pointsOf(model, { n: 6, d: 3, seed: 5 }, 2);
    const y = pointsOf(model, { n: 6, d: 3, seed: 6 }, 2).reverse();
    const distances = await values(() => op.dist(x, y));
    for (const s of [2 ** -10, 0.5, 4]) {
      const [first, second] = [x, y].map((rows) => rows.map((row) => row.map((v) => v / s)));
      const got = await values(() => op.dist(first, second, s * s));
      expectClose(
        got,
        distances.map((d) => d / s),
        TOLERANCES.hyperbolicFloat32,
        1,
      );
    }
  });

  it('property: tends to flat space as c tends to 0, with finite slopes by c', async () => {
    const [x, y] = [1, 2].map((seed) => directions(5, 3, seed));
    const factor = model === 'poincare' ? 2 : 1;
    const flat = x.map((row, i) => factor * Math.hypot(...row.map((v, f) => v - y[i][f])));
    expectClose(await values(() => op.dist(x, y, 1e-8)), flat, law);
    const sum = x.flatMap((row, i) => row.map((v, f) => v + y[i][f]));
    expectClose(await values(() => op.expMap(x, y, 1e-8)), sum, law, 1);
    expectClose(await values(() => op.add(x, y, 1e-8)), sum, law, 1);
    for (const c of [1e-30, 1e-8, 1e-4, 0.01, 0.1]) {
      const slopes = await values(() =>
        tf.grad((curvature) => tf.sum(op.dist(x, y, curvature)))(tf.scalar(c)),
      );
      expect(Number.isFinite(slopes[0])).toBe(true);
      expect(Math.abs(slopes[0])).toBeLessThan(20);
    }
  });

  it('property: projections leave what is inside and are idempotent', async () => {
    const x = pointsOf(model, { n: 6, d: 3, seed: 5 }, far);
    expect(await values(() => op.project(x))).toEqual(x.flat());
    const outside = directions(4, 3, 2).map((row, i) => row.map((v) => v * 1e6 ** (i + 1) * 1e10));
    const once = run(() => op.project(outside, 4));
    const twice = await values(() => op.project(once, 4));
    expectClose(twice, await once.data(), TOLERANCES.distance);
    const radii = await values(() => op.dist0(once, 4));
    for (const r of radii.slice(-2)) {
      expect(Math.abs(r - (model === 'poincare' ? 15.94 : 44) / 2)).toBeLessThan(0.5);
    }
    once.dispose();
  });

  it('property: a thousand random steps stay finite and not farther than they are long', async () => {
    const [n, d] = [10, 3];
    let x: tf.Tensor = tf.zeros([n, d]);
    for (let step = 0; step < 100; step++) {
      const v = tf.tensor2d(directions(n, d, step).map((row) => row.map((value) => value * 0.05)));
      const next = run(() => tf.tidy(() => op.project(op.expMap(x, op.transport0(x, v)))));
      tf.dispose([x, v]);
      x = next;
    }
    const radii = await values(() => op.dist0(x));
    const longest = 100 * 0.05 * (model === 'poincare' ? 2 : 1);
    for (const r of radii) expect(r).toBeLessThan(longest);
    expect(Math.max(...radii)).toBeGreaterThan(0.3);
    x.dispose();
  });

  const extremes = (largest: number): Matrix => {
    const numbers = [0, 1e-38, -1e-20, 1e-6, 0.5, -(1 - 2 ** -24), 3, 1e9, -largest];
    return numbers.flatMap((v, i) => [
      [v, 0, 0],
      [v, v, -v],
      [v, numbers[(i + 4) % 9], 0.25],
    ]);
  };
  const extremeArguments = ({ rows: kinds }: HyperbolicCase, largest: number): tf.Tensor[] => {
    const rows = extremes(largest);
    return kinds.map((kind, a) => {
      const given = rows.map((_row, i) => rows[(i * (1 + 4 * a) + a) % rows.length]);
      return run(() => tf.tidy(() => (kind === 'point' ? op.project(given) : tf.tensor2d(given))));
    });
  };

  it('edge: no number gives NaN', async () => {
    for (const entry of cases) {
      const args = extremeArguments(entry, 1e18);
      const got = await values(() => entry.call(args, 1, entry.scalars));
      expect(got.filter(Number.isNaN), entry.name).toEqual([]);
      tf.dispose(args);
    }
  });

  it('edge: no number gives a gradient NaN', async () => {
    // To 1e16: past that, derivatives of inner products are larger than float32 holds.
    for (const entry of cases) {
      const args = extremeArguments(entry, 1e16);
      const n = args[0].shape[0];
      const weights = tf.randomUniform([n, 1], 0.5, 1, 'float32', 4);
      const slopes = run(() =>
        tf.grads((...inputs: tf.Tensor[]) => {
          const out = entry.call(inputs, 1, entry.scalars);
          return tf.sum(tf.mul(out.reshape([n, -1]), weights));
        })(args),
      );
      for (const [a, slope] of slopes.entries()) {
        const wrong = (await valuesOf(slope)).flatMap((v, i) => (Number.isNaN(v) ? [i] : []));
        expect(wrong, `${entry.name}, slope by argument ${a}`).toEqual([]);
      }
      tf.dispose([...args, weights]);
    }
  });
}
