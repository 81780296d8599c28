import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DomainError, ShapeError } from '../../src/errors.js';
import * as sphere from '../../src/ops/sphere.js';
import { dot, minus, norm, plus, scaled } from '../reference/vectors.js';
import type { Vector } from '../reference/vectors.js';
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

const RADIUS = 2;

const onSphere = (rows: number[][]): number[][] =>
  rows.map((row) => scaled(row, RADIUS / norm(row)).map(Math.fround));

/** Textbook forms in float64 of points by their direction. */
const angleOf = (x: Vector, y: Vector): number => {
  const [u, v] = [scaled(x, 1 / norm(x)), scaled(y, 1 / norm(y))];
  return 2 * Math.atan2(norm(minus(u, v)), norm(plus(u, v)));
};
const logOf = (x: Vector, y: Vector, r: number): number[] => {
  const [u, v] = [scaled(x, 1 / norm(x)), scaled(y, 1 / norm(y))];
  const t = angleOf(x, y);
  return scaled(minus(v, scaled(u, Math.cos(t))), (r * t) / Math.sin(t));
};
const expOf = (x: Vector, v: Vector, r: number): number[] => {
  const t = norm(v) / r;
  return plus(scaled(x, Math.cos(t)), scaled(v, Math.sin(t) / t));
};

describeMaps('sphere', ({ run, tolerance }) => {
  const values = (body: () => tf.Tensor): Promise<number[]> => hostValues(run(body));
  const [x, y] = [onSphere(normalRows(6, 4, 1)), onSphere(normalRows(6, 4, 2))];
  const v = normalRows(6, 4, 3).map((row, i) =>
    minus(row, scaled(x[i], dot(row, x[i]) / dot(x[i], x[i]))).map(Math.fround),
  );

  it('reference: distance, exp, log equal their textbook forms', async () => {
    const pairs: [() => tf.Tensor, number[]][] = [
      [() => sphere.dist(x, y, RADIUS), x.map((row, i) => RADIUS * angleOf(row, y[i]))],
      [() => sphere.logMap(x, y, RADIUS), x.flatMap((row, i) => logOf(row, y[i], RADIUS))],
      [() => sphere.expMap(x, v, RADIUS), x.flatMap((row, i) => expOf(row, v[i], RADIUS))],
    ];
    for (const [body, want] of pairs) expectClose(await values(body), want, tolerance, 3);
  });

  it('edge: angles from 1e-7 to nearly pi keep their digits; equal and opposite rows', async () => {
    for (const angle of [1e-7, 1e-4, 1e-2, 1, 3, Math.PI - 1e-2, Math.PI - 1e-4]) {
      const [p, q] = [[1, 0].map(Math.fround), [Math.cos(angle), Math.sin(angle)].map(Math.fround)];
      const got = await values(() => sphere.dist([p], [q]));
      expectClose(got, [angleOf(p, q)], { ...tolerance, absolute: 0 });
      const log = await values(() => sphere.logMap([p], [q]));
      expectClose(log, [0, Math.atan2(q[1], q[0])], {
        relative: 1e-5,
        absolute: tolerance.absolute / (angle > 2 ? Math.sin(angle) : 1),
        reason: 'log',
      });
    }
    const p = [[0.6, 0.8]];
    const opposite = [[-0.6, -0.8]];
    expect(await values(() => sphere.dist(p, p))).toEqual([0]);
    expectClose(await values(() => sphere.dist(p, opposite)), [Math.PI], TOLERANCES.mapFloat32);
    expect((await values(() => sphere.logMap(p, opposite))).map(Math.abs)).toEqual([0, 0]);
    for (const other of [p, opposite]) {
      for (const f of [sphere.dist, sphere.logMap]) {
        const gradients = await run(() => mapGradients((a, b) => f(a, b), [p, other]));
        for (const value of gradients.flat()) expect(value).toSatisfy(Number.isFinite);
      }
      const slopes = await run(() => mapGradients((a, b) => sphere.dist(a, b), [p, other]));
      for (const value of slopes.flat()) expect(Math.abs(value)).toBe(0);
    }
    expect(
      await values(() =>
        sphere.project(
          [
            [0, 0],
            [3, 4],
          ],
          5,
        ),
      ),
    ).toEqual([0, 0, 3, 4]);
    const still = await run(() => mapGradients((a, b) => sphere.expMap(a, b), [p, [[0, 0]]]));
    for (const value of still.flat()) expect(value).toSatisfy(Number.isFinite);
  });

  it('property: exp and log are inverse; transport keeps inner products and carries the geodesic', async () => {
    expectClose(
      await values(() => sphere.expMap(x, sphere.logMap(x, y, RADIUS), RADIUS)),
      y.flat(),
      TOLERANCES.mapLaw,
    );
    const moved = run(() => sphere.transport(x, y, v));
    expectClose(
      await values(() => sphere.inner(moved, moved)),
      await values(() => sphere.inner(v, v)),
      TOLERANCES.mapLaw,
    );
    expectClose(
      await values(() => sphere.projectTangent(y, moved)),
      await hostValues(moved),
      TOLERANCES.mapLaw,
    );
    expectClose(
      await values(() => sphere.transport(x, y, sphere.logMap(x, y, RADIUS))),
      await values(() => tf.neg(sphere.logMap(y, x, RADIUS))),
      TOLERANCES.mapLaw,
    );
  });

  it('gradient: equals central differences of the textbook forms, by the radius too', async () => {
    const [p, q, w] = [x.slice(0, 2), y.slice(0, 2), v.slice(0, 2)];
    const rows =
      (f: (a: Vector, b: Vector, r: number) => number | number[]) =>
      (a: number[][], b: number[][], r: number): number[] =>
        a.flatMap((row, i) => f(row, b[i], r));
    const cases = [
      [sphere.dist, rows((a, b, r) => r * angleOf(a, b)), q],
      [sphere.logMap, rows(logOf), q],
      [sphere.expMap, rows(expOf), w],
    ] as const;
    for (const [f, reference, second] of cases) {
      const got = await run(() => mapGradients((a, b, r) => f(a, b, r), [p, second, RADIUS]));
      const want = referenceGradients(reference, [p, second, RADIUS] as [
        number[][],
        number[][],
        number,
      ]);
      got.forEach((part, i) => expectClose(part, want[i], TOLERANCES.gradient, 2));
    }
  });

  it('memory: nothing is left', async () => {
    await expectNoLeak(async () => {
      await values(() => sphere.dist(x, y));
      await run(() => mapGradients((a, b) => sphere.logMap(a, b), [x, y]));
    });
  });
});

describe('sphere arguments', () => {
  it('error: radius and shapes are named', () => {
    expect(() => sphere.dist([[1]], [[1]], -1)).toThrow(
      'sphere.dist: radius must be a finite number above 0, got -1.',
    );
    expect(() => sphere.project([[1]], 0)).toThrow(DomainError);
    expect(() => sphere.transport([[1, 2]], [[1, 2]], [[1]])).toThrow(ShapeError);
  });
});
