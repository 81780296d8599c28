/**
 * Patches of NHWC images as rows: row (image, oy, ox) holds the filterHeight x filterWidth x channels
 * values that one output position sees, zeros where the filter hangs over the edge.
 */

const IMAGES: usize = 0;
const OUT: usize = 4;
const HEIGHT: usize = 8;
const WIDTH: usize = 12;
const CHANNELS: usize = 16;
const OUT_HEIGHT: usize = 20;
const OUT_WIDTH: usize = 24;
const FILTER_HEIGHT: usize = 28;
const FILTER_WIDTH: usize = 32;
const STRIDE_Y: usize = 36;
const STRIDE_X: usize = 40;
const PAD_TOP: usize = 44;
const PAD_LEFT: usize = 48;
const DILATION_Y: usize = 52;
const DILATION_X: usize = 56;

/** All rows of one (image, oy) pair: chunk = image * outHeight + oy. */
export function im2colRow(args: usize, chunk: u32, thread: u32): void {
  const height = load<i32>(args, HEIGHT);
  const width = load<i32>(args, WIDTH);
  const pixel = load<u32>(args, CHANNELS) << 2;
  const outHeight = load<u32>(args, OUT_HEIGHT);
  const outWidth = load<u32>(args, OUT_WIDTH);
  const filterHeight = load<i32>(args, FILTER_HEIGHT);
  const filterWidth = load<i32>(args, FILTER_WIDTH);
  const dilationY = load<i32>(args, DILATION_Y);
  const dilationX = load<i32>(args, DILATION_X);
  const image = chunk / outHeight;
  const source = <usize>load<u32>(args, IMAGES) + <usize>(image * height * width) * pixel;
  const y0 = <i32>(chunk % outHeight) * load<i32>(args, STRIDE_Y) - load<i32>(args, PAD_TOP);
  const rowBytes = <usize>(filterHeight * filterWidth) * pixel;
  let to = <usize>load<u32>(args, OUT) + <usize>chunk * outWidth * rowBytes;
  for (let ox: u32 = 0; ox < outWidth; ox++) {
    const x0 = <i32>ox * load<i32>(args, STRIDE_X) - load<i32>(args, PAD_LEFT);
    for (let fy = 0; fy < filterHeight; fy++) {
      const y = y0 + fy * dilationY;
      for (let fx = 0; fx < filterWidth; fx++) {
        const x = x0 + fx * dilationX;
        if (y >= 0 && y < height && x >= 0 && x < width) {
          copyPixel(to, source + <usize>(y * width + x) * pixel, pixel);
        } else {
          clearPixel(to, pixel);
        }
        to += pixel;
      }
    }
  }
}

/** Channels are few: loops of our own beat the engine's bulk memory calls. */
function copyPixel(to: usize, from: usize, bytes: u32): void {
  let at: u32 = 0;
  for (; at + 16 <= bytes; at += 16) v128.store(to + at, v128.load(from + at));
  for (; at < bytes; at += 4) store<f32>(to + at, load<f32>(from + at));
}

function clearPixel(to: usize, bytes: u32): void {
  for (let at: u32 = 0; at < bytes; at += 4) store<f32>(to + at, 0);
}
