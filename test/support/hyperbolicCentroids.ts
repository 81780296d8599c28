import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DtypeError, ShapeError } from '../../src/errors.js';
import * as lorentz from '../../src/ops/lorentz.js';
import * as poincare from '../../src/ops/poincare.js';
import {
  lorentz as lorentzReference,
  numberOf,
  poincare as ballReference,
  vectorOf,
} from '../reference/hyperbolic.js';
import type { Matrix } from './arbitraries.js';
import type { BackendContext } from './backends.js';
import { expectClose } from './compare.js';
import { directions, pointAt } from './hyperbolicCases.js';
import type { Model } from './hyperbolicCases.js';
import { isExact, valuesOf } from './hyperbolicSuite.js';
import { numericGradient, rowsOf, weightedSum } from './gradcheck.js';
import { expectNoLeak } from './leaks.js';
import { TOLERANCES } from './tolerances.js';

const middleOf = (model: Model): typeof lorentz.centroid =>
  model === 'poincare' ? poincare.weightedMidpoint : lorentz.centroid;

function referenceMiddle(
  model: Model,
  points: readonly (readonly number[])[],
  weights: readonly number[],
  c: number,
): number[] {
  const rows = points.map(vectorOf);
  const middle =
    model === 'poincare'
      ? ballReference.weightedMidpoint(rows, vectorOf(weights), numberOf(c))
      : lorentzReference.centroid(rows, vectorOf(weights), numberOf(c));
  return middle.map((v) => v.toNumber());
}

/** Declare what centroids of points must do. */
export function declareCentroids(context: BackendContext, model: Model): void {
  const { run } = context;
  const middle = middleOf(model);
  const op = model === 'poincare' ? poincare : lorentz;
  const law = TOLERANCES.mapLaw;
  const values = (body: () => tf.Tensor): Promise<number[]> => valuesOf(run(() => tf.tidy(body)));
  const cloud = (m: number, d: number, seed: number, most: number): Matrix =>
    directions(m, d, seed).map((unit, i) => pointAt(model, unit, (most * (i + 1)) / m));
  const weights = [0.25, 1, 0, 2, 0.5];

  describe('centroid', () => {
    it('reference: the oracle, near and far, balanced and one-sided', async () => {
      for (const most of model === 'poincare' ? [0.1, 3, 7] : [0.1, 3, 7, 14]) {
        const points = cloud(5, 3, 2, most);
        const balanced = [...points, ...points.map((row) => row.map((v) => -v))];
        const side = points.map((row) => row.map(Math.abs));
        for (const rows of [points, balanced, side]) {
          const shares = rows.map((_row, i) => weights[i % 5]);
          const want = referenceMiddle(model, rows, shares, 1);
          const scale = Math.max(...rows.flat().map(Math.abs));
          const got = await values(() => middle(rows, shares));
          expectClose(got, want, TOLERANCES.hyperbolicCentroid, scale);
        }
      }
    });

    it('gradient: by points and weights as central differences of the oracle', async () => {
      const points = cloud(5, 3, 3, 1.5);
      const toward = [0.3, -1, 0.7];
      const [dPoints, dWeights] = run(() =>
        tf.grads((p: tf.Tensor, w: tf.Tensor) => tf.sum(tf.mul(middle(p, w), toward)))([
          tf.tensor2d(points),
          tf.tensor1d(weights),
        ]),
      );
      const loss = (rows: readonly (readonly number[])[], shares: readonly number[]): number =>
        weightedSum(referenceMiddle(model, rows, shares, 1), toward);
      const byPoints = numericGradient((flat) => loss(rowsOf(flat, 3), weights), points.flat());
      const byWeights = numericGradient((shares) => loss(points, shares), weights);
      expectClose(await valuesOf(dPoints), byPoints, TOLERANCES.rowMapGradient, 1);
      expectClose(await valuesOf(dWeights), byWeights, TOLERANCES.rowMapGradient, 1);
    });

    it('property: in no order, moves with the points, halves the way of two', async () => {
      const points = cloud(5, 3, 4, 2);
      const got = await values(() => middle(points, weights));
      const mixed = [3, 1, 4, 0, 2];
      const other = await values(() =>
        middle(
          mixed.map((i) => points[i]),
          mixed.map((i) => weights[i]),
        ),
      );
      expectClose(other, got, law, 1);
      const a = pointAt(model, [0.6, -0.8, 0], 1);
      const moved = await values(() => middle(op.add(a, points), weights));
      expectClose(moved, await values(() => op.add(a, got)), law, 1);
      const two = points.slice(3);
      const half = await values(() => middle(two));
      const [first, second] = await values(() => op.dist(half, two));
      const whole = await values(() => op.dist(two[0], two[1]));
      expectClose([first, second], [whole[0] / 2, whole[0] / 2], law, 1);
    });

    it('edge: batches with a curvature for each; no weight gives the origin', async () => {
      const sets = [cloud(4, 3, 5, 1), cloud(4, 3, 6, 1)];
      const curvatures = [1, 0.25];
      const got = run(() => middle(sets, [1, 2, 3, 4], curvatures));
      expect(got.shape).toEqual([2, 3]);
      const want = sets.flatMap((rows, i) =>
        referenceMiddle(model, rows, [1, 2, 3, 4], curvatures[i]),
      );
      expectClose(await valuesOf(got), want, isExact(context) ? TOLERANCES.rowMap : law, 1);
      expect(await values(() => middle(sets[0], [0, 0, 0, 0]))).toEqual([0, 0, 0]);
      const single = await values(() => middle(sets[0].slice(3)));
      expectClose(single, sets[0][3], TOLERANCES.rowMap, 1);
    });

    it('memory: a centroid and its gradient leave nothing', async () => {
      const points = tf.tensor2d(cloud(4, 3, 7, 1));
      await expectNoLeak(async () => {
        await values(() => middle(points));
        await valuesOf(run(() => tf.grad((p) => tf.sum(middle(p, weights.slice(0, 4))))(points)));
      });
      points.dispose();
    });

    it('error: names the argument of a centroid or matrix that does not fit', () => {
      const name = model === 'poincare' ? 'poincare.weightedMidpoint' : 'lorentz.centroid';
      expect(() => middle([1, 2])).toThrow(ShapeError);
      expect(() => middle([1, 2])).toThrow(`${name}: points must have shape`);
      expect(() => middle(tf.zeros([3, 2]), [1, 1])).toThrow(`${name}: weights must have one for`);
      expect(() => middle(tf.zeros([3, 2], 'int32'))).toThrow(DtypeError);
      expect(() => middle(tf.zeros([3, 2]), undefined, 0)).toThrow(
        `${name}: c must be a finite number above 0, got 0.`,
      );
      expect(() => op.matVec(tf.zeros([3, 2]), tf.zeros([4, 2]))).toThrow(
        `${model}.matVec: weights must be a matrix [d, m] with d = 2, the features of x, got shape [3, 2].`,
      );
      expect(() => op.matVec(tf.zeros([2, 2], 'int32'), [[1, 2]])).toThrow(DtypeError);
    });
  });
}
