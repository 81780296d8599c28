import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, DtypeError, ShapeError } from '../../src/errors.js';
import * as stereographic from '../../src/ops/stereographic.js';
import * as reference from '../reference/stereographic.js';
import { normalRows } from '../support/arbitraries.js';
import type { Matrix } from '../support/arbitraries.js';
import { expectClose } from '../support/compare.js';
import { expectNoLeak } from '../support/leaks.js';
import {
  describeMaps,
  hostValues,
  mapGradients,
  referenceGradients,
} from '../support/mapBackends.js';
import { TOLERANCES } from '../support/tolerances.js';

const KAPPAS = [-1.7, -1, -0.1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 0.1, 1, 1.7];

/** Rows within about 2.5 of the origin at curvature -1. */
function points(count: number, d: number, seed: number): Matrix {
  return normalRows(count, d, seed, 0.5).map((row) => {
    const size = Math.hypot(...row);
    const limit = Math.min(1, 0.65 / size);
    return row.map((v) => Math.fround(v * limit));
  });
}

const perRow = (rows: Matrix, f: (row: number[], i: number) => number[] | number): number[] =>
  rows.flatMap((row, i) => f(row, i));

describeMaps('stereographic', ({ run, tolerance, isSlow }) => {
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(body));
  const kappas = isSlow ? [-1, 0, 0.1] : KAPPAS;
  const [x, y, v] = [points(6, 3, 1), points(6, 3, 2), normalRows(6, 3, 3, 0.3)];

  describe.each(kappas)('kappa %d', (k) => {
    it('reference: every map equals its textbook form', async () => {
      const s = stereographic;
      const cases: [() => tf.Tensor, number[]][] = [
        [() => s.add(x, y, k), perRow(x, (row, i) => reference.add(row, y[i], k))],
        [() => s.dist(x, y, k), perRow(x, (row, i) => reference.dist(row, y[i], k))],
        [() => s.dist0(x, k), perRow(x, (row) => reference.dist([0, 0, 0], row, k))],
        [() => s.scalarMul(0.7, x, k), perRow(x, (row) => reference.scalarMul(0.7, row, k))],
        [() => s.expMap(x, v, k), perRow(x, (row, i) => reference.expMap(row, v[i], k))],
        [() => s.logMap(x, y, k), perRow(x, (row, i) => reference.logMap(row, y[i], k))],
        [() => s.expMap0(v, k), perRow(v, (row) => reference.expMap([0, 0, 0], row, k))],
        [() => s.logMap0(y, k), perRow(y, (row) => reference.logMap([0, 0, 0], row, k))],
        [() => s.conformalFactor(x, k), perRow(x, (row) => reference.lambda(row, k))],
        [
          () => s.egradToRgrad(x, v, k),
          perRow(x, (row, i) => v[i].map((e) => e / reference.lambda(row, k) ** 2)),
        ],
      ];
      for (const [body, want] of cases) expectClose(await values(body), want, tolerance, 3);
      const gyrated = await values(() => s.gyration(x, y, v, k));
      const want = perRow(x, (row, i) => reference.gyration(row, y[i], v[i], k));
      expectClose(gyrated, want, tolerance, 3);
    });

    it('property: transport keeps inner products and takes the geodesic along', async () => {
      const moved = run(() => stereographic.transport(x, y, v, k));
      const before = await values(() => stereographic.inner(x, v, v, k));
      expectClose(
        await values(() => stereographic.inner(y, moved, moved, k)),
        before,
        TOLERANCES.mapLaw,
      );
      const want = perRow(x, (row, i) => reference.transport(row, y[i], v[i], k));
      expectClose(await hostValues(moved), want, TOLERANCES.mapLaw);
      const along = await values(() =>
        stereographic.transport(x, y, stereographic.logMap(x, y, k), k),
      );
      const end = await values(() => tf.neg(stereographic.logMap(y, x, k)));
      expectClose(along, end, TOLERANCES.mapLaw);
    });

    it('property: exp and log are inverse, and the distance is the length', async () => {
      const there = await values(() => stereographic.expMap(x, stereographic.logMap(x, y, k), k));
      expectClose(there, y.flat(), TOLERANCES.mapLaw);
      const lengths = await values(() =>
        tf.tidy(() => {
          const log = stereographic.logMap(x, y, k);
          return tf.sqrt(stereographic.inner(x, log, log, k));
        }),
      );
      const distances = await values(() => stereographic.dist(x, y, k));
      expectClose(lengths, distances, TOLERANCES.mapLaw);
      const moved = await values(() =>
        stereographic.dist(stereographic.add(v, x, k), stereographic.add(v, y, k), k),
      );
      expectClose(moved, distances, TOLERANCES.mapLaw);
    });

    it('gradient: equals central differences of the reference, by kappa too', async () => {
      const check = async (
        f: (...args: tf.Tensor[]) => tf.Tensor,
        g: (a: number[][], b: number[][], kappa: number) => number[],
        args: [number[][], number[][], number],
      ): Promise<void> => {
        const got = await run(() => mapGradients(f, args));
        const want = referenceGradients(g, args, 1e-4);
        got.forEach((part, i) => {
          // The reference itself is not smooth in kappa at 0: differences straddle two of its forms.
          if (i === 2 && Math.abs(k) < 1e-2 && k !== 0) return;
          expectClose(part, want[i], TOLERANCES.gradient, 2);
        });
      };
      const [p, q, w] = [x.slice(0, 2), y.slice(0, 2), v.slice(0, 2)];
      const { dist, expMap, logMap } = stereographic;
      await check(dist, (a, b, c) => perRow(a, (row, i) => reference.dist(row, b[i], c)), [
        p,
        q,
        k,
      ]);
      if (isSlow) return;
      await check(expMap, (a, b, c) => perRow(a, (row, i) => reference.expMap(row, b[i], c)), [
        p,
        w,
        k,
      ]);
      await check(logMap, (a, b, c) => perRow(a, (row, i) => reference.logMap(row, b[i], c)), [
        p,
        q,
        k,
      ]);
    });

    it('property: the midpoint of two is as far from both; weights move it', async () => {
      const pairs = tf.tensor3d(x.map((row, i) => [row, y[i]]));
      const middle = run(() => stereographic.weightedMidpoint(pairs, undefined, k));
      const [left, right] = await Promise.all([
        values(() => stereographic.dist(x, middle, k)),
        values(() => stereographic.dist(y, middle, k)),
      ]);
      const whole = await values(() => stereographic.dist(x, y, k));
      expectClose(left, right, TOLERANCES.mapLaw);
      expectClose(
        left,
        whole.map((d) => d / 2),
        TOLERANCES.mapLaw,
      );
      const atFirst = await values(() =>
        stereographic.weightedMidpoint(pairs, tf.tensor1d([1, 0]), k),
      );
      expectClose(atFirst, x.flat(), TOLERANCES.mapLaw);
      tf.dispose([pairs, middle]);
    });
  });

  it('edge: zero vectors, equal rows and the origin have finite values and gradients', async () => {
    for (const k of [-1, 0, 1]) {
      const zero = [[0, 0]];
      const p = [[0.25, -0.5]];
      expect(await values(() => stereographic.dist(p, p, k))).toEqual([0]);
      expect(await values(() => stereographic.expMap(p, zero, k))).toEqual(p[0]);
      expect((await values(() => stereographic.logMap(p, p, k))).map(Math.abs)).toEqual([0, 0]);
      const { dist, expMap, logMap } = stereographic;
      for (const f of [dist, expMap, logMap]) {
        const gradients = await run(() => mapGradients(f, [p, p, k]));
        const atZero = await run(() => mapGradients(f, [zero, zero, k]));
        for (const value of [...gradients, ...atZero].flat())
          expect(value).toSatisfy(Number.isFinite);
      }
    }
  });

  it('edge: the geodesic of the sphere passes its point at infinity', async () => {
    // From the south half round the pole at infinity: t beyond pi / 2 in the tangent.
    const start = [[0.5, 0]];
    const got = await values(() => stereographic.expMap(start, [[1.5, 0]], 1));
    expectClose(got, reference.expMap(start[0], [1.5, 0], 1), TOLERANCES.mapLaw);
    const near = await values(() => stereographic.dist([[2, 0]], [[-0.499, 0]], 1));
    expectClose(near, [reference.dist([2, 0], [-0.499, 0], 1)], TOLERANCES.mapLaw);
  });

  it('property: a tensor of curvatures of both signs serves each row', async () => {
    const mixed = [-1, -0.5, 0, 0.25, 0.5, 1];
    const got = await values(() => stereographic.dist(x, y, tf.tensor1d(mixed)));
    expectClose(
      got,
      perRow(x, (row, i) => reference.dist(row, y[i], mixed[i])),
      tolerance,
      3,
    );
    const centres = await values(() =>
      stereographic.weightedMidpoint(
        tf.tensor3d(x.map((row, i) => [row, y[i]])),
        undefined,
        tf.tensor1d(mixed),
      ),
    );
    for (const value of centres) expect(value).toSatisfy(Number.isFinite);
  });

  it('edge: project keeps inside points and brings others inside', async () => {
    const got = await values(() =>
      stereographic.project(
        [
          [0.25, 0],
          [3, 4],
        ],
        -1,
      ),
    );
    expect(got.slice(0, 2)).toEqual([0.25, 0]);
    expect(Math.hypot(got[2], got[3])).toBeLessThan(1);
    expectClose(got.slice(2), [0.6, 0.8], TOLERANCES.mapFloat32);
    for (const k of [0, 1]) {
      expect(await values(() => stereographic.project([[3, 4]], k))).toEqual([3, 4]);
    }
  });

  it('memory: nothing is left', async () => {
    await expectNoLeak(async () => {
      await values(() => stereographic.dist(x, y, -1));
      await run(() => mapGradients(stereographic.logMap, [x, y, -1]));
      await values(() =>
        tf.tidy(() => stereographic.weightedMidpoint(tf.tensor3d([x, y]), undefined, -1)),
      );
    });
  });
});

describe('stereographic arguments', () => {
  it('error: features, shapes, types and curvatures are named', () => {
    expect(() => stereographic.dist([[1, 2]], [[1]], 1)).toThrow(ShapeError);
    expect(() => stereographic.dist([[1]], [[1]], Infinity)).toThrow(DomainError);
    expect(() => stereographic.dist([[1]], [[1]], Infinity)).toThrow(
      'stereographic.dist: kappa must be a finite number, got Infinity.',
    );
    expect(() => stereographic.dist(tf.tensor2d([[1]], [1, 1], 'int32'), [[1]], 1)).toThrow(
      DtypeError,
    );
    expect(() => stereographic.weightedMidpoint(tf.tensor1d([1]), undefined, 1)).toThrow(
      'stereographic.weightedMidpoint: points must have shape [..., points, features], rank 2 or more, got shape [1].',
    );
    expect(() => stereographic.weightedMidpoint(tf.zeros([2, 1]), tf.ones([3]), 1)).toThrow(
      'stereographic.weightedMidpoint: weights must have one for each point, [..., 2]',
    );
  });
});
