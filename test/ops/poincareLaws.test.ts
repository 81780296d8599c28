import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/errors.js';
import * as poincare from '../../src/ops/poincare.js';
import { describeOp } from '../support/backends.js';
import { expectClose } from '../support/compare.js';
import { POINCARE_CASES, directions, pointAt } from '../support/hyperbolicCases.js';
import { declareCentroids } from '../support/hyperbolicCentroids.js';
import { declareLaws, pointsOf } from '../support/hyperbolicLaws.js';
import { valuesOf } from '../support/hyperbolicSuite.js';
import { TOLERANCES } from '../support/tolerances.js';

describeOp('rowMap', (context) => {
  declareLaws(context, 'poincare', POINCARE_CASES);
  declareCentroids(context, 'poincare');

  const law = TOLERANCES.mapLaw;
  const values = (body: () => tf.Tensor): Promise<number[]> =>
    valuesOf(context.run(() => tf.tidy(body)));
  const [a, b, v] = [1, 2, 3].map((seed) => pointsOf('poincare', { n: 6, d: 3, seed }, 2));

  it('property: gyrations are what sums lack of associativity and commutativity, and rotate', async () => {
    const { add, gyration } = poincare;
    const turned = await values(() => gyration(a, b, v));
    const left = await values(() => add(a, add(b, v)));
    expectClose(await values(() => add(add(a, b), gyration(a, b, v))), left, law, 1);
    const swapped = await values(() => gyration(a, b, add(b, a)));
    expectClose(swapped, await values(() => add(a, b)), law, 1);
    const lengths = await values(() => tf.norm(tf.tensor2d(turned, [6, 3]), 2, 1));
    expectClose(lengths, await values(() => tf.norm(v, 2, 1)), law);
    const inverse = await values(() => gyration(b, a, gyration(a, b, v)));
    expectClose(inverse, v.flat(), law, 1);
  });

  it('property: cones hold what lies behind them on the ray, and nest', async () => {
    const units = directions(6, 3, 8);
    const near = units.map((unit) => pointAt('poincare', unit, 2));
    const far = units.map((unit) => pointAt('poincare', unit, 5));
    for (const angle of await values(() => poincare.coneAngle(near, far))) {
      expect(angle).toBeLessThan(1e-5);
    }
    for (const angle of await values(() => poincare.coneAngle(far, near))) {
      expect(Math.abs(angle - Math.PI)).toBeLessThan(1e-5);
    }
    // Farther from the axis, the angle grows.
    const sheaf = [0, 0.1, 0.5, 1, 2, 3].map((t) =>
      pointAt('poincare', [Math.cos(t), Math.sin(t)], 4),
    );
    const angles = await values(() => poincare.coneAngle(pointAt('poincare', [1, 0], 2), sheaf));
    expect(angles).toEqual([...angles].sort((p, q) => p - q));
    expect(angles[0]).toBeLessThan(1e-6);
    const apertures = await values(() =>
      poincare.coneHalfAperture([
        [0, 0],
        [0.01, 0],
        [0.5, 0],
        [0.9, 0],
      ]),
    );
    expect(apertures).toEqual([...apertures].sort((p, q) => q - p));
    expectClose(apertures.slice(0, 2), [Math.PI / 2, Math.PI / 2], TOLERANCES.rowMap);
    expect(
      await values(() =>
        poincare.coneAngle(
          [0, 0],
          [
            [0.5, 0],
            [0, 0],
          ],
        ),
      ),
    ).toEqual([0, 0]);
  });

  it('property: hyperplanes: 0 on them, odd across them, as far as their foot', async () => {
    const p = a;
    expect(await values(() => poincare.hyperplaneDistance(p, p, v))).toEqual(p.map(() => 0));
    const normal = directions(6, 3, 4);
    for (const t of [-1.5, 0.5]) {
      // A step along the normal is the shortest way to the plane.
      const step = tf.tidy(() =>
        tf.mul(tf.div(normal, tf.expandDims(poincare.norm(p, normal), -1)), t),
      );
      const got = await values(() =>
        poincare.hyperplaneDistance(poincare.expMap(p, step), p, normal),
      );
      expectClose(
        got,
        got.map(() => t),
        law,
        1,
      );
      step.dispose();
    }
    // Through the origin the logit is the multinomial one: lambda |z| d.
    const logits = await values(() => poincare.hyperplaneLogit(b, normal));
    const distances = await values(() => poincare.hyperplaneDistance(b, [0, 0, 0], normal));
    expectClose(
      logits,
      distances.map((d) => 2 * d),
      law,
      1,
    );
  });
});

describe('cone arguments', () => {
  it('error: DomainError for an aperture that is not above 0', () => {
    const call = (): tf.Tensor => poincare.coneHalfAperture([0.5, 0], 1, 0);
    expect(call).toThrow(DomainError);
    expect(call).toThrow(
      'poincare.coneHalfAperture: minRadius must be a finite number above 0, got 0.',
    );
  });
});
