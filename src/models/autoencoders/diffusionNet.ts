import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import type { Rows } from '../../util/rows.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  decodeRaw,
  encodeBatch,
  planAutoencoder,
  reconstructionLoss,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderDefinition, Facts, PassOptions } from '../autoencoder/index.js';
import { checkDiffusionRows, checkModes } from '../diffusionMap/diffusionMap.js';
import { diffusionCoordinates } from '../diffusionMap/operator.js';
import { choice, integer, parseConfig, positive, real, widths } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { distanceBlock } from './rowDistances.js';
import { weightedLoss } from './pass.js';

const OP = 'DiffusionNet';
const bandwidthRule = "be 'auto' or a finite number > 0";

const schema = z.strictObject({
  ...autoencoderFields,
  hidden: widths().default([64, 64]),
  latentDim: integer(1).default(2),
  activation: choice('leakyRelu', 'relu', 'tanh').default('tanh'),
  batchSize: integer(1).default(256),
  learningRate: positive().default(5e-3),
  eigenWeight: real(0).default(1),
  alpha: real(0, 1).default(1),
  bandwidth: z
    .union([z.literal('auto'), z.number().positive()], { error: bandwidthRule })
    .default('auto'),
  neighbors: integer(1).default(10),
});

/**
 * Every setting of a {@link DiffusionNet}: those of all autoencoders (docs/autoencoders.md), with `hidden` [64, 64],
 * `latentDim` 2, `activation` 'tanh', `batchSize` 256 and `learningRate` 5e-3, and
 *
 * - `eigenWeight` (1): eta, the weight of the penalty on outputs that are no eigenvectors;
 * - `alpha` (1), `bandwidth` ('auto'), `neighbors` (10) of the diffusion, as in {@link DiffusionMapConfig}.
 *
 * `epochs` are those of each of the two stages.
 */
export type DiffusionNetConfig = DeepReadonly<z.output<typeof schema>>;
export type DiffusionNetConfigInput = DeepReadonly<z.input<typeof schema>>;

interface DiffusionFacts extends Facts {
  /** Of the coordinates, descending. */
  readonly eigenvalues: number[];
}

/** The diffusion of a fit under way; see the same of the distance-matching models. */
const DIFFUSIONS = new WeakMap<
  DiffusionFacts,
  { readonly operator: Float32Array; readonly vectors: Float64Array; readonly n: number }
>();

const definition: AutoencoderDefinition<DiffusionNetConfig, DiffusionFacts> = {
  model: 'diffusionNet',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  facts: (op, config, { x }) => {
    const { latentDim: dims, ...settings } = config;
    checkDiffusionRows(op, x, dims);
    const found = diffusionCoordinates(x, { ...settings, dims });
    checkModes(op, found.eigenvalues);
    const facts = { eigenvalues: Array.from(found.eigenvalues) };
    const operator = Float32Array.from(found.operator);
    DIFFUSIONS.set(facts, { operator, vectors: found.vectors, n: x.count });
    return facts;
  },
  readFacts: (value) => z.object({ eigenvalues: z.array(z.number().positive()) }).parse(value),
  plan: (op, config, rowShape) => planAutoencoder(op, config, rowShape),
  stages: (_config, epochs) => [
    { name: 'encoder', epochs, rates: { encoder: 1 } },
    { name: 'decoder', epochs, rates: { decoder: 1 } },
  ],
  loss: (core, { x, indices, noise, stage }) => {
    const latents = encodeBatch(definition, core, x, { noise });
    if (stage === 'decoder') {
      const raw = decodeRaw(definition, core, latents, { noise });
      const reconstruction = reconstructionLoss(core.config, raw, x);
      return weightedLoss({ reconstruction: [1, () => reconstruction] });
    }
    const { coordinate, eigen } = encoderLoss(core.facts, latents, indices);
    return weightedLoss({
      coordinate: [1, () => coordinate],
      eigen: [core.config.eigenWeight, () => eigen],
    });
  },
  finish: (core) => {
    DIFFUSIONS.delete(core.facts);
    return Promise.resolve({});
  },
};

