/** Float64 convolutions of NHWC images from the definition, tap by tap. */

export type Shape4 = readonly [number, number, number, number];

export interface ConvolutionSetting {
  /** [images, height, width, channels]. */
  readonly x: Shape4;
  /** [height, width, channels, outputs per image or, depthwise, per channel]. */
  readonly filter: Shape4;
  readonly strides: readonly [number, number];
  readonly pad: 'same' | 'valid' | number;
  readonly dilations?: readonly [number, number];
  readonly depthwise?: boolean;
}

/** Values and the sums of the magnitudes of their terms, which rounding errors scale with. */
export interface Sums {
  readonly values: Float64Array;
  readonly magnitudes: Float64Array;
}

export interface ConvolutionSums {
  readonly out: Sums;
  readonly dx: Sums;
  readonly dFilter: Sums;
  readonly outShape: Shape4;
}

function axis(
  size: number,
  taps: number,
  stride: number,
  dilation: number,
  pad: 'same' | 'valid' | number,
): { readonly out: number; readonly before: number } {
  const reach = (taps - 1) * dilation + 1;
  if (pad === 'valid') return { out: Math.ceil((size - reach + 1) / stride), before: 0 };
  if (pad !== 'same')
    return { out: Math.floor((size + 2 * pad - reach) / stride) + 1, before: pad };
  const out = Math.ceil(size / stride);
  const missing = Math.max(0, (out - 1) * stride + reach - size);
  return { out, before: Math.floor(missing / 2) };
}

/** Shape of a convolution's result. */
export function outShapeOf(setting: ConvolutionSetting): Shape4 {
  const { x, filter, strides, pad, dilations = [1, 1], depthwise = false } = setting;
  const rows = axis(x[1], filter[0], strides[0], dilations[0], pad);
  const columns = axis(x[2], filter[1], strides[1], dilations[1], pad);
  return [x[0], rows.out, columns.out, depthwise ? x[3] * filter[3] : filter[3]];
}

/**
 * out = conv(x, filter), and the gradients of <out, dy> with respect to x and to the filter: each of the
 * three is a sum of the other two's products over (image, position, tap, channel, output).
 */
export function convolutionSums(
  setting: ConvolutionSetting,
  x: ArrayLike<number>,
  filter: ArrayLike<number>,
  dy: ArrayLike<number>,
): ConvolutionSums {
  const { strides, pad, dilations = [1, 1], depthwise = false } = setting;
  const [images, height, width, channels] = setting.x;
  const [fh, fw, , outputs] = setting.filter;
  const rows = axis(height, fh, strides[0], dilations[0], pad);
  const columns = axis(width, fw, strides[1], dilations[1], pad);
  const outShape = outShapeOf(setting);
  const zeros = (count: number): Sums => ({
    values: new Float64Array(count),
    magnitudes: new Float64Array(count),
  });
  const sums = {
    out: zeros(outShape.reduce((a, b) => a * b)),
    dx: zeros(images * height * width * channels),
    dFilter: zeros(fh * fw * channels * outputs),
  };
  const add = ({ values, magnitudes }: Sums, at: number, term: number): void => {
    values[at] += term;
    magnitudes[at] += Math.abs(term);
  };
  for (let image = 0; image < images; image++) {
    for (let oy = 0; oy < rows.out; oy++) {
      for (let ox = 0; ox < columns.out; ox++) {
        for (let fy = 0; fy < fh; fy++) {
          for (let fx = 0; fx < fw; fx++) {
            const y = oy * strides[0] + fy * dilations[0] - rows.before;
            const at = ox * strides[1] + fx * dilations[1] - columns.before;
            if (y < 0 || y >= height || at < 0 || at >= width) continue;
            for (let c = 0; c < channels; c++) {
              for (let o = 0; o < outputs; o++) {
                const i = ((image * height + y) * width + at) * channels + c;
                const f = ((fy * fw + fx) * channels + c) * outputs + o;
                const output = depthwise ? c * outputs + o : o;
                const k = ((image * rows.out + oy) * columns.out + ox) * outShape[3] + output;
                add(sums.out, k, x[i] * filter[f]);
                add(sums.dx, i, dy[k] * filter[f]);
                add(sums.dFilter, f, x[i] * dy[k]);
              }
            }
          }
        }
      }
    }
  }
  return { ...sums, outShape };
}
