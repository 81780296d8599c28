import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import {
  Euclidean,
  LearntCurvature,
  Lorentz,
  PoincareBall,
  Product,
  Sphere,
  Stereographic,
} from '../../src/manifolds/index.js';
import type { Manifold } from '../../src/manifolds/index.js';
import { convert } from '../../src/ops/convert.js';
import { expectClose } from '../support/compare.js';
import { expectNoLeak } from '../support/leaks.js';
import { describeMaps, hostValues } from '../support/mapBackends.js';
import { TOLERANCES } from '../support/tolerances.js';

const D = 4;
const CASES: [string, () => Manifold][] = [
  ['Euclidean', () => new Euclidean()],
  ['Sphere', () => new Sphere(2)],
  ['PoincareBall', () => new PoincareBall(0.7)],
  ['Lorentz', () => new Lorentz(0.7)],
  ['Stereographic -0.7', () => new Stereographic(-0.7)],
  ['Stereographic 0.3', () => new Stereographic(0.3)],
  [
    'Product',
    () =>
      new Product([
        { manifold: new Lorentz(2), features: 1 },
        { manifold: new Euclidean(), features: 1 },
        { manifold: new Sphere(), features: 2 },
      ]),
  ],
];

const LAW = TOLERANCES.mapLaw;

describeMaps('manifolds', ({ run, isSlow }) => {
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(body));

  describe.each(CASES)('%s', (_, make) => {
    const setUp = (): { m: Manifold; x: tf.Tensor; y: tf.Tensor; u: tf.Tensor; v: tf.Tensor } => {
      const m = make();
      const [x, y] = [1, 2].map((seed) => m.randomPoint([5, D], seed, 0.6));
      const [u, v] = [3, 4].map((seed) =>
        tf.tidy(() => m.projectTangent(x, new Euclidean().randomPoint([5, D], seed, 0.3))),
      );
      return { m, x, y, u, v };
    };

    it('property: a metric: symmetric, 0 at equal points, the length of the logarithm', async () => {
      const { m, x, y } = setUp();
      const there = await values(() => m.dist(x, y));
      expectClose(await values(() => m.dist(y, x)), there, LAW);
      expectClose(await values(() => m.dist(x, x)), [0, 0, 0, 0, 0], LAW);
      expectClose(await values(() => tf.tidy(() => m.norm(x, m.logMap(x, y)))), there, LAW);
      expect(Math.min(...there)).toBeGreaterThan(0.05);
      tf.dispose([x, y]);
    });

    it('property: exp and log are inverse and points stay points', async () => {
      const { m, x, y, u, v } = setUp();
      const back = await values(() => tf.tidy(() => m.expMap(x, m.logMap(x, y))));
      expectClose(back, await y.data(), LAW);
      const tangent = await values(() => tf.tidy(() => m.logMap(x, m.expMap(x, v))));
      expectClose(tangent, await v.data(), LAW);
      expectClose(await values(() => m.project(x)), await x.data(), LAW);
      expectClose(await values(() => m.projectTangent(x, u)), await u.data(), LAW);
      tf.dispose([x, y, u, v]);
    });

    it('property: transport is an isometry, and gradients are tangents that pair with it', async () => {
      const { m, x, y, u, v } = setUp();
      const before = await values(() => m.inner(x, u, v));
      const moved = await values(() =>
        tf.tidy(() => m.inner(y, m.transport(x, y, u), m.transport(x, y, v))),
      );
      expectClose(moved, before, LAW);
      // <rgrad, v> is the derivative along v of any function: here the sum of cos-weighted coordinates.
      const weights = tf.tensor2d(
        Array.from({ length: 5 * D }, (_, i) => Math.cos(i)),
        [5, D],
      );
      const slope = await values(() => tf.tidy(() => tf.sum(tf.mul(weights, v), -1)));
      const paired = await values(() => tf.tidy(() => m.inner(x, m.egradToRgrad(x, weights), v)));
      expectClose(paired, slope, LAW);
      tf.dispose([x, y, u, v, weights]);
    });

    it('property: the retraction agrees with the geodesic to first order', async () => {
      const { m, x, v, y, u } = setUp();
      const gap = (size: number): Promise<number[]> =>
        values(() =>
          tf.tidy(() => {
            const step = tf.mul(v, size);
            return m.dist(m.retract(x, step), m.expMap(x, step));
          }),
        );
      const lengths = await values(() => m.norm(x, v));
      (await gap(0.02)).forEach((d, i) => {
        expect(d).toBeLessThanOrEqual(0.02 ** 2 * lengths[i] ** 2 * 4 + 1e-5);
      });
      tf.dispose([x, y, u, v]);
    });

    it('property: the tiled inner product sums to the inner product over factors', async () => {
      const { m, x, u, v, y } = setUp();
      const tiled = run(() => m.tiledInner(x, u, v));
      const whole = await values(() => m.inner(x, u, v));
      const width = tiled.shape[1] ?? 0;
      const flat = await hostValues(tiled);
      const sums = whole.map((_, i) => {
        const row = flat.slice(i * width, (i + 1) * width);
        if (m instanceof Product) return row[0] + row[1] + row[2];
        return row.reduce((sum, value) => sum + value, 0);
      });
      expectClose(sums, whole, LAW);
      if (m instanceof Product) {
        for (let i = 0; i < 5; i++) expect(flat[i * width + 2]).toBe(flat[i * width + 3]);
      }
      tf.dispose([x, y, u, v]);
    });

    it('property: the Fréchet mean has a zero gradient, and of mirrored points is their middle', async () => {
      if (isSlow) {
        expect(make().name.length).toBeGreaterThan(0);
        return;
      }
      const { m, x, y, u, v } = setUp();
      const mean = await run(() => m.frechetMean(x, { tolerance: 1e-7 }));
      const pull = await values(() => tf.tidy(() => m.norm(mean, tf.mean(m.logMap(mean, x), 0))));
      expect(pull[0]).toBeLessThan(2e-6);
      // exp(v) and exp(-v) mirror each other in x.
      const pair = tf.tidy(() =>
        tf.stack(
          [m.expMap(x, v), m.expMap(x, tf.neg(v)), m.expMap(x, u), m.expMap(x, tf.neg(u))],
          1,
        ),
      );
      const middle = await run(() => m.frechetMean(pair));
      const off = await values(() => m.dist(middle, x));
      expect(Math.max(...off)).toBeLessThan(1e-5);
      const weighted = await run(() => m.frechetMean(pair, { weights: tf.tensor1d([1, 0, 0, 0]) }));
      expectClose(await weighted.data(), await values(() => m.expMap(x, v)), LAW);
      tf.dispose([x, y, u, v, mean, pair, middle, weighted]);
    });

    it('gradient: of second order, of the squared distance and of a length', async () => {
      const { m, x, y, u, v } = setUp();
      // d/dt <grad f, v> by the tape, against differences of the gradient.
      const slope =
        (f: (p: tf.Tensor) => tf.Tensor) =>
        (p: tf.Tensor): tf.Tensor =>
          tf.sum(tf.mul(tf.grad((q) => tf.sum(f(q)))(p), v));
      const cases: ((p: tf.Tensor) => tf.Tensor)[] = [
        (p) => tf.square(m.dist(p, y)),
        (p) => m.norm(x, p),
      ];
      for (const [i, f] of (isSlow ? cases.slice(0, 1) : cases).entries()) {
        const at = i === 0 ? x : u;
        const got = await values(() => tf.tidy(() => tf.grad(slope(f))(at)));
        const h = 1e-2;
        for (const k of [0, 3]) {
          const moved = (by: number): Promise<number[]> =>
            values(() =>
              tf.tidy(() => {
                const step = tf.oneHot(tf.scalar(k, 'int32'), 5 * D).toFloat();
                return slope(f)(tf.add(at, tf.mul(step.reshape([5, D]), by)));
              }),
            );
          const [up, down] = [await moved(h), await moved(-h)];
          const want = (up[0] - down[0]) / (2 * h);
          expect(Math.abs(got[k] - want)).toBeLessThanOrEqual(2e-2 * (1 + Math.abs(want)));
        }
      }
      tf.dispose([x, y, u, v]);
    });

    it('property: random points are the same for a seed and as spread as asked', async () => {
      const m = make();
      const first = await values(() => m.randomPoint([200, D], 7, 0.5));
      expect(await values(() => m.randomPoint([200, D], 7, 0.5))).toEqual(first);
      if (m instanceof Sphere || m instanceof Product) return;
      const far = await values(() =>
        tf.tidy(() => m.dist(m.origin(D), tf.tensor2d(first, [200, D]))),
      );
      const meanSquare = far.reduce((sum, d) => sum + d * d, 0) / far.length;
      expect(meanSquare / (0.25 * D)).toBeGreaterThan(0.8);
      expect(meanSquare / (0.25 * D)).toBeLessThan(1.2);
    });

    it('memory: nothing is left', async () => {
      await expectNoLeak(async () => {
        const { m, x, y, u, v } = setUp();
        const maps = [
          () => m.dist(x, y),
          () => m.inner(x, u, v),
          () => m.norm(x, u),
          () => m.expMap(x, v),
          () => m.logMap(x, y),
          () => m.transport(x, y, v),
          () => m.retract(x, v),
          () => m.project(x),
          () => m.egradToRgrad(x, v),
          () => m.origin(D),
        ];
        for (const map of maps) await values(map);
        (await run(() => m.frechetMean(x))).dispose();
        tf.dispose([x, y, u, v]);
      });
    });
  });

  it('property: the ball and the hyperboloid have the same mean', async () => {
    const [ball, hyperboloid] = [new PoincareBall(0.5), new Lorentz(0.5)];
    const points = hyperboloid.randomPoint([9, 3], 5, 1.5);
    const inBall = run(() => convert(points, 'lorentz', 'ball', 0.5));
    const mean = await run(() => hyperboloid.frechetMean(points));
    const ballMean = await run(() => ball.frechetMean(inBall));
    const back = await values(() => convert(ballMean, 'ball', 'lorentz', 0.5));
    expectClose(back, await mean.data(), LAW);
    tf.dispose([points, inBall, mean, ballMean]);
  });

  it('gradient: a learnt curvature gets one, and keeps its value by softplus', async () => {
    const c = new LearntCurvature(0.7);
    expectClose(await values(() => c.value()), [0.7], LAW);
    const m = new Lorentz(c);
    const [x, y] = [m.randomPoint([3, D], 1), m.randomPoint([3, D], 2)];
    const slope = run(() =>
      tf.tidy(() => tf.variableGrads(() => tf.sum(m.dist(x, y)), [c.raw]).grads[c.raw.name]),
    );
    // d c / d raw = 1 - e^-c.
    const h = 1e-3;
    const [up, down] = await Promise.all(
      [0.7 + h, 0.7 - h].map((k) => values(() => tf.tidy(() => tf.sum(new Lorentz(k).dist(x, y))))),
    );
    const want = ((up[0] - down[0]) / (2 * h)) * (1 - Math.exp(-0.7));
    expectClose(await hostValues(slope), [want], {
      relative: 5e-3,
      absolute: 0,
      reason: 'step 1e-3',
    });
    tf.dispose([x, y]);
    c.dispose();
  });
});

