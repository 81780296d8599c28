import { DomainError, ShapeError } from '../errors.js';
import { Rng } from '../util/rng.js';
import { checkRows } from '../util/rows.js';
import type { Rows } from '../util/rows.js';
import { formatShape } from '../util/shape.js';
import { gaussianSmoother, smoothPlane } from './gaussian.js';
import type { Smoother } from './gaussian.js';

const OP = 'deformRows';

/** Ways to make images unlike the ones that they come from. */
export const DEFORMATIONS = [
  'invert',
  'hflip',
  'vflip',
  'blur',
  'elastic-low',
  'elastic-high',
  'noise-low',
  'noise-high',
] as const;

/** Further ones, which say something on images with many grey levels or colours only. */
export const COLOUR_DEFORMATIONS = ['posterize', 'solarize'] as const;

/** One of DEFORMATIONS or COLOUR_DEFORMATIONS. */
export type DeformationName = (typeof DEFORMATIONS)[number] | (typeof COLOUR_DEFORMATIONS)[number];

const KINDS: readonly string[] = [...DEFORMATIONS, ...COLOUR_DEFORMATIONS];

/** Levels that posterize leaves: torchvision's with two bits. */
const POSTERIZE_LEVELS = 4;

/** Values from here on are inverted by solarize. */
const SOLARIZE_THRESHOLD = 0.5;

/** Standard deviation of the blur on an image of 28 pixels, in pixels; it grows with the image. */
const BLUR_SIGMA = 1.5;
const BLUR_REFERENCE_SIDE = 28;

/** The kernel ends here, in standard deviations: less than 1e-4 of its weight is left out. */
const BLUR_REACH = 4;

/** Smoothness of the elastic displacement in pixels: torchvision's default. */
const ELASTIC_SIGMA = 5;

/** torchvision's kernel for a given sigma has 8 sigma + 1 taps. */
const ELASTIC_REACH = 4;

/** Strength of the elastic displacement: torchvision's alpha. */
const ELASTIC_ALPHA = { 'elastic-low': 50, 'elastic-high': 200 } as const;

/** Standard deviation of the noise. */
const NOISE_SIGMA = { 'noise-low': 0.2, 'noise-high': 0.8 } as const;

interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Deformed copies of images.
 *
 * - `invert`: 1 - x.
 * - `hflip`, `vflip`: mirrored left to right, top to bottom.
 * - `blur`: Gaussian, sigma = 1.5 h / 28 pixels with h the smaller side, cut at 4 sigma, mirrored at
 *   the border.
 * - `elastic-low`, `elastic-high`: each image is sampled at displaced positions (bilinear, zero
 *   outside). Both components of the displacement are independent uniform noise in [-1, 1),
 *   smoothed by a Gaussian of sigma 5 and multiplied by alpha / 2 pixels, alpha = 50 or 200. That is
 *   torchvision's ElasticTransform, whose displacement alpha / side is in units of half the side.
 * - `posterize`: the highest two of the eight bits of a value are kept: floor(4 x) / 4 for x < 1.
 * - `solarize`: 1 - x where x >= 1/2.
 * - `noise-low`, `noise-high`: normal noise of sigma 0.2 or 0.8 is added; clipped to [0, 1].
 *
 * The same seed gives the same images on every platform, and the first rows of a longer set are
 * deformed as they are alone.
 *
 * @param rows Images, row shape [height, width, channels], values in [0, 1].
 * @param kind One of DEFORMATIONS or COLOUR_DEFORMATIONS.
 * @param seed Integer; used by elastic and noise only.
 * @returns A copy of the same shape, values in [0, 1].
 * @throws DomainError for an unknown kind, and for values outside [0, 1] or not finite.
 * @throws ShapeError when rows are not images.
 * Reference: Schreyer, Anderson, Thompson, SAGE, arXiv 2502.16329, 2025 (the eight sets, and
 *   the two that it adds for colour images);
 *   Simard, Steinkraus, Platt, Best Practices for Convolutional Neural Networks, 2003 (elastic).
 * @example
 * const strange = deformRows((await loadDataset('mnist:test')).x, 'elastic-high', 7);
 */
