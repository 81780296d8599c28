import type { ConvInfo } from '../shared/convolution.js';

/** A tap of the filter: where it looks from a position's pixel, and its place in the filter. */
export interface Tap {
  readonly y: number;
  readonly x: number;
  readonly filter: number;
}

/** Output positions (firstY + i outStrideY, firstX + j outStrideX), which look through the same taps. */
export interface Phase {
  readonly gridHeight: number;
  readonly gridWidth: number;
  readonly firstY: number;
  readonly firstX: number;
  readonly taps: readonly Tap[];
}

/**
 * A convolution or its transpose, as a sum over taps: position (i, j) of a phase's grid looks at pixel
 * (i strideY + tap.y, j strideX + tap.x) of its image, which is zero beyond the edge.
 */
export interface ConvolutionPlan {
  readonly images: number;
  /** Of what is looked at. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly strideY: number;
  readonly strideX: number;
  /** Of the result. */
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly outStrideY: number;
  readonly outStrideX: number;
  /** Whether the filter's last axis is the one of what is looked at. */
  readonly transposed: boolean;
  readonly phases: readonly Phase[];
}

/** out[b, i, j] = sum over taps of x[b, i s + fy d - top, j s + fx d - left] filter[fy, fx]. */
export function forwardPlan(info: ConvInfo): ConvolutionPlan {
  const taps: Tap[] = [];
  for (let fy = 0; fy < info.filterHeight; fy++) {
    for (let fx = 0; fx < info.filterWidth; fx++) {
      taps.push({
        y: fy * info.dilationHeight - info.padInfo.top,
        x: fx * info.dilationWidth - info.padInfo.left,
        filter: fy * info.filterWidth + fx,
      });
    }
  }
  return {
    images: info.batchSize,
    height: info.inHeight,
    width: info.inWidth,
    channels: info.inChannels,
    strideY: info.strideHeight,
    strideX: info.strideWidth,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    outChannels: info.outChannels,
    outStrideY: 1,
    outStrideX: 1,
    transposed: false,
    phases: [{ gridHeight: info.outHeight, gridWidth: info.outWidth, firstY: 0, firstX: 0, taps }],
  };
}

/** Taps along one axis that reach positions `first`, `first + stride`, ...: [place in the filter, offset]. */
function reachingTaps(
  first: number,
  stride: number,
  { size, dilation, pad }: { size: number; dilation: number; pad: number },
): [filter: number, offset: number][] {
  return Array.from({ length: size }, (_, tap): [number, number] => [
    tap,
    (first + pad - tap * dilation) / stride,
  ]).filter(([, offset]) => Number.isInteger(offset));
}

/** The transpose: every output position of the convolution, here looked at, adds to what it saw. */
export function inputPlan(info: ConvInfo): ConvolutionPlan {
  const [strideY, strideX] = [info.strideHeight, info.strideWidth];
  const rows = { size: info.filterHeight, dilation: info.dilationHeight, pad: info.padInfo.top };
  const columns = { size: info.filterWidth, dilation: info.dilationWidth, pad: info.padInfo.left };
  const phases: Phase[] = [];
  for (let firstY = 0; firstY < Math.min(strideY, info.inHeight); firstY++) {
    for (let firstX = 0; firstX < Math.min(strideX, info.inWidth); firstX++) {
      phases.push({
        gridHeight: Math.ceil((info.inHeight - firstY) / strideY),
        gridWidth: Math.ceil((info.inWidth - firstX) / strideX),
        firstY,
        firstX,
        taps: reachingTaps(firstY, strideY, rows).flatMap(([fy, y]) =>
          reachingTaps(firstX, strideX, columns).map(([fx, x]): Tap => {
            return { y, x, filter: fy * info.filterWidth + fx };
          }),
        ),
      });
    }
  }
  return {
    images: info.batchSize,
    height: info.outHeight,
    width: info.outWidth,
    channels: info.outChannels,
    strideY: 1,
    strideX: 1,
    outHeight: info.inHeight,
    outWidth: info.inWidth,
    outChannels: info.inChannels,
    outStrideY: strideY,
    outStrideX: strideX,
    transposed: true,
    phases,
  };
}