describe('manifold arguments', () => {
  it('error: curvatures, factors, features and means are named', async () => {
    expect(() => new PoincareBall(0)).toThrow(
      'PoincareBall: c must be a finite number above 0, got 0.',
    );
    expect(() => new Lorentz(-1)).toThrow(DomainError);
    expect(() => new Sphere(NaN)).toThrow(DomainError);
    expect(() => new LearntCurvature(0)).toThrow(DomainError);
    expect(() => new Product([])).toThrow(DomainError);
    expect(() => new Product([{ manifold: new Sphere(), features: 0 }])).toThrow(DomainError);
    const product = new Product([{ manifold: new Sphere(), features: 2 }]);
    expect(() => product.dist([[1, 2, 3]], [[1, 2, 3]])).toThrow(
      'Product.dist: x must have 2 features (last dimension), those of its factors together, got shape [1, 3].',
    );
    expect(() => product.origin(3)).toThrow(DomainError);
    expect(() => product.randomPoint([2, 3], 1)).toThrow(ShapeError);
    expect(() => new Lorentz().randomPoint([2, 3], 1, -1)).toThrow(DomainError);
    await expect(new Lorentz().frechetMean(tf.tensor1d([1]))).rejects.toThrow(ShapeError);
    await expect(new Lorentz().frechetMean(tf.ones([2, 1]), { tolerance: 0 })).rejects.toThrow(
      DomainError,
    );
  });
});
