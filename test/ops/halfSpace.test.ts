import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import { convert } from '../../src/ops/convert.js';
import * as halfSpace from '../../src/ops/halfSpace.js';
import * as klein from '../../src/ops/klein.js';
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

const heights = (rows: number[][]): number[][] =>
  rows.map((row) => [...row.slice(0, -1), Math.fround(Math.exp(row[row.length - 1]))]);

describeMaps('halfSpace', ({ run, tolerance }) => {
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(body));
  const [x, y] = [heights(normalRows(6, 3, 1)), heights(normalRows(6, 3, 2))];
  const v = normalRows(6, 3, 3, 0.6);

  it('reference: the distance equals 120 digits, near and far', async () => {
    const far = [
      [0, 0, 1e-6],
      [1e3, 0, 1e-3],
      [0, 0, 1e4],
      [0.5, 0.25, 1],
    ];
    const [p, q] = [
      [...x, ...far],
      [...y, far[1], far[2], far[3], [0.5, 0.25, 1.000001]],
    ];
    const got = await values(() => halfSpace.dist(p, q, 0.7));
    const want = p.map((row, i) => distance('halfSpace', row, q[i].map(Math.fround), 0.7));
    expectClose(got, want, { ...tolerance, absolute: 0 });
    expect(await values(() => halfSpace.dist(x, x))).toEqual(x.map(() => 0));
  });

  it('property: exp and log are inverse, lengths are distances, geodesics have constant speed', async () => {
    expectClose(
      await values(() => halfSpace.expMap(x, halfSpace.logMap(x, y))),
      y.flat(),
      TOLERANCES.mapLaw,
      3,
    );
    expectClose(
      await values(() => halfSpace.logMap(x, halfSpace.expMap(x, v))),
      v.flat(),
      TOLERANCES.mapLaw,
    );
    for (const t of [1e-3, 0.5, 1, 4]) {
      const step = v.map((row) => row.map((e) => e * t));
      const got = await values(() => halfSpace.dist(x, halfSpace.expMap(x, step), 2));
      const want = x.map((row, i) => Math.hypot(...step[i]) / row[2] / Math.SQRT2);
      expectClose(got, want, { ...TOLERANCES.mapLaw, absolute: 1e-6 });
    }
  });

  it('property: straight up and down are exponential', async () => {
    const got = await values(() => halfSpace.expMap([[1, 2]], [[0, 6]]));
    expectClose(got, [1, 2 * Math.exp(3)], TOLERANCES.mapFloat32, 3);
    const down = await values(() => halfSpace.expMap([[1, 2]], [[0, -6]]));
    expectClose(down, [1, 2 * Math.exp(-3)], TOLERANCES.mapFloat32);
    const zero = await values(() => halfSpace.expMap([[1, 2]], [[0, 0]]));
    expect(zero).toEqual([1, 2]);
  });

  it('property: transport keeps inner products, carries the geodesic, and is that of the ball', async () => {
    const moved = run(() => halfSpace.transport(x, y, v));
    expectClose(
      await values(() => halfSpace.inner(y, moved, moved, 2)),
      await values(() => halfSpace.inner(x, v, v, 2)),
      TOLERANCES.mapLaw,
      4,
    );
    const along = await values(() => halfSpace.transport(x, y, halfSpace.logMap(x, y)));
    const end = await values(() => tf.neg(halfSpace.logMap(y, x)));
    expectClose(along, end, TOLERANCES.mapLaw, 3);
    expect(await values(() => halfSpace.transport(x, x, v))).toEqual(v.flat());
    // Tangents go to the ball by the differential of the conversion.
    const push = (points: number[][], tangents: number[]): number[] =>
      points.flatMap((row, i) => {
        const ball = (t: number): number[] =>
          fromHyperboloid(
            'ball',
            toHyperboloid(
              'halfSpace',
              row.map((e, j) => e + t * tangents[3 * i + j]),
              1,
            ),
            1,
          );
        const [ahead, behind] = [ball(1e-5), ball(-1e-5)];
        return ahead.map((e, j) => (e - behind[j]) / 2e-5);
      });
    const pushed = push(y, await hostValues(moved));
    const shape: [number, number] = [6, 3];
    const inBall = await values(() =>
      stereographic.transport(
        convert(x, 'halfSpace', 'ball'),
        convert(y, 'halfSpace', 'ball'),
        tf.tensor2d(push(x, v.flat()), shape),
        -1,
      ),
    );
    expectClose(inBall, pushed, TOLERANCES.mapLaw);
  });

  it('gradient: distance and inner product against the reference; exp and log finite at zero', async () => {
    const args: [number[][], number[][], number] = [x.slice(0, 2), y.slice(0, 2), 0.7];
    const got = await run(() => mapGradients((a, b, c) => halfSpace.dist(a, b, c), args));
    const want = referenceGradients(
      (a, b, c) => a.map((row, i) => distance('halfSpace', row, b[i], c)),
      args,
    );
    got.forEach((part, i) => expectClose(part, want[i], TOLERANCES.gradient, 3));
    for (const f of [halfSpace.expMap, halfSpace.logMap]) {
      const second = f === halfSpace.expMap ? [[0, 0]] : [[1, 2]];
      const gradients = await run(() => mapGradients((a, b) => f(a, b), [[[1, 2]], second]));
      for (const value of gradients.flat()) expect(value).toSatisfy(Number.isFinite);
    }
  });

  it('edge: the Riemannian gradient and the projection', async () => {
    expect(await values(() => halfSpace.egradToRgrad([[1, 2]], [[3, 4]], 0.5))).toEqual([6, 8]);
    const got = await values(() =>
      halfSpace.project([
        [1, -2],
        [3, 4],
      ]),
    );
    expect([got[0], got[2], got[3]]).toEqual([1, 3, 4]);
    expect(got[1]).toBeGreaterThanOrEqual(0);
  });

  it('memory: nothing is left', async () => {
    await expectNoLeak(async () => {
      await values(() => halfSpace.dist(x, y));
      await run(() => mapGradients((a, b) => halfSpace.logMap(a, b), [x, y]));
    });
  });
});

