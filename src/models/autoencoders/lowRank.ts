import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import { truncatedRank } from '../../util/singularValues.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  planAutoencoder,
  runEncoder,
  savedConfig,
} from '../autoencoder/index.js';
import type {
  AutoencoderConfig,
  AutoencoderCore,
  AutoencoderDefinition,
  NetworkPlan,
  Side,
} from '../autoencoder/index.js';
import { integer, parseConfig, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { kernelName, runLayers } from '../layers/layer.js';
import type { Layer } from '../layers/layer.js';
import { nuclearNorm } from '../penalties/nuclearNorm.js';
import { trainingPass, weightedLoss } from './pass.js';

/** Name of the chain of linear layers between encoder and latents. */
const CHAIN = 'linear';

/** Latents by encoder and bias-free linear layers. */
function encodeLinear<C extends AutoencoderConfig>(
  core: AutoencoderCore<C>,
  x: Tensor,
  side: Side,
): Tensor2D {
  const { chains } = core.network;
  const first = runEncoder(core, x, side);
  return runLayers(CHAIN, chains[CHAIN], core.parameters, first) as Tensor2D;
}

function planLinear(
  op: string,
  config: AutoencoderConfig,
  rowShape: readonly number[],
  layers: number,
): NetworkPlan {
  const d = config.latentDim;
  const linear = Array.from({ length: layers }, (): Layer => ({
    kind: 'dense',
    in: d,
    out: d,
    then: 'linear',
    bias: false,
  }));
  return planAutoencoder(op, config, rowShape, {}, { [CHAIN]: linear });
}

/** Stages of a {@link Lorae}: with the penalty, and without it at the rank that this found. */
const [PENALISED, FINE_TUNED] = ['train', 'fineTune'] as const;

const loraeSchema = z.strictObject({
  ...autoencoderFields,
  latentDim: integer(1).default(64),
  nuclearWeight: real(0).default(1e-3),
  fineTuneEpochs: integer(0).default(0),
  rankRatio: real(0, 1).default(0.01),
});

/**
 * Every setting of a {@link Lorae}, plain JSON: those of all autoencoders (docs/autoencoders.md), with
 * `latentDim` 64, and:
 *
 * - `nuclearWeight` (1e-3) of the nuclear norm. The authors choose from 1e-5 to 5.
 * - `fineTuneEpochs` (0, as the authors do): epochs after `epochs`, at the rank that these have found. Singular
 *   values of M below `rankRatio` (.01) of the largest are set to 0, M stays as it is, and encoder and decoder
 *   learn on without the penalty, from the full learning rate.
 */
export type LoraeConfig = DeepReadonly<z.output<typeof loraeSchema>>;
export type LoraeConfigInput = DeepReadonly<z.input<typeof loraeSchema>>;

const lorae: AutoencoderDefinition<LoraeConfig> = {
  model: 'lorae',
  formatVersion: 1,
  op: 'Lorae',
  parse: (value) => checkShared('Lorae', parseConfig('Lorae', loraeSchema, value)),
  plan: (op, config, rowShape) => planLinear(op, config, rowShape, 1),
  encode: encodeLinear,
  stages: ({ fineTuneEpochs }, epochs) => {
    const penalised = { name: PENALISED, epochs, rates: { '': 1 } };
    if (fineTuneEpochs === 0) return [penalised];
    const rates = { encoder: 1, decoder: 1 };
    return [penalised, { name: FINE_TUNED, epochs: fineTuneEpochs, rates }];
  },
  startStage: async (core, stage) => {
    if (stage === FINE_TUNED) await cutRank(squareMap(core), core.config.rankRatio);
  },
  loss: (core, batch) => {
    const { reconstruction } = trainingPass(lorae, core, batch);
    const weight = batch.stage === FINE_TUNED ? 0 : core.config.nuclearWeight;
    return weightedLoss({
      reconstruction: [1, () => reconstruction],
      nuclear: [weight, () => nuclearNorm(squareMap(core))],
    });
  },
};

/** The map M of a {@link Lorae}. */
function squareMap({ parameters }: AutoencoderCore<LoraeConfig>): Variable {
  return parameters[kernelName(CHAIN, 0)];
}

/** Set the singular values of a matrix that are below `ratio` of the largest to 0. */
async function cutRank(matrix: Variable, ratio: number): Promise<void> {
  const [rows, columns] = matrix.shape;
  const cut = truncatedRank(await matrix.data(), rows, columns, ratio);
  tf.tidy(() => matrix.assign(tf.tensor2d(Float32Array.from(cut), [rows, columns])));
}

/**
 * Low-rank autoencoder: a square linear map M without bias after the encoder, whose nuclear norm is part of the
 * loss, so that the latents fill no more directions than the data need.
 *
 * loss = reconstruction + nuclearWeight |M|_*, z = E(x) M. With weight 0 it is an autoencoder with one more
 * linear layer. `latentSpectrum(await model.encode(x))` tells the rank.
 *
 * The penalty makes M small and the encoder large, so a step of the optimiser is a large part of M: the rank is
 * right long before the reconstruction is good. `fineTuneEpochs` mend that, as a second fit without penalty on
 * what the lasso has chosen does (Belloni, Chernozhukov, Least squares after model selection, 2013).
 *
 * Reference: Mazumder, Baruah, Kumar, Sharma, Pati, Learning low-rank latent spaces with simple deterministic
 * autoencoder: theoretical and empirical insights, 2023 (arXiv 2310.16194), eq. 5.
 * @example
 * const model = await new Lorae({ latentDim: 64, nuclearWeight: 0.1, fineTuneEpochs: 100 }).fit(x);
 * latentSpectrum(await model.encode(x)).effectiveRank;
 */
export class Lorae extends Autoencoder<LoraeConfig> {
  constructor(config: LoraeConfigInput = {}) {
    super(lorae, config);
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): Lorae {
    return new Lorae(savedConfig(lorae, artifacts)).restore(artifacts);
  }
}

const irmaeSchema = z.strictObject({
  ...autoencoderFields,
  latentDim: integer(1).default(64),
  linearLayers: integer(1, 32).default(4),
});

/**
 * Every setting of an {@link Irmae}: those of all autoencoders (docs/autoencoders.md), with `latentDim` 64, and
 * `linearLayers` (4), the authors' number for MNIST being 8.
 */
export type IrmaeConfig = DeepReadonly<z.output<typeof irmaeSchema>>;
export type IrmaeConfigInput = DeepReadonly<z.input<typeof irmaeSchema>>;

const irmae: AutoencoderDefinition<IrmaeConfig> = {
  model: 'irmae',
  formatVersion: 1,
  op: 'Irmae',
  parse: (value) => checkShared('Irmae', parseConfig('Irmae', irmaeSchema, value)),
  plan: (op, config, rowShape) => planLinear(op, config, rowShape, config.linearLayers),
  encode: encodeLinear,
  loss: (core, batch) => {
    const { reconstruction } = trainingPass(irmae, core, batch);
    return weightedLoss({ reconstruction: [1, () => reconstruction] });
  },
};

/**
 * Implicit rank minimisation: several square linear layers without bias between encoder and latents. They add
 * nothing to what the network can express, but gradient descent on their product prefers low rank.
 *
 * Reference: Jing, Zbontar, LeCun, Implicit rank-minimizing autoencoder, 2020 (arXiv 2010.00679), section 3.
 */
export class Irmae extends Autoencoder<IrmaeConfig> {
  constructor(config: IrmaeConfigInput = {}) {
    super(irmae, config);
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): Irmae {
    return new Irmae(savedConfig(irmae, artifacts)).restore(artifacts);
  }
}
