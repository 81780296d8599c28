import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  planAutoencoder,
  runEncoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderDefinition } from '../autoencoder/index.js';
import { parseConfig } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { unitSphere } from '../layers/unitSphere.js';
import { trainingPass, weightedLoss } from './pass.js';

const OP = 'HypersphericalAutoencoder';

const schema = z.strictObject(autoencoderFields);

/** Every setting of a {@link HypersphericalAutoencoder}: those of all autoencoders (docs/autoencoders.md). */
export type HypersphericalConfig = DeepReadonly<z.output<typeof schema>>;
export type HypersphericalConfigInput = DeepReadonly<z.input<typeof schema>>;

const definition: AutoencoderDefinition<HypersphericalConfig> = {
  model: 'hyperspherical',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  plan: (op, config, rowShape) => planAutoencoder(op, config, rowShape),
  encode: (core, x, side) => unitSphere(runEncoder(core, x, side)),
  loss: (core, batch) => {
    const { reconstruction } = trainingPass(definition, core, batch);
    return weightedLoss({ reconstruction: [1, () => reconstruction] });
  },
};

/**
 * Autoencoder whose latents lie on the unit sphere, z = E(x) / |E(x)|: their length is dropped, so distances are
 * angles and no latent runs away. A d-dimensional latent has d - 1 degrees of freedom.
 *
 * Reference: Zhang et al., Hyperspherical embedding for point cloud completion, 2023, section 3.2.
 */
export class HypersphericalAutoencoder extends Autoencoder<HypersphericalConfig> {
  constructor(config: HypersphericalConfigInput = {}) {
    super(definition, config);
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): HypersphericalAutoencoder {
    return new HypersphericalAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
