import * as tf from '@tensorflow/tfjs';

export type Shape4 = [number, number, number, number];

/** Sizes, strides and padding of a convolution as tfjs works them out. */
export type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

/** Attributes that tfjs's kernels of convolutions share. */
export interface ConvAttrs {
  readonly strides: [number, number] | number;
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dilations?: [number, number] | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Attributes of the gradient of a filter. */
export interface FilterAttrs extends ConvAttrs {
  readonly filterShape: Shape4;
}

/** Sizes and paddings of a convolution of images with their channels last. */
export function infoOf(
  xShape: readonly number[],
  filterShape: Shape4,
  { strides, dilations = 1, pad, dimRoundingMode }: ConvAttrs,
): ConvInfo {
  return tf.backend_util.computeConv2DInfo(
    xShape as Shape4,
    filterShape,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
}