/**
 * Mean |o - psi|^2 and mean |(P - lambda) o|^2 per row, o the outputs of a batch. Outside the batch o is taken to be
 * psi, of which P psi = lambda psi, so that (P - lambda) o = (P_B - lambda)(o - psi) with P_B the block of P among
 * the rows of the batch; for a batch of all rows that is (P - lambda) o itself.
 */
function encoderLoss(
  facts: DiffusionFacts,
  output: Tensor,
  indices: Int32Array,
): { coordinate: Scalar; eigen: Scalar } {
  const held = DIFFUSIONS.get(facts);
  if (held === undefined) throw new Error('the diffusion is made before training');
  const [b, dims] = [indices.length, facts.eigenvalues.length];
  const wanted = Float32Array.from({ length: b * dims }, (_, at) => {
    return held.vectors[indices[Math.floor(at / dims)] * dims + (at % dims)];
  });
  const gap = tf.sub(output, tf.tensor2d(wanted, [b, dims]));
  const block = tf.tensor2d(distanceBlock(held.operator, held.n, indices), [b, b]);
  const values = tf.tensor2d(facts.eigenvalues, [1, dims]);
  const residual = tf.sub(tf.matMul(block, gap), tf.mul(gap, values));
  return {
    coordinate: tf.div(tf.sum(tf.square(gap)), b).asScalar(),
    eigen: tf.div(tf.sum(tf.square(residual)), b).asScalar(),
  };
}

/** Distances from rows to their reconstructions. */
export interface OutlierScores {
  /** |x - D(E(x))|, in the scale of the rows. */
  readonly score: Float32Array;
  readonly direction: 'high-is-unlike';
}

/**
 * Diffusion net: an encoder to the coordinates of a diffusion map, and a decoder from them back to rows, so that the
 * map extends to new rows at the cost of a forward pass, and can be inverted.
 *
 * First the encoder: mean |E(x) - psi(x)|^2 + eigenWeight |(P - lambda_l) o_l|^2 for each coordinate l, o_l its
 * outputs over all rows, psi and P as in {@link DiffusionMap} (a batch takes the block of its rows of P). Then the
 * decoder, the encoder fixed: mean |D(E(x)) - x|^2. Rows off the training set are reconstructed on it, so their
 * distance to the reconstruction tells them ({@link outliers}).
 *
 * At most 6,000 training rows; the eigenvectors are found on the host before training starts.
 *
 * Reference: Mishne, Shaham, Cloninger, Cohen, Diffusion nets, 2015 (arXiv 1506.07840), eq. 3.2 and 3.6.
 * @example
 * const net = await new DiffusionNet({ latentDim: 2 }).fit(sampleShape('helix', 500).x);
 * const { score } = await net.outliers(rows); // high = off the helix
 */
export class DiffusionNet extends Autoencoder<DiffusionNetConfig, DiffusionFacts> {
  constructor(config: DiffusionNetConfigInput = {}) {
    super(definition, config);
  }

  /** Eigenvalue of each latent, descending. @throws NotFittedError */
  get eigenvalues(): readonly number[] {
    return [...this.core('eigenvalues').facts.eigenvalues];
  }

  /**
   * Euclidean distance of every row to its reconstruction; high = off the set of training rows.
   * @throws NotFittedError; ShapeError, DomainError for bad rows. The reason of `signal`.
   */
  async outliers(x: Rows, options: PassOptions = {}): Promise<OutlierScores> {
    const back = await this.reconstruct(x, options);
    const size = back.data.length / x.count;
    const score = Float32Array.from({ length: x.count }, (_, i) => {
      let squares = 0;
      for (let j = i * size; j < (i + 1) * size; j++) squares += (back.data[j] - x.data[j]) ** 2;
      return Math.sqrt(squares);
    });
    return { score, direction: 'high-is-unlike' };
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): DiffusionNet {
    return new DiffusionNet(savedConfig(definition, artifacts)).restore(artifacts);
  }
}