describeMaps('klein', ({ run, tolerance }) => {
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(body));
  const points = (seed: number): number[][] =>
    normalRows(6, 3, seed).map((row) =>
      fromHyperboloid('klein', toHyperboloid('lorentz', row, 0.7), 0.7).map(Math.fround),
    );
  const [x, y] = [points(1), points(2)];

  it('reference: the distance equals 120 digits, for near points too', async () => {
    const near = [[0.3, 0.2, -0.1].map(Math.fround), [0.3000001, 0.2, -0.1].map(Math.fround)];
    const [p, q] = [
      [...x, near[0]],
      [...y, near[1]],
    ];
    const want = p.map((row, i) => distance('klein', row, q[i], 0.7));
    expectClose(await values(() => klein.dist(p, q, 0.7)), want, { ...tolerance, absolute: 0 });
    expect(await values(() => klein.dist(x, x, 0.7))).toEqual(x.map(() => 0));
  });

  it('gradient: central differences of the reference, by the curvature too', async () => {
    const args: [number[][], number[][], number] = [x.slice(0, 2), y.slice(0, 2), 0.7];
    const got = await run(() => mapGradients((a, b, c) => klein.dist(a, b, c), args));
    const want = referenceGradients(
      (a, b, c) => a.map((row, i) => distance('klein', row, b[i], c)),
      args,
    );
    got.forEach((part, i) => expectClose(part, want[i], TOLERANCES.gradient, 6));
  });

  it('property: the Einstein midpoint is the gyromidpoint of the ball', async () => {
    const sets = tf.tensor3d([x.slice(0, 3), y.slice(0, 3)]);
    const weights = tf.tensor1d([1, 2, 0.5]);
    const middle = run(() => klein.einsteinMidpoint(sets, weights, 0.7));
    const ball = run(() =>
      tf.tidy(() =>
        stereographic.weightedMidpoint(convert(sets, 'klein', 'ball', 0.7), weights, -0.7),
      ),
    );
    const back = await values(() => convert(ball, 'ball', 'klein', 0.7));
    expectClose(await hostValues(middle), back, TOLERANCES.mapLaw);
    tf.dispose([sets, weights, ball]);
  });
});

describe('halfSpace and klein arguments', () => {
  it('error: curvatures and shapes are named', () => {
    expect(() => halfSpace.dist([[1]], [[1]], 0)).toThrow(
      'halfSpace.dist: c must be a finite number above 0, got 0.',
    );
    expect(() => halfSpace.expMap([[1, 2]], [[1]])).toThrow(ShapeError);
    expect(() => klein.dist([[0]], [[0]], NaN)).toThrow(DomainError);
    expect(() => klein.einsteinMidpoint(tf.tensor1d([0]))).toThrow(ShapeError);
  });
});
