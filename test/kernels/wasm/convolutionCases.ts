import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { convolutionSide } from '../../../src/kernels/wasm/convolution.js';
import { outShapeOf } from '../../reference/convolution.js';
import type { ConvolutionSetting, Shape4, Sums } from '../../reference/convolution.js';
import { normals } from './start.js';

type Four = [number, number, number, number];

const sizeOf = (shape: Shape4): number => shape.reduce((a, b) => a * b);

/** Values of a setting: input, filter and the gradient of the result. */
export function valuesFor(
  setting: ConvolutionSetting,
  seed: number,
): { x: Float32Array; filter: Float32Array; dy: Float32Array } {
  return {
    x: normals(sizeOf(setting.x), seed),
    filter: normals(sizeOf(setting.filter), seed + 1),
    dy: normals(sizeOf(outShapeOf(setting)), seed + 2),
  };
}

/** The convolution and its two gradients by our kernels, in the order out, dx, dFilter. */
export function ourConvolutions(
  setting: ConvolutionSetting,
  values: ReturnType<typeof valuesFor>,
): [out: tf.Tensor, dx: tf.Tensor, dFilter: tf.Tensor] {
  const { strides, pad, dilations = [1, 1], depthwise = false } = setting;
  const [inputShape, filterShape] = [[...setting.x] as Four, [...setting.filter] as Four];
  return tf.tidy(() => {
    const x = tf.tensor4d(values.x, inputShape);
    const filter = tf.tensor4d(values.filter, filterShape);
    const dy = tf.tensor4d(values.dy, [...outShapeOf(setting)] as Four);
    const step: [number, number] = [...strides];
    const spread: [number, number] = [...dilations];
    const attrs = { strides: step, pad, dataFormat: 'NHWC', filterShape, inputShape };
    return convolutionSide.during('ours', () => {
      const engine = tf.engine();
      if (depthwise) {
        const own = { ...attrs, dilations: spread };
        return [
          tf.depthwiseConv2d(x, filter, step, pad, 'NHWC', spread),
          engine.runKernel('DepthwiseConv2dNativeBackpropInput', { dy, filter }, own),
          engine.runKernel('DepthwiseConv2dNativeBackpropFilter', { x, dy }, own),
        ] as [tf.Tensor, tf.Tensor, tf.Tensor];
      }
      return [
        tf.conv2d(x, filter, step, pad, 'NHWC', spread),
        engine.runKernel('Conv2DBackpropInput', { dy, filter }, attrs),
        engine.runKernel('Conv2DBackpropFilter', { x, dy }, attrs),
      ] as [tf.Tensor, tf.Tensor, tf.Tensor];
    });
  });
}

/**
 * Sums of float32 products in blocks of at most 256 terms, which are added in order: 2^-24 of the
 * magnitudes for each addition that a term goes through.
 */
export function expectSums(
  got: ArrayLike<number>,
  { values, magnitudes }: Sums,
  terms: number,
): void {
  expect(got.length).toBe(values.length);
  const relative = (Math.min(terms, 256) + Math.ceil(terms / 256) + 2) * 2 ** -24;
  values.forEach((value, i) => {
    const bound = relative * magnitudes[i];
    if (!(Math.abs(got[i] - value) <= bound)) {
      expect.fail(`element ${i}: got ${got[i]}, want ${value} within ${bound}`);
    }
  });
}

/** Settings whose result is not empty: odd sizes, strides up to 3, all paddings, 1 to 33 channels. */
export function settings(depthwise: boolean): fc.Arbitrary<ConvolutionSetting> {
  const channels = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 12, 17, 32, 33);
  return fc
    .record({
      images: fc.integer({ min: 1, max: 4 }),
      height: fc.integer({ min: 1, max: 11 }),
      width: fc.integer({ min: 1, max: 11 }),
      channels,
      outputs: depthwise ? fc.integer({ min: 1, max: 5 }) : channels,
      taps: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
      strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      pad: fc.constantFrom<'same' | 'valid' | number>('same', 'valid', 0, 1, 2),
    })
    .map(({ images, height, width, channels: c, outputs, taps, strides, pad }) => ({
      x: [images, height, width, c] as const,
      // With a number for the padding tfjs takes filter and strides for square.
      filter: [taps[0], typeof pad === 'number' ? taps[0] : taps[1], c, outputs] as const,
      strides: [strides[0], typeof pad === 'number' ? strides[0] : strides[1]] as const,
      pad,
      depthwise,
    }))
    .filter((setting) => outShapeOf(setting).every((size) => size > 0));
}
