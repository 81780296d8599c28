import { ShapeError } from '../../errors.js';
import { formatShape, sizeOf } from '../../util/shape.js';
import { halved, parameterSpecs } from '../layers/layer.js';
import type { Layer, ParameterSpec } from '../layers/layer.js';
import type { SageConfig } from './config.js';

/** Layers of a fitted shape: plain data, so that it can be made again when a model is loaded. */
export interface SageNetwork {
  readonly encoder: readonly Layer[];
  readonly decoder: readonly Layer[];
  readonly head: readonly Layer[];
  readonly parameters: readonly ParameterSpec[];
}

/** Units between the pooled image and the latents of 'conv-pool', as in SAGE's code. */
const POOL_UNITS = 196;

/** Channels of the convolutions, as multiples of `convWidth`. */
const CONV_WIDTHS = [1, 2, 2] as const;

/**
 * Encoder to linear latents, decoder that mirrors it, and a head from latents to `outputs` values.
 *
 * The convolutional decoder is the transpose of strided convolutions. (The authors' MNIST decoder
 * unpools with the encoder's indices, which lead spatial information past the latents, so that its
 * reconstruction error understates novelty.)
 * @throws ShapeError when a convolutional architecture is asked for rows that are not [height, width, channels].
 */
export function planNetwork(
  config: SageConfig,
  rowShape: readonly number[],
  outputs: number,
): SageNetwork {
  const { encoder, decoder } = planAutoencoder(config, rowShape);
  const head = planHead(config, outputs);
  return {
    encoder,
    decoder,
    head,
    parameters: [
      ...parameterSpecs('encoder', encoder),
      ...parameterSpecs('decoder', decoder),
      ...parameterSpecs('head', head),
    ],
  };
}

interface Autoencoder {
  readonly encoder: Layer[];
  readonly decoder: Layer[];
}

function planAutoencoder(config: SageConfig, rowShape: readonly number[]): Autoencoder {
  switch (config.architecture) {
    case 'mlp':
      return planMlp(config, rowShape);
    case 'conv':
      return planConv(config, imageShape(config, rowShape));
    case 'conv-pool':
      return planConvPool(config, imageShape(config, rowShape));
  }
}

type Image = readonly [height: number, width: number, channels: number];

function imageShape({ architecture }: SageConfig, rowShape: readonly number[]): Image {
  if (rowShape.length === 3) return [rowShape[0], rowShape[1], rowShape[2]];
  throw new ShapeError({
    op: 'Sage.fit',
    arg: 'x',
    expected: `have rows of shape [height, width, channels] for architecture '${architecture}'`,
    got: `rows of shape ${formatShape(rowShape)}`,
    fix: "Use architecture 'mlp'.",
  });
}

function planMlp(
  { hidden, latentDim, activation: then, dropout }: SageConfig,
  rowShape: readonly number[],
): Autoencoder {
  const sizes = [sizeOf(rowShape), ...hidden];
  const last = sizes[sizes.length - 1];
  const noise = dropoutLayers(dropout);
  const down = hidden.flatMap((out, i): Layer[] => [
    { kind: 'dense', in: sizes[i], out, then },
    ...noise,
  ]);
  const up = [...hidden]
    .reverse()
    .flatMap((out, i): Layer[] => [
      { kind: 'dense', in: i === 0 ? latentDim : hidden[hidden.length - i], out, then },
      ...noise,
    ]);
  const first = hidden.length === 0 ? latentDim : hidden[0];
  return {
    encoder: [
      { kind: 'reshape', out: [sizes[0]] },
      ...down,
      { kind: 'dense', in: last, out: latentDim, then: 'linear' },
    ],
    decoder: [
      ...up,
      { kind: 'dense', in: first, out: sizes[0], then: 'linear' },
      { kind: 'reshape', out: rowShape },
    ],
  };
}

function planConv(
  { convWidth, latentDim, activation: then, dropout }: SageConfig,
  image: Image,
): Autoencoder {
  const images = [image];
  CONV_WIDTHS.forEach((multiple, i) => {
    const [height, width] = images[i];
    images.push([halved(height), halved(width), multiple * convWidth]);
  });
  const noise = dropoutLayers(dropout);
  const deepest = images[CONV_WIDTHS.length];
  const flat = sizeOf(deepest);
  const down = CONV_WIDTHS.flatMap((_, i): Layer[] => [
    { kind: 'conv', in: images[i], out: images[i + 1], then },
    ...noise,
  ]);
  const up = CONV_WIDTHS.map((_, i): Layer => {
    const level = CONV_WIDTHS.length - i;
    const isLast = level === 1;
    const [from, to] = [images[level], images[level - 1]];
    return { kind: 'convTranspose', in: from, out: to, then: isLast ? 'linear' : then };
  });
  return {
    encoder: [
      ...down,
      { kind: 'reshape', out: [flat] },
      { kind: 'dense', in: flat, out: latentDim, then: 'linear' },
    ],
    decoder: [
      { kind: 'dense', in: latentDim, out: flat, then },
      { kind: 'reshape', out: deepest },
      ...up,
    ],
  };
}

/**
 * Two convolutions at full size and a pooling, as in the authors' ConvSAE, and back by a transposed
 * convolution of stride 2 (instead of their unpooling) and one at full size.
 */
function planConvPool(
  { convWidth, latentDim, activation: then, dropout }: SageConfig,
  image: Image,
): Autoencoder {
  const [height, width] = image;
  const full: Image = [height, width, convWidth];
  const pooled: Image = [halved(height), halved(width), convWidth];
  const flat = sizeOf(pooled);
  const noise = dropoutLayers(dropout);
  return {
    encoder: [
      { kind: 'conv', stride: 1, in: image, out: full, then },
      ...noise,
      { kind: 'conv', stride: 1, in: full, out: full, then },
      { kind: 'maxPool' },
      { kind: 'reshape', out: [flat] },
      { kind: 'dense', in: flat, out: POOL_UNITS, then },
      { kind: 'dense', in: POOL_UNITS, out: latentDim, then: 'linear' },
    ],
    decoder: [
      { kind: 'dense', in: latentDim, out: POOL_UNITS, then },
      { kind: 'dense', in: POOL_UNITS, out: flat, then },
      { kind: 'reshape', out: pooled },
      { kind: 'convTranspose', in: pooled, out: full, then },
      ...noise,
      { kind: 'conv', stride: 1, in: full, out: image, then: 'linear' },
    ],
  };
}

function planHead(
  { latentDim, headHidden, activation: then }: SageConfig,
  outputs: number,
): Layer[] {
  const sizes = [latentDim, ...headHidden];
  return [
    ...headHidden.map((out, i): Layer => ({ kind: 'dense', in: sizes[i], out, then })),
    { kind: 'dense', in: sizes[sizes.length - 1], out: outputs, then: 'linear' },
  ];
}

function dropoutLayers(rate: number): Layer[] {
  return rate > 0 ? [{ kind: 'dropout', rate }] : [];
}
