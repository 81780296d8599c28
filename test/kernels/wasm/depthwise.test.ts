import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { convolutionSums } from '../../reference/convolution.js';
import type { ConvolutionSetting } from '../../reference/convolution.js';
import { expectNoLeak } from '../../support/leaks.js';
import { expectSums, ourConvolutions, settings, valuesFor } from './convolutionCases.js';
import { startWasm, valuesOf } from './start.js';

const WIDE: ConvolutionSetting = {
  x: [20, 24, 23, 19],
  filter: [3, 3, 19, 1],
  strides: [1, 1],
  pad: 'same',
  depthwise: true,
};

describe('gradients of depthwise convolutions on wasm', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it('equal float64 sums for strides, paddings, odd sizes and multipliers', async () => {
    await fc.assert(
      fc.asyncProperty(settings(true), fc.nat(2 ** 30), async (setting, seed) => {
        // tfjs's own forward kernel wants equal strides.
        const [stride] = setting.strides;
        const square = { ...setting, strides: [stride, stride] } as const;
        const values = valuesFor(square, seed);
        const want = convolutionSums(square, values.x, values.filter, values.dy);
        // The first one is tfjs's own.
        const [out, dx, dFilter] = ourConvolutions(square, values);
        out.dispose();
        const [fh, fw, , multiplier] = square.filter;
        const positions = want.outShape[0] * want.outShape[1] * want.outShape[2];
        expectSums(await valuesOf(dx), want.dx, fh * fw * multiplier);
        expectSums(await valuesOf(dFilter), want.dFilter, positions);
      }),
      { seed: 12, numRuns: 80 },
    );
  });

  it('give the same bits on one and on two threads', async () => {
    const values = valuesFor(WIDE, 1);
    setThreads(1);
    const one = await Promise.all(ourConvolutions(WIDE, values).map(valuesOf));
    setThreads(2);
    const two = await Promise.all(ourConvolutions(WIDE, values).map(valuesOf));
    expect(two).toEqual(one);
  });

  it('add up slabs of a batch that is larger than one', async () => {
    const setting: ConvolutionSetting = {
      x: [130, 64, 64, 16],
      filter: [1, 1, 16, 1],
      strides: [2, 2],
      pad: 'valid',
      depthwise: true,
    };
    const values = valuesFor(setting, 2);
    const want = convolutionSums(setting, values.x, values.filter, values.dy);
    const [out, dx, dFilter] = ourConvolutions(setting, values);
    out.dispose();
    expectSums(await valuesOf(dx), want.dx, 1);
    expectSums(await valuesOf(dFilter), want.dFilter, 130 * 1024);
  });

  it('let a separable convolution be trained', async () => {
    const values = valuesFor(WIDE, 3);
    const losses: number[] = [];
    const x = tf.tensor4d(values.x, [20, 24, 23, 19]);
    const filter = tf.variable(tf.zeros<tf.Rank.R4>([3, 3, 19, 1]));
    const optimizer = tf.train.sgd(0.5);
    for (let step = 0; step < 5; step++) {
      const loss = optimizer.minimize(
        () => tf.losses.meanSquaredError(x, tf.depthwiseConv2d(x, filter, 1, 'same')),
        true,
      );
      if (loss !== null) losses.push(...(await valuesOf(loss)));
    }
    tf.dispose([x, filter]);
    optimizer.dispose();
    // The best filter is the identity, whose loss is 0; one step of gradient descent goes most of the way.
    expect(losses[4]).toBeLessThan(0.9 * losses[0]);
    losses.slice(1).forEach((loss, i) => expect(loss).toBeLessThan(losses[i]));
  });

  it('give zeros where nothing reaches and for no images', async () => {
    const setting: ConvolutionSetting = { ...WIDE, x: [0, 5, 5, 19] };
    const [out, dx, dFilter] = ourConvolutions(setting, valuesFor(setting, 1));
    out.dispose();
    expect(dx.shape).toEqual([0, 5, 5, 19]);
    dx.dispose();
    expect((await valuesOf(dFilter)).every((value) => value === 0)).toBe(true);
  });

  it('leave no tensors behind', async () => {
    const values = valuesFor(WIDE, 4);
    await expectNoLeak(() => tf.dispose(ourConvolutions(WIDE, values)));
  });
});
