import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import {
  Euclidean,
  Lorentz,
  PoincareBall,
  Product,
  Sphere,
  Stereographic,
} from '../../src/manifolds/index.js';
import type { Manifold } from '../../src/manifolds/index.js';
import { RiemannianAdam, RiemannianSgd } from '../../src/optim/index.js';
import type { RiemannianOptimizer } from '../../src/optim/index.js';
import { expectClose } from '../support/compare.js';
import { expectNoLeak } from '../support/leaks.js';
import { describeMaps, hostValues } from '../support/mapBackends.js';
import { TOLERANCES } from '../support/tolerances.js';
import { normalRows } from '../support/arbitraries.js';

const LAW = TOLERANCES.mapLaw;

/** Scaled quadratic, so that coordinates have gradients of different size. */
const bowl = (x: tf.Variable): tf.Scalar =>
  tf.sum(tf.mul(tf.square(tf.sub(x, 0.3)), tf.tensor1d([1, 4, 0.1])));

async function trained(
  optimizer: tf.Optimizer,
  start: number[][],
  steps: number,
  loss: (x: tf.Variable) => tf.Scalar = bowl,
  place?: (x: tf.Variable) => void,
): Promise<number[]> {
  const x = tf.variable(tf.tensor2d(start));
  place?.(x);
  for (let i = 0; i < steps; i++) optimizer.minimize(() => loss(x), false, [x]);
  const values = [...(await x.data())];
  x.dispose();
  optimizer.dispose();
  return values;
}

