import { z } from 'zod';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  decodeRaw,
  encodeBatch,
  planAutoencoder,
  reconstructionLoss,
  savedConfig,
} from '../../../src/models/autoencoder/index.js';
import type { AutoencoderDefinition } from '../../../src/models/autoencoder/index.js';
import { parseConfig } from '../../../src/models/fields.js';
import type { DeepReadonly } from '../../../src/models/fields.js';
import type { Artifacts } from '../../../src/util/artifacts.js';

const OP = 'PlainAutoencoder';
const schema = z.strictObject({ ...autoencoderFields });
type Config = DeepReadonly<z.output<typeof schema>>;
export type PlainConfig = DeepReadonly<z.input<typeof schema>>;

const definition: AutoencoderDefinition<Config> = {
  model: 'plainAutoencoder',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  plan: (op, config, rowShape) => planAutoencoder(op, config, rowShape),
  loss: (core, { x, noise }) => {
    const latents = encodeBatch(definition, core, x, { noise });
    const raw = decodeRaw(definition, core, latents, { noise });
    const total = reconstructionLoss(core.config, raw, x);
    return { total, parts: { reconstruction: total } };
  },
};

/** The smallest model over the shared pieces. */
export class PlainAutoencoder extends Autoencoder<Config> {
  constructor(config: PlainConfig = {}) {
    super(definition, config);
  }

  static fromArtifacts(artifacts: Artifacts): PlainAutoencoder {
    return new PlainAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
