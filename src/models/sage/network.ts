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

/** Channels of the convolutions, as multiples of `convWidth`. */
const CONV_WIDTHS = [1, 2, 2] as const;

/**
 * Encoder to linear latents, decoder that mirrors it, and a head from latents to `outputs` values.
 *
 * The convolutional decoder is the transpose of strided convolutions. (The authors' MNIST decoder
 * unpools with the encoder's indices, which lead spatial information past the latents, so that its
 * reconstruction error understates novelty.)
 * @throws ShapeError when architecture 'conv' is asked for rows that are not [height, width, channels].
 */
export function planNetwork(
  config: SageConfig,
  rowShape: readonly number[],
  outputs: number,
): SageNetwork {
  const { encoder, decoder } =
    config.architecture === 'mlp' ? planMlp(config, rowShape) : planConv(config, rowShape);
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

function planMlp(
  { hidden, latentDim, activation: then, dropout }: SageConfig,
  rowShape: readonly number[],
): { encoder: Layer[]; decoder: Layer[] } {
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
  rowShape: readonly number[],
): { encoder: Layer[]; decoder: Layer[] } {
  if (rowShape.length !== 3) {
    throw new ShapeError({
      op: 'Sage.fit',
      arg: 'x',
      expected: "have rows of shape [height, width, channels] for architecture 'conv'",
      got: `rows of shape ${formatShape(rowShape)}`,
      fix: "Use architecture 'mlp'.",
    });
  }
  type Image = readonly [number, number, number];
  const images: Image[] = [[rowShape[0], rowShape[1], rowShape[2]]];
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
