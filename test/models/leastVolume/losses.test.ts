import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { afterPlummet, flattestBelow } from '../../../src/models/leastVolume/dynamicPruning.js';
import {
  batchDeviations,
  latentPenalty,
  leastVolume,
  liveCount,
} from '../../../src/models/leastVolume/losses.js';
import type { Penalty } from '../../../src/models/leastVolume/losses.js';
import { Rng } from '../../../src/util/rng.js';
import { numericGradient, rowsOf } from '../../support/gradcheck.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [ROWS, DIM] = [5, 3];
const rng = new Rng(4);
const flat = Array.from({ length: ROWS * DIM }, (_, i) => rng.normal() * (1 + (i % DIM)));

/** Float64, from the definitions. */
const reference = {
  deviations(z: readonly number[]): number[] {
    return Array.from({ length: DIM }, (_, j) => {
      const column = rowsOf(z, DIM).map((row) => row[j]);
      const mean = column.reduce((a, b) => a + b, 0) / ROWS;
      return Math.sqrt(column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (ROWS - 1));
    });
  },
  penalty(kind: Exclude<Penalty, 'none'>, z: readonly number[], eta: number): number {
    const mean = (values: readonly number[]): number =>
      values.reduce((a, b) => a + b, 0) / values.length;
    switch (kind) {
      case 'leastVolume':
        return Math.exp(mean(this.deviations(z).map((std) => Math.log(std + eta))));
      case 'l1':
        return mean(this.deviations(z));
      case 'lasso':
        return mean(z.map(Math.abs));
      case 'studentT':
        return mean(z.map((v) => Math.log(1 + v * v)));
    }
  },
};

async function valueOf(tensor: tf.Tensor): Promise<number[]> {
  const values = Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

describe('penalties', () => {
  const ones = (): tf.Tensor1D => tf.ones([DIM]);

  for (const kind of ['leastVolume', 'l1', 'lasso', 'studentT'] as const) {
    for (const eta of kind === 'leastVolume' ? [0, 0.1, 1, 30] : [1]) {
      it(`reference: value and gradient of ${kind}, eta ${eta}`, async () => {
        const z = tf.tensor2d(flat, [ROWS, DIM]);
        const loss = (a: tf.Tensor): tf.Scalar =>
          latentPenalty(kind, a as tf.Tensor2D, eta, ones());
        const [got] = await valueOf(tf.tidy(() => loss(z)));
        expect(got).toBeCloseTo(reference.penalty(kind, flat, eta), 5);
        const slope = await valueOf(tf.tidy(() => tf.grad(loss)(z)));
        const want = numericGradient((a) => reference.penalty(kind, a, eta), flat);
        slope.forEach((value, i) => expect(Math.abs(value - want[i])).toBeLessThan(1e-5));
        z.dispose();
      });
    }
  }

  it('edge: a constant latent has deviation 0 and gradient 0, with eta 0 too', async () => {
    const z = tf.tensor2d([1, 2, 1, 5, 1, 3], [3, 2]);
    const loss = (a: tf.Tensor): tf.Scalar =>
      leastVolume(batchDeviations(a as tf.Tensor2D), 0, tf.ones([2]));
    const slope = await valueOf(tf.tidy(() => tf.grad(loss)(z)));
    expect(slope.every(Number.isFinite)).toBe(true);
    expect([slope[0], slope[2], slope[4]]).toEqual([0, 0, 0]);
    const deviations = await valueOf(tf.tidy(() => batchDeviations(z)));
    expect(deviations[0]).toBe(0);
    z.dispose();
  });

  it('property: a masked latent counts in no mean, and live latents are those above the ratio', async () => {
    const deviations = tf.tensor1d([2, 0.5, 8]);
    const mask = tf.tensor1d([1, 1, 0]);
    expect((await valueOf(tf.tidy(() => leastVolume(deviations, 0, mask))))[0]).toBeCloseTo(1, 6);
    expect(await valueOf(tf.tidy(() => liveCount(deviations, 0.2, mask)))).toEqual([2]);
    expect(await valueOf(tf.tidy(() => liveCount(deviations, 0.3, mask)))).toEqual([1]);
    tf.dispose([deviations, mask]);
  });

  it('property: between the geometric and the arithmetic mean; differences tend to l1 for large eta', async () => {
    const at = async (eta: number): Promise<number> =>
      (await valueOf(tf.tidy(() => leastVolume(tf.tensor1d([1, 4]), eta, tf.ones([2])))))[0] - eta;
    expect(await at(0)).toBeCloseTo(2, 6);
    expect(await at(1)).toBeCloseTo(Math.sqrt(10) - 1, 6);
    expect(await at(1000)).toBeCloseTo(2.5, 2);
  });
});

describe('rules of dynamic pruning', () => {
  const run = async (
    rule: (deviations: tf.Tensor1D, mask: tf.Tensor1D) => tf.Tensor1D,
    deviations: readonly number[],
    mask: readonly number[],
  ): Promise<number[]> =>
    await valueOf(tf.tidy(() => rule(tf.tensor1d([...deviations]), tf.tensor1d([...mask]))));
  const threshold =
    (squaredError: number, limit: number) =>
    (deviations: tf.Tensor1D, mask: tf.Tensor1D): tf.Tensor1D =>
      flattestBelow(deviations, mask, tf.tensor1d([squaredError]), limit);

  it('threshold: the flattest kept latent falls when error + deviation is below the limit', async () => {
    const [deviations, mask] = [
      [1, 0.2, 0.1],
      [1, 1, 0],
    ];
    // sqrt(4) + .2 = 2.2
    expect(await run(threshold(4, 2.3), deviations, mask)).toEqual([0, 1, 0]);
    expect(await run(threshold(4, 2.1), deviations, mask)).toEqual([0, 0, 0]);
    expect(await run(threshold(0, 9), deviations, [1, 0, 0])).toEqual([0, 0, 0]);
  });

  it('plummet: those below ratio times the deviation before the steepest fall', async () => {
    const plummet = (deviations: tf.Tensor1D, mask: tf.Tensor1D): tf.Tensor1D =>
      afterPlummet(deviations, mask, 0.02);
    const all = [1, 1, 1, 1];
    expect(await run(plummet, [0.001, 3, 2, 0.002], all)).toEqual([1, 0, 0, 1]);
    // The steepest fall is from 2, but .1 is above .02 times that.
    expect(await run(plummet, [4, 2, 0.1, 0.1], all)).toEqual([0, 0, 0, 0]);
    // Falls into pruned latents do not count, and equal ones never fall.
    expect(await run(plummet, [4, 2, 0, 0], [1, 1, 0, 0])).toEqual([0, 0, 1, 1]);
    expect(await run(plummet, [2, 2, 2, 2], all)).toEqual([0, 0, 0, 0]);
    expect(await run(plummet, [2], [1])).toEqual([0]);
  });
});