export function deformRows(rows: Rows, kind: DeformationName, seed: number): Rows {
  return rowDeformer(kind, seed)(rows);
}

/**
 * {@link deformRows} for rows that come in blocks: block after block gives what the whole would.
 * @returns A function that deforms the next block.
 */
export function rowDeformer(kind: DeformationName, seed: number): (rows: Rows) => Rows {
  const rng = new Rng(seed);
  return (rows) => {
    const size = checkImages(rows, kind);
    const data = rows.data.slice();
    deformInto(rows.data, data, size, kind, rng);
    return { data, count: rows.count, rowShape: rows.rowShape };
  };
}

/** Deform images; `data` is a copy of `from`. */
function deformInto(
  from: Float32Array,
  data: Float32Array,
  size: ImageSize,
  kind: DeformationName,
  rng: Rng,
): void {
  switch (kind) {
    case 'invert':
      for (let i = 0; i < data.length; i++) data[i] = 1 - data[i];
      break;
    case 'hflip':
    case 'vflip':
      flip(from, data, size, kind);
      break;
    case 'blur':
      blur(data, size);
      break;
    case 'elastic-low':
    case 'elastic-high':
      elastic(from, data, size, ELASTIC_ALPHA[kind], rng);
      break;
    case 'posterize':
      for (let i = 0; i < data.length; i++) {
        const level = Math.min(POSTERIZE_LEVELS - 1, Math.floor(POSTERIZE_LEVELS * data[i]));
        data[i] = level / POSTERIZE_LEVELS;
      }
      break;
    case 'solarize':
      for (let i = 0; i < data.length; i++) {
        if (data[i] >= SOLARIZE_THRESHOLD) data[i] = 1 - data[i];
      }
      break;
    case 'noise-low':
    case 'noise-high':
      addNoise(data, NOISE_SIGMA[kind], rng);
      break;
  }
}

/** Digits that are the same digit after the flip, or become another one (2 and 5 swap). */
const VALID_FLIPS: Readonly<Record<'hflip' | 'vflip', readonly number[]>> = {
  hflip: [0, 1, 8, 2, 5],
  vflip: [0, 1, 8, 3, 2, 5],
};

/**
 * Whether a digit is still a digit after a flip: 0, 1 and 8 after both, 3 after the vertical one,
 * and 2 and 5, which then look like each other. Such images are not out of distribution, so sets of
 * flipped digits leave them out. False for every other deformation.
 * Reference: arXiv 2502.16329 ("synonymous" flips and "imposters").
 * @param label Digit 0 to 9.
 */
export function flipStaysValid(kind: DeformationName, label: number): boolean {
  return (kind === 'hflip' || kind === 'vflip') && VALID_FLIPS[kind].includes(label);
}

function checkImages(rows: Rows, kind: string): ImageSize {
  if (!KINDS.includes(kind)) {
    const expected = `be one of ${KINDS.join(', ')}`;
    throw new DomainError({ op: OP, arg: 'kind', expected, got: `'${kind}'` });
  }
  if (rows.rowShape.length !== 3) {
    throw new ShapeError({
      op: OP,
      arg: 'rows',
      expected: 'be images of shape [height, width, channels]',
      got: `rows of shape ${formatShape(rows.rowShape)}`,
    });
  }
  checkRows(OP, 'rows', rows);
  const bad = rows.data.findIndex((value) => value < 0 || value > 1);
  if (bad >= 0) {
    throw new DomainError({
      op: OP,
      arg: 'rows',
      expected: 'have values in [0, 1]',
      got: String(rows.data[bad]),
      fix: 'Divide bytes by 255.',
    });
  }
  const [height, width, channels] = rows.rowShape;
  return { height, width, channels };
}