describeMaps('Riemannian optimisers', ({ run, backend, tolerance, isSlow }) => {
  // Long runs where a step is quick; elsewhere a few steps must go the right way.
  const isLong = backend === 'cpu' && tolerance === TOLERANCES.mapExact;
  const start = normalRows(3, 3, 1);
  const steps = isSlow ? 3 : 20;

  it('reference: on R^d they are those of tfjs', async () => {
    const cases: [tf.Optimizer, tf.Optimizer][] = [
      [new RiemannianSgd({ learningRate: 0.05 }), tf.train.sgd(0.05)],
      [new RiemannianSgd({ learningRate: 0.05, momentum: 0.8 }), tf.train.momentum(0.05, 0.8)],
      [
        new RiemannianSgd({ learningRate: 0.05, momentum: 0.8, nesterov: true }),
        tf.train.momentum(0.05, 0.8, true),
      ],
      [
        new RiemannianAdam({ learningRate: 0.05, epsilon: 1e-7 }),
        tf.train.adam(0.05, 0.9, 0.999, 1e-7),
      ],
    ];
    for (const [ours, theirs] of cases) {
      const want = await trained(theirs, start, steps);
      expectClose(await run(() => trained(ours, start, steps)), want, TOLERANCES.mapFloat32);
    }
  });

  it('reference: Riemannian Adam of flat hyperbolic space is Adam with one second moment per row', async () => {
    const rate = 0.05;
    const want = start.map((row) => [...row]);
    const [m, v] = [want.map((row) => row.map(() => 0)), want.map(() => 0)];
    const scales = [1, 4, 0.1];
    for (let t = 1; t <= steps; t++) {
      want.forEach((row, i) => {
        const g = row.map((e, j) => 2 * scales[j] * (e - 0.3));
        v[i] = 0.999 * v[i] + 0.001 * g.reduce((sum, e) => sum + e * e, 0);
        const root = Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8;
        m[i] = m[i].map((e, j) => 0.9 * e + 0.1 * g[j]);
        want[i] = row.map((e, j) => e - (rate * m[i][j]) / (1 - 0.9 ** t) / root);
      });
    }
    // On the ball lengths are twice the coordinates.
    const flat: [Manifold, number][] = [
      [new Lorentz(1e-9), rate],
      [new PoincareBall(1e-9), 2 * rate],
      [new Stereographic(0), 2 * rate],
    ];
    for (const [manifold, learningRate] of flat) {
      const optimizer = new RiemannianAdam({ learningRate, epsilon: 1e-8 });
      const got = await run(() =>
        trained(optimizer, start, steps, bowl, (x) => optimizer.place(x, manifold)),
      );
      expectClose(got, want.flat(), TOLERANCES.mapFloat32, 2);
    }
  });

  const spaces: [string, Manifold][] = [
    ['Sphere', new Sphere(2)],
    ['PoincareBall', new PoincareBall()],
    ['Lorentz', new Lorentz(0.5)],
    ['Stereographic', new Stereographic(0.5)],
    [
      'Product',
      new Product([
        { manifold: new Lorentz(), features: 2 },
        { manifold: new Sphere(), features: 2 },
      ]),
    ],
  ];
  const makers: [string, (manifold: [tf.Variable, Manifold][]) => RiemannianOptimizer][] = [
    ['sgd', (manifolds) => new RiemannianSgd({ learningRate: 0.1, manifolds })],
    [
      'momentum, retraction',
      (manifolds) =>
        new RiemannianSgd({ learningRate: 0.05, momentum: 0.7, manifolds, retraction: true }),
    ],
    [
      'nesterov',
      (manifolds) =>
        new RiemannianSgd({ learningRate: 0.05, momentum: 0.7, nesterov: true, manifolds }),
    ],
    ['adam', (manifolds) => new RiemannianAdam({ learningRate: 0.1, manifolds })],
    ['amsgrad', (manifolds) => new RiemannianAdam({ learningRate: 0.1, amsgrad: true, manifolds })],
  ];

  it.each(spaces)('property: on %s all find the Fréchet mean', async (_, manifold) => {
    // Near one point, so that the sphere has one mean too.
    const centre = manifold.randomPoint([1, 4], 2, 0.5);
    const points = tf.tidy(() =>
      manifold.expMap(
        centre,
        manifold.projectTangent(centre, tf.tensor2d(normalRows(6, 4, 5, 0.3))),
      ),
    );
    const mean = await run(() => manifold.frechetMean(points));
    const far = manifold.randomPoint([1, 4], 9, 0.5);
    const around = tf.tidy(() => manifold.expMap(mean, tf.mul(manifold.logMap(mean, far), 0.6)));
    for (const [name, make] of isLong ? makers : makers.slice(3, 4)) {
      const x = tf.variable(around);
      const optimizer = make([[x, manifold]]);
      // Adam's steps do not shrink by themselves.
      for (let i = 0; i < (isLong ? 220 : 5); i++) {
        if (['adam', 'amsgrad'].includes(name))
          optimizer.learningRate = 0.1 * 0.94 ** Math.max(0, i - 120);
        run(() =>
          optimizer.minimize(
            () => tf.mul(0.5, tf.mean(tf.square(manifold.dist(x, points)))).asScalar(),
            false,
            [x],
          ),
        );
      }
      const [off] = await hostValues(run(() => manifold.dist(x, mean)));
      const [before] = await hostValues(run(() => manifold.dist(around, mean)));
      expect(off, name).toBeLessThan(isLong ? 2e-3 : before);
      expectClose(await hostValues(run(() => manifold.project(x))), await x.data(), LAW);
      x.dispose();
      optimizer.dispose();
    }
    tf.dispose([centre, points, mean, far, around]);
  });

  it('property: a product steps as its factors do alone', async () => {
    const [first, second] = [new Lorentz(), new Sphere()];
    const product = new Product([
      { manifold: first, features: 2 },
      { manifold: second, features: 3 },
    ]);
    const begin = product.randomPoint([4, 5], 1);
    const [one, two] = tf.split(begin, [2, 3], 1).map((part) => tf.variable(part));
    const joint = tf.variable(begin);
    const loss = (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
      tf.add(tf.sum(tf.square(tf.sub(a, 1))), tf.sum(tf.mul(b, [0.1, 2, 3]))).asScalar();
    const together = new RiemannianAdam({ learningRate: 0.1, manifolds: [[joint, product]] });
    const apart = new RiemannianAdam({
      learningRate: 0.1,
      manifolds: [
        [one, first],
        [two, second],
      ],
    });
    for (let i = 0; i < 3; i++) {
      run(() => {
        together.minimize(
          () => {
            const [a, b] = tf.split(joint, [2, 3], 1);
            return loss(a, b);
          },
          false,
          [joint],
        );
        apart.minimize(() => loss(one, two), false, [one, two]);
      });
    }
    const want = await hostValues(tf.tidy(() => tf.concat([one, two], 1)));
    expectClose(await joint.data(), want, TOLERANCES.mapFloat32);
    tf.dispose([begin, one, two, joint]);
    together.dispose();
    apart.dispose();
  });

  it('property: a step of some rows is a step of these and leaves the others to the bit', async () => {
    const manifold = new Lorentz();
    const begin = manifold.randomPoint([5, 3], 1);
    const [all, some] = [tf.variable(begin), tf.variable(begin)];
    const gradient = tf.tensor2d(normalRows(5, 3, 4));
    const make = (x: tf.Variable): RiemannianAdam =>
      new RiemannianAdam({ learningRate: 0.1, manifolds: [[x, manifold]] });
    const [whole, sparse] = [make(all), make(some)];
    const rows = [3, 0];
    const part = tf.gather(gradient, tf.tensor1d(rows, 'int32'));
    run(() => {
      whole.applyGradients({ [all.name]: gradient });
      sparse.applyRowGradients(some, rows, part);
      sparse.applyRowGradients(some, [], tf.zeros([0, 3]));
    });
    const [want, got, old] = await Promise.all([all.data(), some.data(), begin.data()]);
    for (let i = 0; i < 15; i++) {
      const isMoved = rows.includes(Math.floor(i / 3));
      expect(got[i]).toBe(isMoved ? want[i] : old[i]);
    }
    expect(want[3]).not.toBe(old[3]);
    tf.dispose([begin, all, some, gradient, part]);
    whole.dispose();
    sparse.dispose();
  });

  it('property: restored state goes on as if nothing had been', async () => {
    const manifold = new Sphere();
    const x = tf.variable(manifold.randomPoint([2, 3], 1));
    const make = (): RiemannianAdam =>
      new RiemannianAdam({ learningRate: 0.1, amsgrad: true, manifolds: [[x, manifold]] });
    const step = (optimizer: RiemannianAdam): void => {
      run(() => optimizer.minimize(() => tf.sum(tf.mul(x, [1, 2, 3])).asScalar(), false, [x]));
    };
    const first = make();
    step(first);
    step(first);
    const at = tf.tidy(() => x.clone());
    const second = make();
    const weights = await first.getWeights();
    expect(weights.map(({ name }) => name)).toEqual([
      'iter',
      `${x.name}/first`,
      `${x.name}/second`,
      `${x.name}/largest`,
    ]);
    await second.setWeights(weights);
    weights[0].tensor.dispose();
    expect(second.iterations).toBe(2);
    step(first);
    const want = [...(await x.data())];
    x.assign(at);
    step(second);
    expect([...(await x.data())]).toEqual(want);
    tf.dispose([x, at]);
    first.dispose();
    second.dispose();
  });

  it('edge: a zero gradient moves nothing, and points stay on the sphere for long', async () => {
    const manifold = new Sphere();
    const x = tf.variable(manifold.randomPoint([4, 3], 1));
    const before = [...(await x.data())];
    const adam = new RiemannianAdam({ learningRate: 0.1, manifolds: [[x, manifold]] });
    const zero = tf.zeros([4, 3]);
    run(() => adam.applyGradients({ [x.name]: zero }));
    expectClose(await x.data(), before, TOLERANCES.mapFloat32);
    const sgd = new RiemannianSgd({ momentum: 0.9, manifolds: [[x, manifold]] });
    for (let i = 0; i < (isLong ? 200 : 3); i++) {
      run(() =>
        sgd.minimize(() => tf.sum(tf.square(tf.sub(x, [0.1, 0.2, 3]))).asScalar(), false, [x]),
      );
    }
    const lengths = await hostValues(tf.tidy(() => tf.norm(x, 2, 1)));
    expectClose(lengths, [1, 1, 1, 1], TOLERANCES.mapFloat32);
    tf.dispose([x, zero]);
    adam.dispose();
    sgd.dispose();
  });

  it('memory: nothing is left after dispose', async () => {
    await expectNoLeak(async () => {
      const manifold = new PoincareBall();
      const x = tf.tidy(() => tf.variable(manifold.randomPoint([2, 3], 1)));
      for (const optimizer of [
        new RiemannianAdam({ amsgrad: true, manifolds: [[x, manifold]] }),
        new RiemannianSgd({ momentum: 0.5, weightDecay: 0.1, manifolds: [[x, manifold]] }),
      ]) {
        run(() => optimizer.minimize(() => tf.sum(tf.square(x)).asScalar(), false, [x]));
        const gradient = tf.ones([1, 3]);
        run(() => optimizer.applyRowGradients(x, [1], gradient));
        gradient.dispose();
        optimizer.dispose();
      }
      await x.data();
      x.dispose();
    });
  });
});

describe('Riemannian optimiser arguments', () => {
  it('error: settings, names and rows are named', async () => {
    expect(() => new RiemannianSgd({ momentum: 1 })).toThrow(
      'RiemannianSgd: momentum must be in [0, 1), got 1.',
    );
    expect(() => new RiemannianSgd({ learningRate: -1 })).toThrow(DomainError);
    expect(() => new RiemannianAdam({ stabilizeEvery: 0.5 })).toThrow(DomainError);
    expect(() => new RiemannianAdam({ beta2: NaN })).toThrow(DomainError);
    expect(() => new RiemannianAdam({ epsilon: 0 })).toThrow(DomainError);
    const adam = new RiemannianAdam();
    const gradient = tf.ones([1]);
    expect(() => adam.applyGradients({ nobody: gradient })).toThrow(
      "RiemannianAdam.applyGradients: gradients must be named as the variables that they belong to, got 'nobody'.",
    );
    const x = tf.variable(tf.ones([3, 2]));
    expect(() => adam.applyRowGradients(x, [3], gradient)).toThrow(
      'RiemannianAdam.applyRowGradients: rows must be different integers in [0, 3), got 3.',
    );
    expect(() => adam.applyRowGradients(x, [1, 1], gradient)).toThrow('got 1 twice.');
    expect(() => adam.applyRowGradients(x, [1], gradient)).toThrow(ShapeError);
    await expect(
      adam.setWeights([
        { name: 'iter', tensor: gradient },
        { name: 'x', tensor: gradient },
      ]),
    ).rejects.toThrow("weights must be named <variable>/<part>, got 'x'.");
    tf.dispose([x, gradient]);
  });

  it('reference: the configuration is plain numbers', () => {
    expect(new RiemannianAdam({ learningRate: 0.5 }).getConfig()).toEqual({
      learningRate: 0.5,
      stabilizeEvery: 1,
      retraction: false,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      amsgrad: false,
      weightDecay: 0,
    });
    expect(new Euclidean().name).toBe('Euclidean');
  });
});
