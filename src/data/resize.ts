import type { Rows } from '../util/rows.js';

/** Weights of one axis: out[i] = sum_j weights[i * from + j] in[j]. */
function axisWeights(from: number, to: number): Float64Array {
  const weights = new Float64Array(to * from);
  const ratio = from / to;
  // Where the image shrinks the triangle is as wide as an output pixel, so that no input is passed over.
  const reach = Math.max(1, ratio);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * ratio;
    let total = 0;
    for (let j = 0; j < from; j++) {
      const weight = Math.max(0, 1 - Math.abs(j + 0.5 - center) / reach);
      weights[i * from + j] = weight;
      total += weight;
    }
    for (let j = 0; j < from; j++) weights[i * from + j] /= total;
  }
  return weights;
}

/**
 * Images of another height and width: each output pixel is the mean of the input weighted by a triangle
 * around its place, as wide as an input pixel or an output pixel, whichever is larger, with pixel centres at
 * half integers and weights that sum to 1 at the border: the bilinear filter of Pillow, with antialiasing.
 * Summed in float64.
 * @param rows Row shape [h, w, channels].
 */
export function resizeRows(rows: Rows, height: number, width: number): Rows {
  const [h, w, channels] = rows.rowShape;
  const down = axisWeights(h, height);
  const across = axisWeights(w, width);
  const data = new Float32Array(rows.count * height * width * channels);
  const lines = new Float64Array(h * width);
  for (let image = 0; image < rows.count * channels; image++) {
    const [row, c] = [Math.floor(image / channels), image % channels];
    const from = row * h * w * channels + c;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let j = 0; j < w; j++) {
          const weight = across[x * w + j];
          if (weight > 0) sum += weight * rows.data[from + (y * w + j) * channels];
        }
        lines[y * width + x] = sum;
      }
    }
    const to = row * height * width * channels + c;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let j = 0; j < h; j++) sum += down[y * h + j] * lines[j * width + x];
        data[to + (y * width + x) * channels] = sum;
      }
    }
  }
  return { data, count: rows.count, rowShape: [height, width, channels] };
}
