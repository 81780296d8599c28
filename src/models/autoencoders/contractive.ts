import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderDefinition } from '../autoencoder/index.js';
import { choice, integer, parseConfig, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { jacobianPenalty } from '../penalties/jacobianPenalty.js';
import { trainingPass, weightedLoss } from './pass.js';

const OP = 'ContractiveAutoencoder';

const schema = z.strictObject({
  ...autoencoderFields,
  activation: choice('leakyRelu', 'relu', 'tanh').default('tanh'),
  penaltyWeight: real(0).default(1e-3),
  side: choice('encoder', 'decoder').default('encoder'),
  probes: z
    .union([z.literal('exact'), integer(1)], { error: "be 'exact' or an integer >= 1" })
    .default(1),
});

/**
 * Every setting of a {@link ContractiveAutoencoder}: those of all autoencoders (docs/autoencoders.md), with
 * `activation` 'tanh', and
 *
 * - `penaltyWeight` (1e-3) of the squared Frobenius norm of the Jacobian, mean over rows;
 * - `side` ('encoder'): whose Jacobian; 'decoder' asks for a smooth decoder instead.
 * - `probes` (1): random sign vectors per step that estimate the norm, or 'exact': one per latent.
 */
export type ContractiveConfig = DeepReadonly<z.output<typeof schema>>;
export type ContractiveConfigInput = DeepReadonly<z.input<typeof schema>>;

const definition: AutoencoderDefinition<ContractiveConfig> = {
  model: 'contractive',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  plan: (op, config, rowShape) => planAutoencoder(op, config, rowShape),
  loss: (core, batch) => {
    const { side, probes, penaltyWeight } = core.config;
    const { latents, reconstruction } = trainingPass(definition, core, batch);
    const chain = { prefix: side, layers: core.network.chains[side], weights: core.parameters };
    const at = side === 'encoder' ? batch.x : latents;
    return weightedLoss({
      reconstruction: [1, () => reconstruction],
      jacobian: [penaltyWeight, () => jacobianPenalty(chain, at, { probes, rng: batch.noise })],
    });
  },
};

/**
 * Contractive autoencoder: loss = reconstruction + penaltyWeight mean_i |J(x_i)|_F^2, J the Jacobian of the encoder
 * (or of the decoder), so that latents move little except along the data.
 *
 * The norm is exact (one pass of the layers per latent) or estimated through random vectors, for encoders of any
 * depth, dense or convolutional; see {@link jacobianPenalty}.
 *
 * Reference: Rifai, Vincent, Muller, Glorot, Bengio, Contractive auto-encoders, 2011, eq. 7.
 */
export class ContractiveAutoencoder extends Autoencoder<ContractiveConfig> {
  constructor(config: ContractiveConfigInput = {}) {
    super(definition, config);
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): ContractiveAutoencoder {
    return new ContractiveAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
