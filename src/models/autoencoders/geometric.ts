import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Artifacts } from '../../util/artifacts.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type {
  AutoencoderConfig,
  AutoencoderDefinition,
  Facts,
  TrainBatch,
} from '../autoencoder/index.js';
import { choice, integer, parseConfig, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { distanceMatching } from '../penalties/distanceMatching.js';
import { topologicalLoss } from '../penalties/topologicalLoss.js';
import { trainingPass, weightedLoss } from './pass.js';
import { distanceBlock, ROW_DISTANCES, rowDistances } from './rowDistances.js';
import type { RowDistanceSettings } from './rowDistances.js';

const distanceFields = {
  ...autoencoderFields,
  latentDim: integer(1).default(2),
  activation: choice('leakyRelu', 'relu', 'tanh').default('tanh'),
  neighbors: integer(1).default(10),
  diffusionDims: integer(1).default(10),
  time: real(0).default(1),
};

/** What is saved of the distances: what a latent distance of 1 stands for. */
interface DistanceFacts extends Facts {
  readonly scale: number;
}

const readFacts = (value: unknown): DistanceFacts =>
  z.object({ scale: z.number().positive() }).parse(value);

/**
 * Distances of a fit under way. Facts are saved with the model; this is what only its training needs, and is gone
 * with it.
 */
const MATRICES = new WeakMap<DistanceFacts, { matrix: Float32Array; n: number }>();

type Loss = (latents: Tensor, distances: Tensor) => Scalar;

/** Definition of an autoencoder with a penalty on latents against the distances of rows. */
function distanceDefinition<C extends AutoencoderConfig & RowDistanceSettings>(
  model: string,
  op: string,
  parse: (value: unknown) => C,
  [part, weightOf, loss]: readonly [string, (config: C) => number, Loss],
): AutoencoderDefinition<C, DistanceFacts> {
  const definition: AutoencoderDefinition<C, DistanceFacts> = {
    model,
    formatVersion: 1,
    op,
    parse: (value) => checkShared(op, parse(value)),
    facts: (fitOp, config, { x }) => {
      const { matrix, scale } = rowDistances(fitOp, x, config);
      const facts = { scale };
      MATRICES.set(facts, { matrix, n: x.count });
      return facts;
    },
    readFacts,
    plan: (planOp, config, rowShape) => planAutoencoder(planOp, config, rowShape),
    loss: (core, batch) => {
      const { latents, reconstruction } = trainingPass(definition, core, batch);
      const distances = batchDistances(core.facts, batch);
      return weightedLoss({
        reconstruction: [1, () => reconstruction],
        [part]: [weightOf(core.config), () => loss(latents, distances)],
      });
    },
    finish: (core) => {
      MATRICES.delete(core.facts);
      return Promise.resolve({});
    },
  };
  return definition;
}

function batchDistances(facts: DistanceFacts, { indices }: TrainBatch): Tensor2D {
  const held = MATRICES.get(facts);
  if (held === undefined) throw new Error('distances are made before training');
  const b = indices.length;
  return tf.tensor2d(distanceBlock(held.matrix, held.n, indices), [b, b]);
}

const matchingSchema = z.strictObject({
  ...distanceFields,
  distances: choice(...ROW_DISTANCES).default('graph'),
  distanceWeight: real(0).default(1),
});

/**
 * Every setting of a {@link DistanceMatchingAutoencoder}: those of all autoencoders (docs/autoencoders.md), with
 * `latentDim` 2 and `activation` 'tanh', and
 *
 * - `distances` ('graph'): of rows; 'graph' shortest paths among `neighbors` (10), 'diffusion' among
 *   `diffusionDims` (10) coordinates of a diffusion map at `time` (1), 'euclidean';
 * - `distanceWeight` (1) of the stress.
 */
export type DistanceMatchingConfig = DeepReadonly<z.output<typeof matchingSchema>>;
export type DistanceMatchingConfigInput = DeepReadonly<z.input<typeof matchingSchema>>;

const MATCHING = 'DistanceMatchingAutoencoder';
const matching = distanceDefinition<DistanceMatchingConfig>(
  'distanceMatching',
  MATCHING,
  (value) => parseConfig(MATCHING, matchingSchema, value),
  ['distance', ({ distanceWeight }) => distanceWeight, distanceMatching],
);

/**
 * Geometry-aware autoencoder: latents lie as far apart as their rows do along the data,
 * loss = reconstruction + distanceWeight mean (|z_i - z_j| - D_ij / s)^2, with s the root mean square of D.
 * The decoder then is a chart of the data: {@link pullbackMetric} and {@link geodesic} work on it.
 *
 * Distances of all training rows are made once, on the host: at most 6,000 rows.
 *
 * Reference: Sun et al., Geometry-aware generative autoencoders for warped Riemannian metric learning and
 * generative modeling on data manifolds (GAGA), 2024 (arXiv 2410.12779), section 4.1, with other distances than
 * PHATE's.
 */
export class DistanceMatchingAutoencoder extends Autoencoder<
  DistanceMatchingConfig,
  DistanceFacts
> {
  constructor(config: DistanceMatchingConfigInput = {}) {
    super(matching, config);
  }

  /** Length among the rows that a distance of 1 among the latents stands for. @throws NotFittedError */
  get scale(): number {
    return this.core('scale').facts.scale;
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): DistanceMatchingAutoencoder {
    return new DistanceMatchingAutoencoder(savedConfig(matching, artifacts)).restore(artifacts);
  }
}

const topologicalSchema = z.strictObject({
  ...distanceFields,
  batchSize: integer(1).default(64),
  distances: choice(...ROW_DISTANCES).default('euclidean'),
  topologicalWeight: real(0).default(1),
});

/**
 * Every setting of a {@link TopologicalAutoencoder}: those of all autoencoders (docs/autoencoders.md), with
 * `latentDim` 2, `activation` 'tanh' and `batchSize` 64, and
 *
 * - `distances` ('euclidean') of rows, as in {@link DistanceMatchingConfig};
 * - `topologicalWeight` (1) of the difference of the spanning trees.
 */
export type TopologicalConfig = DeepReadonly<z.output<typeof topologicalSchema>>;
export type TopologicalConfigInput = DeepReadonly<z.input<typeof topologicalSchema>>;

const TOPOLOGICAL = 'TopologicalAutoencoder';
const topological = distanceDefinition<TopologicalConfig>(
  'topological',
  TOPOLOGICAL,
  (value) => parseConfig(TOPOLOGICAL, topologicalSchema, value),
  ['topological', ({ topologicalWeight }) => topologicalWeight, topologicalLoss],
);

/**
 * Topological autoencoder: in every batch the edges of the minimum spanning trees of rows and latents have the same
 * length in both spaces, so that clusters and their gaps stay as they are (0-dimensional persistence).
 *
 * loss = reconstruction + topologicalWeight {@link topologicalLoss}. Distances of all training rows are made
 * once, on the host: at most 6,000 rows.
 *
 * Reference: Moor, Horn, Rieck, Borgwardt, Topological autoencoders, 2020 (arXiv 1906.00722), section 4.
 */
export class TopologicalAutoencoder extends Autoencoder<TopologicalConfig, DistanceFacts> {
  constructor(config: TopologicalConfigInput = {}) {
    super(topological, config);
  }

  /** Length among the rows that a distance of 1 among the latents stands for. @throws NotFittedError */
  get scale(): number {
    return this.core('scale').facts.scale;
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): TopologicalAutoencoder {
    return new TopologicalAutoencoder(savedConfig(topological, artifacts)).restore(artifacts);
  }
}
