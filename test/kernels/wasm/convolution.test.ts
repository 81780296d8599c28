import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { convolutionSide } from '../../../src/kernels/wasm/convolution.js';
import { setThreads } from '../../../src/kernels/wasm/register.js';
import { convolutionSums } from '../../reference/convolution.js';
import type { ConvolutionSetting } from '../../reference/convolution.js';
import { expectNoLeak } from '../../support/leaks.js';
import { expectSums, ourConvolutions, settings, valuesFor } from './convolutionCases.js';
import { normals, startWasm, valuesOf } from './start.js';

const WIDE: ConvolutionSetting = {
  x: [9, 13, 12, 20],
  filter: [3, 3, 20, 37],
  strides: [2, 1],
  pad: 'same',
};

const dot = (a: readonly number[], b: ArrayLike<number>): number =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);

describe('convolutions on wasm', () => {
  beforeAll(startWasm);
  afterEach(() => setThreads(undefined));

  it('equal float64 sums for strides, paddings, odd sizes and channel counts', async () => {
    await fc.assert(
      fc.asyncProperty(settings(false), fc.nat(2 ** 30), async (setting, seed) => {
        const values = valuesFor(setting, seed);
        const want = convolutionSums(setting, values.x, values.filter, values.dy);
        const got = ourConvolutions(setting, values);
        const [fh, fw, channels, outputs] = setting.filter;
        const positions = want.outShape[0] * want.outShape[1] * want.outShape[2];
        expect(got[0].shape).toEqual([...want.outShape]);
        expectSums(await valuesOf(got[0]), want.out, fh * fw * channels);
        expectSums(await valuesOf(got[1]), want.dx, fh * fw * outputs);
        expectSums(await valuesOf(got[2]), want.dFilter, positions);
      }),
      { seed: 11, numRuns: 80 },
    );
  });

  it('are adjoint: <conv(x, f), y> = <x, dx> = <f, dFilter>', async () => {
    const values = valuesFor(WIDE, 4);
    const [out, dx, dFilter] = ourConvolutions(WIDE, values);
    const forward = dot(await valuesOf(out), values.dy);
    const scale = Math.sqrt(values.dy.length * 9 * 20);
    expect(Math.abs(dot(await valuesOf(dx), values.x) - forward)).toBeLessThan(1e-5 * scale);
    expect(Math.abs(dot(await valuesOf(dFilter), values.filter) - forward)).toBeLessThan(
      1e-5 * scale,
    );
  });

  it('give the same bits on one, two and three threads', async () => {
    for (const setting of [WIDE, { ...WIDE, x: [40, 28, 28, 1], filter: [3, 3, 1, 16] } as const]) {
      const values = valuesFor(setting, 1);
      const results: number[][][] = [];
      for (const threads of [1, 2, 3]) {
        setThreads(threads);
        results.push(await Promise.all(ourConvolutions(setting, values).map(valuesOf)));
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    }
  });

  it('spread their taps by dilations', async () => {
    for (const pad of ['same', 'valid'] as const) {
      const setting: ConvolutionSetting = {
        x: [2, 9, 8, 6],
        filter: [3, 2, 6, 5],
        strides: [1, 1],
        dilations: [2, 3],
        pad,
      };
      const values = valuesFor(setting, 5);
      const want = convolutionSums(setting, values.x, values.filter, values.dy);
      const out = convolutionSide.during('ours', () =>
        tf.conv2d(
          tf.tensor4d(values.x, [2, 9, 8, 6]),
          tf.tensor4d(values.filter, [3, 2, 6, 5]),
          1,
          pad,
          'NHWC',
          [2, 3],
        ),
      );
      expectSums(await valuesOf(out), want.out, 36);
    }
  });

  it('apply bias and activation as tfjs does', async () => {
    for (const activation of ['linear', 'relu', 'relu6', 'leakyrelu', 'sigmoid'] as const) {
      for (const filters of [3, 21]) {
        const run = (): tf.Tensor =>
          tf.tidy(() =>
            tf.fused.conv2d({
              x: tf.tensor4d(normals(4 * 9 * 9 * 8, 5), [4, 9, 9, 8]),
              filter: tf.tensor4d(normals(72 * filters, 6), [3, 3, 8, filters]),
              strides: 2,
              pad: 'same',
              bias: tf.tensor1d(normals(filters, 7)),
              activation,
              leakyreluAlpha: 0.3,
            }),
          );
        const got = await valuesOf(convolutionSide.during('ours', run));
        const want = await valuesOf(convolutionSide.during('theirs', run));
        expect(got.length).toBe(want.length);
        want.forEach((value, i) => {
          if (!(Math.abs(got[i] - value) <= 2e-5)) {
            expect.fail(`${activation} ${i}: ${got[i]} ${value}`);
          }
        });
      }
    }
  });

  it('add up slabs of a batch that is larger than one', async () => {
    const setting: ConvolutionSetting = {
      x: [520, 32, 32, 16],
      filter: [1, 1, 16, 2],
      strides: [2, 2],
      pad: 'valid',
    };
    const values = valuesFor(setting, 8);
    const want = convolutionSums(setting, values.x, values.filter, values.dy);
    const got = ourConvolutions(setting, values);
    expectSums(await valuesOf(got[0]), want.out, 16);
    expectSums(await valuesOf(got[1]), want.dx, 2);
    expectSums(await valuesOf(got[2]), want.dFilter, 520 * 256);
  });

  it('keep NaN and infinity to the positions that see them', async () => {
    const x = new Float32Array(6 * 6 * 8).fill(1);
    x[0] = NaN;
    x[x.length - 1] = Infinity;
    const out = convolutionSide.during('ours', () =>
      tf.conv2d(tf.tensor4d(x, [1, 6, 6, 8]), tf.ones<tf.Rank.R4>([3, 3, 8, 9]), 1, 'valid'),
    );
    const got = await valuesOf(out);
    got.forEach((value, i) => {
      const position = Math.floor(i / 9);
      expect(value).toBe(position === 0 ? NaN : position === 15 ? Infinity : 72);
    });
  });

  it('give zeros where nothing reaches, and nothing for no images', async () => {
    const dx = tf.conv2dTranspose(
      tf.ones<tf.Rank.R4>([1, 2, 2, 8]),
      tf.ones<tf.Rank.R4>([1, 1, 1, 8]),
      [1, 4, 4, 1],
      2,
      'same',
    );
    expect(await valuesOf(dx)).toEqual([8, 0, 8, 0, 0, 0, 0, 0, 8, 0, 8, 0, 0, 0, 0, 0]);
    const none = convolutionSide.during('ours', () =>
      tf.conv2d(tf.zeros<tf.Rank.R4>([0, 4, 4, 2]), tf.ones<tf.Rank.R4>([3, 3, 2, 5]), 1, 'same'),
    );
    expect(none.shape).toEqual([0, 4, 4, 5]);
    none.dispose();
  });

  it('leave no tensors behind', async () => {
    const values = valuesFor(WIDE, 3);
    await expectNoLeak(() => tf.dispose(ourConvolutions(WIDE, values)));
  });

  it('reject channels first', () => {
    const attrs = { strides: 1, pad: 'same', dataFormat: 'NCHW', filterShape: [3, 3, 2, 5] };
    const [x, dy] = [tf.zeros([1, 2, 4, 4]), tf.zeros([1, 5, 4, 4])];
    expect(() => tf.engine().runKernel('Conv2DBackpropFilter', { x, dy }, attrs)).toThrow(
      'dataFormat must be NHWC, got NCHW',
    );
    tf.dispose([x, dy]);
  });
});
