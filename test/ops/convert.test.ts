import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { convert, HYPERBOLIC_MODELS } from '../../src/ops/convert.js';
import * as halfSpace from '../../src/ops/halfSpace.js';
import * as klein from '../../src/ops/klein.js';
import * as logPolar from '../../src/ops/logPolar.js';
import { productDistance } from '../../src/ops/productDistance.js';
import * as stereographic from '../../src/ops/stereographic.js';
import { distance, fromHyperboloid, toHyperboloid } from '../reference/hyperbolicModels.js';
import { normalRows } from '../support/arbitraries.js';
import { expectClose } from '../support/compare.js';
import { expectNoLeak } from '../support/leaks.js';
import {
  describeMaps,
  hostValues,
  mapGradients,
  referenceGradients,
} from '../support/mapBackends.js';
import { TOLERANCES } from '../support/tolerances.js';

const ways = HYPERBOLIC_MODELS.flatMap((from) =>
  HYPERBOLIC_MODELS.map((to) => [from, to] as const),
);

/** Points of a model within about 3 of the origin, as float32. */
function pointsOf(model: string, c: number, seed: number): number[][] {
  return normalRows(5, 3, seed).map((row) =>
    fromHyperboloid(model, toHyperboloid('lorentz', row, c), c).map(Math.fround),
  );
}

describeMaps('convert', ({ run, tolerance, isSlow }) => {
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(body));

  it.each(isSlow ? ways.filter(([, to]) => to === 'lorentz') : ways)(
    'reference: %s to %s equals 120 digits, and back',
    async (from, to) => {
      for (const c of [1, 0.3]) {
        const x = pointsOf(from, c, 4);
        const want = x.flatMap((row) => fromHyperboloid(to, toHyperboloid(from, row, c), c));
        expectClose(await values(() => convert(x, from, to, c)), want, tolerance, 3);
        const back = await values(() =>
          tf.tidy(() => convert(convert(x, from, to, c), to, from, c)),
        );
        expectClose(back, x.flat(), TOLERANCES.mapLaw);
      }
    },
  );

  it.each(isSlow ? ways.slice(1, 3) : ways)(
    'gradient: %s to %s, by the curvature too',
    async (from, to) => {
      const args: [number[][], number] = [pointsOf(from, 0.7, 5).slice(0, 2), 0.7];
      const got = await run(() => mapGradients((x, c) => convert(x, from, to, c), args));
      const want = referenceGradients(
        (x, c) => x.map((row) => fromHyperboloid(to, toHyperboloid(from, row, c), c)),
        args,
      );
      got.forEach((part, i) => expectClose(part, want[i], TOLERANCES.gradient, 4));
    },
  );

  it('property: every model has the same distances', async () => {
    const [x, y] = [pointsOf('logPolar', 0.5, 6), pointsOf('logPolar', 0.5, 7)];
    const want = x.map((row, i) => distance('logPolar', row, y[i], 0.5));
    const far = { relative: TOLERANCES.mapLaw.relative, absolute: 0, reason: 'as mapLaw' };
    expectClose(await values(() => logPolar.dist(x, y, 0.5)), want, tolerance);
    const dists = { klein: klein.dist, halfSpace: halfSpace.dist };
    for (const model of ['klein', 'halfSpace'] as const) {
      const got = await values(() =>
        dists[model](convert(x, 'logPolar', model, 0.5), convert(y, 'logPolar', model, 0.5), 0.5),
      );
      expectClose(got, want, far);
    }
    const ball = await values(() =>
      stereographic.dist(
        convert(x, 'logPolar', 'ball', 0.5),
        convert(y, 'logPolar', 'ball', 0.5),
        -0.5,
      ),
    );
    expectClose(ball, want, far);
  });

  it('edge: origins go to origins', async () => {
    const origin = [[0, 0]];
    expect(await values(() => convert(origin, 'ball', 'halfSpace'))).toEqual([0, 1]);
    expect(await values(() => convert([[0, 1]], 'halfSpace', 'lorentz'))).toEqual([0, 0]);
    for (const [from, to] of ways) {
      const start = from === 'halfSpace' ? [[0, 1]] : origin;
      const gradients = await run(() => mapGradients((x) => convert(x, from, to), [start]));
      for (const value of gradients.flat()) expect(value).toSatisfy(Number.isFinite);
      if (isSlow) return;
    }
  });

  it('edge: far points keep their digits where the model can hold them', async () => {
    // At radius 12: Lorentz <-> log-polar <-> half-space, below and above the origin.
    for (const direction of [
      [0, 1],
      [0, -1],
      [0.6, 0.8],
      [1, 0],
    ]) {
      const z = [direction.map((v) => Math.fround(12 * v))];
      for (const to of ['lorentz', 'halfSpace'] as const) {
        const want = fromHyperboloid(to, toHyperboloid('logPolar', z[0], 1), 1);
        const got = await values(() => convert(z, 'logPolar', to));
        const relative = {
          relative: tolerance.relative * 8,
          absolute: 0,
          reason: 'per coordinate',
        };
        want.forEach((v, i) => {
          // A coordinate that is small beside the others has their rounding.
          const scale = Math.max(Math.abs(v), 1e-6 * Math.hypot(...want));
          expect(Math.abs(got[i] - v)).toBeLessThanOrEqual(relative.relative * scale);
        });
      }
    }
  });

  it('memory: nothing is left', async () => {
    await expectNoLeak(async () => {
      await values(() => convert([[0.1, 0.2]], 'ball', 'halfSpace'));
      await run(() => mapGradients((x) => convert(x, 'ball', 'klein'), [[[0.1, 0.2]]]));
    });
  });
});

describe('convert arguments', () => {
  it('error: models, curvature and shapes are named', () => {
    expect(() => convert([[1]], 'disk' as 'ball', 'klein')).toThrow(
      "convert: from must be one of ball, lorentz, klein, halfSpace, logPolar, got 'disk'.",
    );
    expect(() => convert([[1]], 'ball', 'klein', -1)).toThrow(DomainError);
    expect(() => convert(1, 'ball', 'klein')).toThrow(ShapeError);
    expect(() => convert(1, 'ball', 'halfSpace')).toThrow(ShapeError);
  });
});

describeMaps('productDistance', ({ run }) => {
  it('reference: root of the sum of squares; gradient 0 where all are 0', async () => {
    const parts: [number[], number[]] = [
      [3, 0, 1],
      [4, 0, 2],
    ];
    const got = await hostValues(run(() => productDistance(parts.map((d) => tf.tensor1d(d)))));
    expectClose(got, [5, 0, Math.sqrt(5)], TOLERANCES.mapFloat32);
    const gradients = await run(() => mapGradients((a, b) => productDistance([a, b]), parts));
    const weights = [0, 1, 2].map((k) => Math.cos(k + 1));
    expectClose(
      gradients[0],
      [0.6 * weights[0], 0, weights[2] / Math.sqrt(5)],
      TOLERANCES.gradient,
    );
  });

  it('error: no factor, or shapes that differ', () => {
    expect(() => productDistance([])).toThrow(
      'productDistance: distances must hold a tensor or more, got none.',
    );
    expect(() => productDistance([tf.zeros([2]), tf.zeros([3])])).toThrow(ShapeError);
  });
});
