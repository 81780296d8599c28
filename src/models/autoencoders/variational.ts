import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { DomainError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import { Rng } from '../../util/rng.js';
import type { Rows } from '../../util/rows.js';
import { sizeOf } from '../../util/shape.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  decodeRaw,
  planAutoencoder,
  reconstructionLoss,
  runEncoder,
  savedConfig,
} from '../autoencoder/index.js';
import type {
  AutoencoderCore,
  AutoencoderDefinition,
  PassOptions,
  Side,
} from '../autoencoder/index.js';
import { parseConfig, positive, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { collectRows } from '../layers/batches.js';
import { gaussianDivergence } from '../penalties/gaussianDivergence.js';

const OP = 'VariationalAutoencoder';

const schema = z.strictObject({
  ...autoencoderFields,
  beta: real(0).default(1),
  deviation: positive().default(1),
});

/**
 * Every setting of a {@link VariationalAutoencoder}: those of all autoencoders (docs/autoencoders.md), and
 *
 * - `beta` (1): weight of the divergence; above 1 a beta-VAE, 0 none.
 * - `deviation` (1): standard deviation of the Gaussian around a reconstruction, in the scale of the network's
 *   input ('mse' only). Latents whose rows vary less than that in some direction are given up.
 */
export type VariationalConfig = DeepReadonly<z.output<typeof schema>>;
export type VariationalConfigInput = DeepReadonly<z.input<typeof schema>>;

/** Means and logarithms of the variances of the posterior, [b, latentDim] each. */
function posterior(
  core: AutoencoderCore<VariationalConfig>,
  x: Tensor,
  side: Side,
): { means: Tensor2D; logVariances: Tensor2D } {
  const [means, logVariances] = tf.split<Tensor2D>(runEncoder(core, x, side), 2, 1);
  return { means, logVariances };
}

const definition: AutoencoderDefinition<VariationalConfig> = {
  model: 'vae',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  plan: (op, config, rowShape) =>
    planAutoencoder(op, config, rowShape, { encoderOutputs: 2 * config.latentDim }),
  encode: (core, x, side) => posterior(core, x, side).means,
  loss: (core, { x, noise }) => {
    const { beta, deviation, reconstructionLoss: kind } = core.config;
    const { means, logVariances } = posterior(core, x, { noise });
    const draws = Float32Array.from({ length: means.size }, () => noise.normal());
    const spread = tf.mul(tf.exp(tf.div(logVariances, 2)), tf.tensor2d(draws, means.shape));
    const raw = decodeRaw(definition, core, tf.add(means, spread), { noise });
    const reconstruction = reconstructionLoss(core.config, raw, x);
    const divergence = gaussianDivergence(means, logVariances);
    const share = kind === 'bce' ? 1 : 1 / (2 * deviation ** 2);
    const total = tf.add(
      tf.mul(reconstruction, share),
      tf.mul(divergence, beta / sizeOf(core.rowShape)),
    );
    return { total: total.asScalar(), parts: { reconstruction, divergence } };
  },
};

/**
 * Variational autoencoder, and beta-VAE with beta above 1: the encoder gives a Gaussian for every row, and
 *
 *     loss = (-E_q log p(x | z) + beta KL(q(z | x) | N(0, I))) / elements of a row
 *
 * with one draw of z per row and step, p Gaussian of standard deviation `deviation`, so that -log p is
 * |x - D(z)|^2 / (2 deviation^2) up to a constant, or Bernoulli ('bce'). Divided by the elements of a row, rates
 * of learning keep their meaning. `encode` gives means.
 *
 * Reference: Kingma, Welling, Auto-encoding variational Bayes, 2014, eq. 10; Higgins et al., beta-VAE, 2017,
 * eq. 4.
 * @example
 * const vae = await new VariationalAutoencoder({ latentDim: 8, beta: 4 }).fit(x);
 * const made = await vae.sample(16, { seed: 1 });
 */
export class VariationalAutoencoder extends Autoencoder<VariationalConfig> {
  constructor(config: VariationalConfigInput = {}) {
    super(definition, config);
  }

  /**
   * The Gaussian of every row.
   * @returns Means and variances, rows of shape [latentDim].
   * @throws NotFittedError; ShapeError, DomainError for bad rows. The reason of `signal`.
   */
  async posterior(
    x: Rows,
    options: PassOptions = {},
  ): Promise<{ readonly means: Rows; readonly variances: Rows }> {
    // Checks the rows.
    const means = await this.encode(x, options);
    const core = this.core('posterior');
    const { latentDim } = this.config;
    const data = await collectRows(core, x, latentDim, options, (batch) =>
      tf.exp(posterior(core, batch, {}).logVariances),
    );
    return { means, variances: { data, count: x.count, rowShape: [latentDim] } };
  }

  /**
   * New rows: latents drawn from the standard Gaussian, decoded.
   * @param count Rows, >= 1. @param options.seed Default 1.
   * @throws NotFittedError; DomainError for a count that is no integer >= 1.
   */
  async sample(count: number, { seed = 1 }: { readonly seed?: number } = {}): Promise<Rows> {
    this.core('sample');
    if (!(Number.isInteger(count) && count >= 1)) {
      const expected = 'be an integer >= 1';
      throw new DomainError({ op: `${OP}.sample`, arg: 'count', expected, got: String(count) });
    }
    const { latentDim } = this.config;
    const rng = new Rng(seed);
    const data = Float32Array.from({ length: count * latentDim }, () => rng.normal());
    return await this.decode({ data, count, rowShape: [latentDim] });
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): VariationalAutoencoder {
    return new VariationalAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
