/**
 * Gradients of depthwise convolutions of NHWC images: each input channel has `multiplier` filters of its
 * own, so there is no product of matrices; vectors run along the channels.
 */

/** Index of each argument, in bytes; the same order is in depthwise.ts of the binding. */
const IMAGES: usize = 0;
const GRADIENT: usize = 4;
const FILTER: usize = 8;
const HEIGHT: usize = 12;
const WIDTH: usize = 16;
const CHANNELS: usize = 20;
const MULTIPLIER: usize = 24;
const OUT_HEIGHT: usize = 28;
const OUT_WIDTH: usize = 32;
const FILTER_HEIGHT: usize = 36;
const FILTER_WIDTH: usize = 40;
const STRIDE_Y: usize = 44;
const STRIDE_X: usize = 48;
const PAD_TOP: usize = 52;
const PAD_LEFT: usize = 56;
const DILATION_Y: usize = 60;
const DILATION_X: usize = 64;
/** Rows of positions of all images, and how many of them a segment has. */
const ROWS: usize = 68;
const SEGMENT: usize = 72;

/** to[c] += sum over m of gradient[c, m] filter[c, m]. */
function addInput(to: usize, gradient: usize, filter: usize, channels: u32, multiplier: u32): void {
  let c: u32 = 0;
  if (multiplier == 1) {
    for (; c + 4 <= channels; c += 4) {
      const product = f32x4.mul(v128.load(gradient), v128.load(filter));
      v128.store(to, f32x4.add(v128.load(to), product));
      to += 16;
      gradient += 16;
      filter += 16;
    }
  }
  for (; c < channels; c++) {
    let sum = load<f32>(to);
    for (let m: u32 = 0; m < multiplier; m++) {
      sum += load<f32>(gradient) * load<f32>(filter);
      gradient += 4;
      filter += 4;
    }
    store<f32>(to, sum);
    to += 4;
  }
}

/** to[c, m] += image[c] gradient[c, m]. */
function addFilter(to: usize, image: usize, gradient: usize, channels: u32, multiplier: u32): void {
  let c: u32 = 0;
  if (multiplier == 1) {
    for (; c + 4 <= channels; c += 4) {
      const product = f32x4.mul(v128.load(image), v128.load(gradient));
      v128.store(to, f32x4.add(v128.load(to), product));
      to += 16;
      image += 16;
      gradient += 16;
    }
  }
  for (; c < channels; c++) {
    const value = load<f32>(image);
    for (let m: u32 = 0; m < multiplier; m++) {
      store<f32>(to, load<f32>(to) + value * load<f32>(gradient));
      to += 4;
      gradient += 4;
    }
    image += 4;
  }
}

/** One row of pixels of the gradient with respect to the images: chunk = image x height + y. */
export function depthwiseInputRow(args: usize, chunk: u32, thread: u32): void {
  const height = load<u32>(args, HEIGHT);
  const width = load<u32>(args, WIDTH);
  const channels = load<u32>(args, CHANNELS);
  const multiplier = load<u32>(args, MULTIPLIER);
  const outHeight = load<i32>(args, OUT_HEIGHT);
  const outWidth = load<i32>(args, OUT_WIDTH);
  const filterHeight = load<i32>(args, FILTER_HEIGHT);
  const filterWidth = load<i32>(args, FILTER_WIDTH);
  const strideY = load<i32>(args, STRIDE_Y);
  const strideX = load<i32>(args, STRIDE_X);
  const bytes = (<usize>(channels * multiplier)) << 2;
  const image = <i32>(chunk / height);
  const y = <i32>(chunk % height) + load<i32>(args, PAD_TOP);
  const gradients = <usize>load<u32>(args, GRADIENT);
  let to = <usize>load<u32>(args, IMAGES) + ((<usize>(chunk * width * channels)) << 2);
  memory.fill(to, 0, (<usize>(width * channels)) << 2);
  for (let x = load<i32>(args, PAD_LEFT); x < <i32>width + load<i32>(args, PAD_LEFT); x++) {
    for (let fy = 0; fy < filterHeight; fy++) {
      const fromY = y - fy * load<i32>(args, DILATION_Y);
      if (fromY < 0 || fromY % strideY != 0 || fromY / strideY >= outHeight) continue;
      for (let fx = 0; fx < filterWidth; fx++) {
        const fromX = x - fx * load<i32>(args, DILATION_X);
        if (fromX < 0 || fromX % strideX != 0 || fromX / strideX >= outWidth) continue;
        const position = (image * outHeight + fromY / strideY) * outWidth + fromX / strideX;
        const filter = <usize>load<u32>(args, FILTER) + <usize>(fy * filterWidth + fx) * bytes;
        addInput(to, gradients + <usize>position * bytes, filter, channels, multiplier);
      }
    }
    to += (<usize>channels) << 2;
  }
}

/** The filter's gradient over one segment of the rows of positions; segments stand one after the other. */
export function depthwiseFilterSegment(args: usize, chunk: u32, thread: u32): void {
  const height = load<i32>(args, HEIGHT);
  const width = load<i32>(args, WIDTH);
  const channels = load<u32>(args, CHANNELS);
  const multiplier = load<u32>(args, MULTIPLIER);
  const outHeight = load<u32>(args, OUT_HEIGHT);
  const outWidth = load<i32>(args, OUT_WIDTH);
  const filterHeight = load<i32>(args, FILTER_HEIGHT);
  const filterWidth = load<i32>(args, FILTER_WIDTH);
  const bytes = (<usize>(channels * multiplier)) << 2;
  const size = <usize>(filterHeight * filterWidth) * bytes;
  const sums = <usize>load<u32>(args, FILTER) + <usize>chunk * size;
  memory.fill(sums, 0, size);
  const first = chunk * load<u32>(args, SEGMENT);
  const last = min(load<u32>(args, ROWS), first + load<u32>(args, SEGMENT));
  for (let row = first; row < last; row++) {
    const image = <i32>(row / outHeight);
    const y0 = <i32>(row % outHeight) * load<i32>(args, STRIDE_Y) - load<i32>(args, PAD_TOP);
    let gradient = <usize>load<u32>(args, GRADIENT) + <usize>row * <usize>outWidth * bytes;
    for (let ox = 0; ox < outWidth; ox++) {
      const x0 = ox * load<i32>(args, STRIDE_X) - load<i32>(args, PAD_LEFT);
      for (let fy = 0; fy < filterHeight; fy++) {
        const y = y0 + fy * load<i32>(args, DILATION_Y);
        if (y < 0 || y >= height) continue;
        for (let fx = 0; fx < filterWidth; fx++) {
          const x = x0 + fx * load<i32>(args, DILATION_X);
          if (x < 0 || x >= width) continue;
          const pixel = <usize>((image * height + y) * width + x) * channels;
          const to = sums + <usize>(fy * filterWidth + fx) * bytes;
          addFilter(
            to,
            <usize>load<u32>(args, IMAGES) + (pixel << 2),
            gradient,
            channels,
            multiplier,
          );
        }
      }
      gradient += bytes;
    }
  }
}
