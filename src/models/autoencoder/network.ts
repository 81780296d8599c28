import { ShapeError } from '../../errors.js';
import { formatShape, sizeOf } from '../../util/shape.js';
import { halved, parameterSpecs } from '../layers/layer.js';
import type { ImageShape, Layer, ParameterSpec } from '../layers/layer.js';
import type { AutoencoderConfig } from './config.js';

/** Chains of layers by name, and all weights; plain data, made again when a model is loaded. */
export interface NetworkPlan {
  readonly chains: Readonly<Record<string, readonly Layer[]>> & {
    readonly encoder: readonly Layer[];
    readonly decoder: readonly Layer[];
  };
  readonly parameters: readonly ParameterSpec[];
}

/** Sizes in which a model departs from its config. */
export interface PlanSizes {
  /** Numbers that the encoder gives. Default: latentDim. */
  readonly encoderOutputs?: number;
  /** Numbers that enter the encoder beside a row, and the decoder beside latents: 'mlp' only. */
  readonly conditions?: number;
  /** Numbers that enter the decoder, conditions left out. Default: latentDim. */
  readonly decoderInputs?: number;
}

/**
 * Encoder to linear latents and a decoder that mirrors it, dense or convolutional as the config says.
 * @param chains More chains of layers; their weights are named `<chain>.<position>.kernel`.
 * @throws ShapeError when architecture 'conv' is asked for rows that are not [height, width, channels].
 */
export function planAutoencoder(
  op: string,
  config: AutoencoderConfig,
  rowShape: readonly number[],
  sizes: PlanSizes = {},
  chains: Readonly<Record<string, readonly Layer[]>> = {},
): NetworkPlan {
  const pair =
    config.architecture === 'mlp'
      ? planMlp(config, rowShape, sizes)
      : planConv(op, config, rowShape, sizes);
  const all = { ...pair, ...chains };
  const parameters = Object.entries(all).flatMap(([name, chain]) => parameterSpecs(name, chain));
  return { chains: all, parameters };
}

type Pair = Pick<NetworkPlan['chains'], 'encoder' | 'decoder'>;

function planMlp(
  config: AutoencoderConfig,
  rowShape: readonly number[],
  { encoderOutputs, decoderInputs, conditions = 0 }: PlanSizes,
): Pair {
  const { hidden, latentDim } = config;
  const features = sizeOf(rowShape);
  const down = [features + conditions, ...hidden];
  const up = [(decoderInputs ?? latentDim) + conditions, ...[...hidden].reverse()];
  return {
    encoder: [
      { kind: 'reshape', out: [features + conditions] },
      ...hiddenLayers(config, down),
      { kind: 'dense', in: last(down), out: encoderOutputs ?? latentDim, then: 'linear' },
    ],
    decoder: [
      ...hiddenLayers(config, up),
      { kind: 'dense', in: last(up), out: features, then: 'linear' },
      { kind: 'reshape', out: rowShape },
    ],
  };
}

/** Dense layers between consecutive sizes, each with activation and dropout. */
export function hiddenLayers(config: AutoencoderConfig, sizes: readonly number[]): Layer[] {
  return sizes
    .slice(1)
    .flatMap((out, i): Layer[] => [
      { kind: 'dense', in: sizes[i], out, ...activationOf(config) },
      ...dropoutLayers(config.dropout),
    ]);
}

function last(sizes: readonly number[]): number {
  return sizes[sizes.length - 1];
}

function activationOf({ activation, slope }: AutoencoderConfig): {
  then: AutoencoderConfig['activation'];
  slope: number;
} {
  return { then: activation, slope };
}

function planConv(
  op: string,
  config: AutoencoderConfig,
  rowShape: readonly number[],
  { encoderOutputs, decoderInputs, conditions = 0 }: PlanSizes,
): Pair {
  if (rowShape.length !== 3 || conditions > 0) {
    const refused =
      conditions > 0 ? 'have no condition' : 'have rows of shape [height, width, channels]';
    throw new ShapeError({
      op,
      arg: 'x',
      expected: `${refused} for architecture 'conv'`,
      got: conditions > 0 ? `${conditions} numbers` : `rows of shape ${formatShape(rowShape)}`,
      fix: "Use architecture 'mlp'.",
    });
  }
  const { channels, filter, latentDim } = config;
  const images: ImageShape[] = [[rowShape[0], rowShape[1], rowShape[2]]];
  channels.forEach((width, i) => {
    images.push([halved(images[i][0]), halved(images[i][1]), width]);
  });
  const deepest = images[channels.length];
  const flat = sizeOf(deepest);
  const then = activationOf(config);
  const noise = dropoutLayers(config.dropout);
  const down = channels.flatMap((_, i): Layer[] => [
    { kind: 'conv', in: images[i], out: images[i + 1], filter, ...then },
    ...noise,
  ]);
  const up = channels.map((_, i): Layer => {
    const level = channels.length - i;
    const shapes = { in: images[level], out: images[level - 1], filter };
    if (level === 1) return { kind: 'convTranspose', ...shapes, then: 'linear' };
    return { kind: 'convTranspose', ...shapes, ...then };
  });
  return {
    encoder: [
      ...down,
      { kind: 'reshape', out: [flat] },
      { kind: 'dense', in: flat, out: encoderOutputs ?? latentDim, then: 'linear' },
    ],
    decoder: [
      { kind: 'dense', in: decoderInputs ?? latentDim, out: flat, ...then },
      { kind: 'reshape', out: deepest },
      ...up,
    ],
  };
}

function dropoutLayers(rate: number): Layer[] {
  return rate > 0 ? [{ kind: 'dropout', rate }] : [];
}
