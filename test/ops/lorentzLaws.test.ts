import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/errors.js';
import { convert } from '../../src/ops/convert.js';
import type { HyperbolicModel } from '../../src/ops/convert.js';
import * as klein from '../../src/ops/klein.js';
import * as halfSpace from '../../src/ops/halfSpace.js';
import * as lorentz from '../../src/ops/lorentz.js';
import * as poincare from '../../src/ops/poincare.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { LORENTZ_CASES, directions, pointAt } from '../support/hyperbolicCases.js';
import { declareCentroids } from '../support/hyperbolicCentroids.js';
import { declareLaws, pointsOf, tangentsOf } from '../support/hyperbolicLaws.js';
import { valuesOf } from '../support/hyperbolicSuite.js';
import { TOLERANCES } from '../support/tolerances.js';

describeOp('rowMap', (context) => {
  declareLaws(context, 'lorentz', LORENTZ_CASES);
  declareCentroids(context, 'lorentz');

  const law = TOLERANCES.mapLaw;
  const values = (body: () => tf.Tensor): Promise<number[]> =>
    valuesOf(context.run(() => tf.tidy(body)));
  const [x, y] = [1, 2].map((seed) => pointsOf('lorentz', { n: 6, d: 3, seed }, 2));

  it('property: all models keep distances', async () => {
    const distances = await values(() => lorentz.dist(x, y, 0.5));
    const inModel = (model: HyperbolicModel): [tf.Tensor, tf.Tensor] => [
      convert(x, 'lorentz', model, 0.5),
      convert(y, 'lorentz', model, 0.5),
    ];
    expectClose(await values(() => poincare.dist(...inModel('ball'), 0.5)), distances, law);
    expectClose(await values(() => klein.dist(...inModel('klein'), 0.5)), distances, law);
    expectClose(await values(() => halfSpace.dist(...inModel('halfSpace'), 0.5)), distances, law);
  });

  it('property: gyrations are what sums lack of associativity, and rotate', async () => {
    const v = pointsOf('lorentz', { n: 6, d: 3, seed: 3 }, 2);
    const { add, gyration } = lorentz;
    const left = await values(() => add(x, add(y, v)));
    expectClose(await values(() => add(add(x, y), gyration(x, y, v))), left, law, 10);
    const lengths = await values(() => tf.norm(gyration(x, y, v, 0.5), 2, 1));
    expectClose(lengths, await values(() => tf.norm(v, 2, 1)), law);
  });

  it('property: sums, multiples and products are the images of those of the ball', async () => {
    const ball = (rows: number[][]): tf.Tensor => convert(rows, 'lorentz', 'ball');
    const image = (rows: tf.Tensor): tf.Tensor => convert(rows, 'ball', 'lorentz');
    const weights = directions(3, 4, 5);
    const pairs: [() => tf.Tensor, () => tf.Tensor][] = [
      [() => lorentz.add(x, y), () => image(poincare.add(ball(x), ball(y)))],
      [() => lorentz.scalarMul(1.5, x), () => image(poincare.scalarMul(1.5, ball(x)))],
      [() => lorentz.matVec(weights, x), () => image(poincare.matVec(weights, ball(x)))],
      [
        () => lorentz.hyperplaneDistance(y, [0, 0, 0], x),
        () => poincare.hyperplaneDistance(ball(y), [0, 0, 0], x),
      ],
      [() => lorentz.exteriorAngle(x, y), () => poincare.coneAngle(ball(x), ball(y))],
      [() => lorentz.centroid(x), () => image(poincare.weightedMidpoint(ball(x)))],
    ];
    for (const [own, other] of pairs) {
      const want = await values(other);
      expectClose(await values(own), want, law, Math.max(...want.map(Math.abs)));
    }
  });

  it('property: tangents: projection leaves them, and is orthogonal', async () => {
    const v = tangentsOf('lorentz', x, 1.5, 7);
    const times = v.map((row, i) => {
      const time = Math.sqrt(1 + x[i].reduce((sum, p) => sum + p * p, 0));
      return row.reduce((sum, value, f) => sum + value * x[i][f], 0) / time;
    });
    expectClose(await values(() => lorentz.projectTangent(x, v, times)), v.flat(), law, 1);
    // <projection, u> = <w, u> for tangents u, in ambient coordinates.
    const u = tangentsOf('lorentz', x, 1, 9);
    const w = directions(6, 3, 11);
    const got = await values(() => lorentz.inner(x, lorentz.projectTangent(x, w, 0), u));
    const want = w.map((row, i) => row.reduce((sum, value, f) => sum + value * u[i][f], 0));
    expectClose(got, want, law, 3);
  });

  it('property: the Riemannian gradient of the distance is -log / distance', async () => {
    const gradient = await values(() => {
      const euclidean = tf.grad((rows) => tf.sum(lorentz.dist(rows, y)))(tf.tensor2d(x));
      return lorentz.egradToRgrad(x, euclidean);
    });
    const want = await values(() =>
      tf.div(tf.neg(lorentz.logMap(x, y)), tf.expandDims(lorentz.dist(x, y), -1)),
    );
    expectClose(gradient, want, law, Math.max(...want.map(Math.abs)));
  });

  it('property: cones hold what lies behind them on the ray, and nest', async () => {
    const units = directions(6, 3, 8);
    const near = units.map((unit) => pointAt('lorentz', unit, 2));
    const far = units.map((unit) => pointAt('lorentz', unit, 9));
    for (const angle of await values(() => lorentz.exteriorAngle(near, far))) {
      expect(angle).toBeLessThan(1e-6);
    }
    for (const angle of await values(() => lorentz.exteriorAngle(far, near))) {
      expect(Math.abs(angle - Math.PI)).toBeLessThan(2 ** -23 * Math.exp(9));
    }
    const sheaf = [0, 0.1, 0.5, 1, 2, 3].map((t) =>
      pointAt('lorentz', [Math.cos(t), Math.sin(t)], 4),
    );
    const angles = await values(() => lorentz.exteriorAngle(pointAt('lorentz', [1, 0], 2), sheaf));
    expect(angles).toEqual([...angles].sort((p, q) => p - q));
    expect(angles[0]).toBeLessThan(1e-6);
    const apertures = await values(() =>
      lorentz.halfAperture([
        [0, 0],
        [0.1, 0],
        [1, 0],
        [5, 0],
      ]),
    );
    expect(apertures).toEqual([...apertures].sort((p, q) => q - p));
    expectClose(apertures.slice(0, 2), [Math.PI / 2, Math.PI / 2], TOLERANCES.rowMap);
    expect(
      await values(() =>
        lorentz.exteriorAngle(
          [0, 0],
          [
            [0.5, 0],
            [0, 0],
          ],
        ),
      ),
    ).toEqual([0, 0]);
  });

  it('property: a step along the normal leaves a hyperplane by its length', async () => {
    const normal = directions(6, 3, 4);
    expect(await values(() => lorentz.hyperplaneDistance(x, x, normal))).toEqual(x.map(() => 0));
    for (const t of [-1.5, 0.5]) {
      const got = await values(() => {
        const unit = tf.div(normal, tf.expandDims(lorentz.norm(x, normal), -1));
        return lorentz.hyperplaneDistance(lorentz.expMap(x, tf.mul(unit, t)), x, normal);
      });
      expectClose(
        got,
        got.map(() => t),
        law,
        1,
      );
    }
  });
});

describe('cone arguments', () => {
  it('error: DomainError for an aperture that is not above 0', () => {
    const call = (): tf.Tensor => lorentz.halfAperture([0.5, 0], 1, -1);
    expect(call).toThrow(DomainError);
    expect(call).toThrow(
      'lorentz.halfAperture: minRadius must be a finite number above 0, got -1.',
    );
  });
});
