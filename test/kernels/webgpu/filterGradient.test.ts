import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { startBackend } from '../../../src/backends/start.js';
import { filterGradientSide } from '../../../src/kernels/webgpu/filterGradient.js';
import { describeOnBackend } from '../../backends/onBackend.js';
import { convolutionSums, outShapeOf } from '../../reference/convolution.js';
import type { ConvolutionSetting } from '../../reference/convolution.js';
import { expectSums, settings, valuesFor } from '../wasm/convolutionCases.js';

type Four = [number, number, number, number];

async function gradientOf(
  { x: xShape, filter, strides, pad }: ConvolutionSetting,
  values: { readonly x: Float32Array; readonly dy: Float32Array },
  dyShape: readonly number[],
): Promise<Float32Array> {
  const x = tf.tensor4d(values.x, [...xShape] as Four);
  const dy = tf.tensor4d(values.dy, [...dyShape] as Four);
  const attrs = { strides: [...strides], pad, dataFormat: 'NHWC', filterShape: [...filter] };
  const result: tf.Tensor = tf.engine().runKernel('Conv2DBackpropFilter', { x, dy }, attrs);
  expect(result.shape).toEqual([...filter]);
  const got = (await result.data()) as Float32Array;
  tf.dispose([x, dy, result]);
  return got;
}

async function check(setting: ConvolutionSetting, seed: number): Promise<void> {
  const values = valuesFor(setting, seed);
  const want = convolutionSums(setting, values.x, values.filter, values.dy);
  const got = await gradientOf(setting, values, want.outShape);
  expectSums(got, want.dFilter, want.outShape[0] * want.outShape[1] * want.outShape[2]);
}

describeOnBackend('webgpu', "gradient of a convolution's filter on webgpu", () => {
  beforeAll(async () => {
    await startBackend({ prefer: 'webgpu' });
  });

  it('equals float64 sums for strides, paddings, odd sizes and channel counts', async () => {
    await fc.assert(fc.asyncProperty(settings(false), fc.nat(2 ** 30), check), {
      seed: 12,
      numRuns: 40,
    });
  });

  it('adds up many positions in parts, with the same bits every time, and leaves no tensors', async () => {
    const setting: ConvolutionSetting = {
      x: [7, 29, 30, 3],
      filter: [3, 3, 3, 17],
      strides: [2, 1],
      pad: 'same',
    };
    await check(setting, 5);
    const values = valuesFor(setting, 6);
    const before = tf.memory().numTensors;
    const shape = outShapeOf(setting);
    const first = await gradientOf(setting, values, shape);
    expect(await gradientOf(setting, values, shape)).toEqual(first);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("leaves other layouts to tfjs's kernel, and is 0 without images", async () => {
    const run = (): tf.Tensor =>
      tf
        .engine()
        .runKernel(
          'Conv2DBackpropFilter',
          { x: tf.ones([1, 2, 4, 4]), dy: tf.ones([1, 3, 4, 4]) },
          { strides: 1, pad: 'same', dataFormat: 'NCHW', filterShape: [3, 3, 2, 3] },
        );
    const [ours, theirs] = [tf.tidy(run), filterGradientSide.during('theirs', () => tf.tidy(run))];
    expect(await ours.data()).toEqual(await theirs.data());
    tf.dispose([ours, theirs]);
    const empty: ConvolutionSetting = {
      x: [0, 4, 4, 1],
      filter: [3, 3, 1, 2],
      strides: [1, 1],
      pad: 'same',
    };
    const none = { x: new Float32Array(0), dy: new Float32Array(0) };
    expect([...(await gradientOf(empty, none, [0, 4, 4, 2]))]).toEqual(Array(18).fill(0));
  });
});