function flip(
  from: Float32Array,
  to: Float32Array,
  { height, width, channels }: ImageSize,
  kind: 'hflip' | 'vflip',
): void {
  const line = width * channels;
  const pixels = from.length / channels;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const x = pixel % width;
    const y = Math.floor(pixel / width) % height;
    const image = Math.floor(pixel / (width * height)) * height * line;
    const source =
      kind === 'hflip'
        ? image + y * line + (width - 1 - x) * channels
        : image + (height - 1 - y) * line + x * channels;
    for (let c = 0; c < channels; c++) to[pixel * channels + c] = from[source + c];
  }
}

function blur(data: Float32Array, { height, width, channels }: ImageSize): void {
  const sigma = (BLUR_SIGMA * Math.min(height, width)) / BLUR_REFERENCE_SIDE;
  const radius = Math.ceil(BLUR_REACH * sigma);
  const rows = gaussianSmoother(height, sigma, radius);
  const columns = gaussianSmoother(width, sigma, radius);
  const scratch = new Float64Array(height * width);
  const plane = new Float64Array(height * width);
  for (let start = 0; start < data.length; start += plane.length * channels) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < plane.length; i++) plane[i] = data[start + i * channels + c];
      smoothPlane(plane, rows, columns, scratch);
      // Weights sum to 1 up to rounding, which may pass 1 by a last bit.
      for (let i = 0; i < plane.length; i++) {
        data[start + i * channels + c] = Math.min(1, plane[i]);
      }
    }
  }
}

function elastic(
  from: Float32Array,
  to: Float32Array,
  size: ImageSize,
  alpha: number,
  rng: Rng,
): void {
  const { height, width, channels } = size;
  const radius = Math.trunc(ELASTIC_REACH * ELASTIC_SIGMA);
  const rows = gaussianSmoother(height, ELASTIC_SIGMA, radius);
  const columns = gaussianSmoother(width, ELASTIC_SIGMA, radius);
  const plane = height * width;
  const scratch = new Float64Array(plane);
  const dx = new Float64Array(plane);
  const dy = new Float64Array(plane);
  for (let start = 0; start < from.length; start += plane * channels) {
    drawField(dx, rng, rows, columns, scratch, alpha / 2);
    drawField(dy, rng, rows, columns, scratch, alpha / 2);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pixel = y * width + x;
        sampleAt(from, to, start, pixel, x + dx[pixel], y + dy[pixel], size);
      }
    }
  }
}

/** Uniform noise in [-1, 1), smoothed and scaled. */
function drawField(
  field: Float64Array,
  rng: Rng,
  rows: Smoother,
  columns: Smoother,
  scratch: Float64Array,
  scale: number,
): void {
  for (let i = 0; i < field.length; i++) field[i] = rng.uint32() / 2147483648 - 1;
  smoothPlane(field, rows, columns, scratch);
  for (let i = 0; i < field.length; i++) field[i] *= scale;
}

/** Bilinear mean of the four pixels around (x, y); pixels outside count as 0. */
function sampleAt(
  from: Float32Array,
  to: Float32Array,
  start: number,
  pixel: number,
  x: number,
  y: number,
  { height, width, channels }: ImageSize,
): void {
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - x0, y - y0];
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let corner = 0; corner < 4; corner++) {
      const cx = x0 + (corner & 1);
      const cy = y0 + (corner >> 1);
      if (cx < 0 || cx >= width || cy < 0 || cy >= height) continue;
      const weight = ((corner & 1) === 1 ? fx : 1 - fx) * (corner >> 1 === 1 ? fy : 1 - fy);
      sum += weight * from[start + (cy * width + cx) * channels + c];
    }
    to[start + pixel * channels + c] = sum;
  }
}

function addNoise(data: Float32Array, sigma: number, rng: Rng): void {
  for (let i = 0; i < data.length; i++) {
    data[i] = Math.min(1, Math.max(0, data[i] + sigma * rng.normal()));
  }
}
