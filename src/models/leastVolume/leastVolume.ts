import * as tf from '@tensorflow/tfjs';
import { DomainError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import { checkRows } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { Autoencoder, savedConfig } from '../autoencoder/index.js';
import type { BatchOptions } from '../layers/batches.js';
import { OP } from './config.js';
import type { LeastVolumeConfig, LeastVolumeConfigInput } from './config.js';
import { DEVIATIONS, leastVolumeDefinition, MEANS } from './definition.js';
import type { LeastVolumeFacts } from './definition.js';
import { FROZEN, MASK } from './dynamicPruning.js';
import { explainedParts } from './explained.js';

/** Which latents {@link LeastVolume.prune} keeps; one of the two. */
export interface PruneOptions {
  /** That many, of the largest standard deviation. */
  readonly keep?: number | undefined;
  /** Those whose standard deviation is above this part of the largest. Default: config.liveRatio. */
  readonly ratio?: number | undefined;
}

/** How many latents a set of rows needs. */
export interface LatentDimension {
  /** Latents that remain when the flattest are held as long as that costs less than `threshold`. */
  readonly dimension: number;
  /** Latents in order of falling standard deviation. */
  readonly order: Int32Array;
  /** Entry k: part of the explained reconstruction that is lost when only the first k latents move. */
  readonly lost: Float64Array;
}

/**
 * Least Volume autoencoder: it finds how many latents the data need. The volume of the latent set,
 * exp(mean_i log(std_i + eta)), is made small while a 1-Lipschitz decoder keeps it from shrinking by mere
 * scaling, so latents that the data do not need fall flat; they can then be held at their means (pruned).
 *
 *     loss = reconstruction + lambda exp(mean_i log(std_i + eta)),  |D(z) - D(z')| <= |z - z'|
 *
 * With linear networks the latents are the principal components, up to signs, in order of deviation.
 * While training, `parts.live` of progress and history counts live latents.
 *
 * Reference: Chen, Fuge, Compressing Latent Space via Least Volume, 2024 (arXiv 2404.17773).
 * docs/least-volume.md says what is the same and what is not.
 * @example
 * const model = await new LeastVolume({ latentDim: 16, lambda: 3e-3 }).fit(rows);
 * console.log(await model.prune(), 'latents are live');
 */
export class LeastVolume extends Autoencoder<LeastVolumeConfig, LeastVolumeFacts> {
  /**
   * @param config Any part of the hyper-parameters; see {@link LeastVolumeConfig} for defaults.
   * @throws DomainError naming the field at fault; unknown fields are errors.
   */
  constructor(config: LeastVolumeConfigInput = {}) {
    super(leastVolumeDefinition, config);
  }

  /**
   * A fitted model from `toArtifacts`, on the active backend; on the same backend what it gives is
   * bit-identical.
   * @throws DataError for another model or format, or a missing or misshapen array.
   */
  static fromArtifacts(artifacts: Artifacts): LeastVolume {
    return new LeastVolume(savedConfig(leastVolumeDefinition, artifacts)).restore(artifacts);
  }

  /** Standard deviation of every latent over the training rows, unbiased. @throws NotFittedError */
  get deviations(): Float64Array {
    return Float64Array.from(this.core('deviations').found[DEVIATIONS].data);
  }

  /** Mean of every latent over the training rows. @throws NotFittedError */
  get means(): Float64Array {
    return Float64Array.from(this.core('means').found[MEANS].data);
  }

  /**
   * Explained reconstruction of latents: the part of what all latents explain together that is lost when
   * this one is held at its mean, max(0, (L(i held) - L) / (L(all held) - L)), with L = |x - x'|, the
   * root of the mean over rows of the squared norm.
   * @param x Rows like the training rows. @param dims Latents. Default: all.
   * @returns One value >= 0 for each of `dims`; about 0 for a latent that is not needed.
   * Cost: one pass of the decoder per latent.
   * @throws NotFittedError; ShapeError, DomainError for bad rows or latents.
   */
  async explainedReconstruction(
    x: Rows,
    dims: ArrayLike<number> = this.#all(),
    options: BatchOptions = {},
  ): Promise<Float64Array> {
    const op = `${OP}.explainedReconstruction`;
    const core = this.core('explainedReconstruction');
    checkRows(op, 'x', x, core.rowShape);
    const { latentDim } = this.config;
    const sets = Array.from(dims, (dim) => {
      if (Number.isInteger(dim) && dim >= 0 && dim < latentDim) return [dim];
      const expected = `hold latents in [0, ${latentDim - 1}]`;
      throw new DomainError({ op, arg: 'dims', expected, got: String(dim) });
    });
    return await explainedParts(core, this.means, x, sets, options);
  }

  /**
   * The dimension of the latent set: latents are held at their means from the flattest on, as long as this
   * loses less than `threshold` of the explained reconstruction.
   * @param x Rows like the training rows. @param threshold In (0, 1]. Default .01.
   * Cost: `latentDim` passes of the decoder. Errors as {@link explainedReconstruction}.
   */
  async latentDimension(
    x: Rows,
    threshold = 0.01,
    options: BatchOptions = {},
  ): Promise<LatentDimension> {
    const op = `${OP}.latentDimension`;
    const core = this.core('latentDimension');
    checkRows(op, 'x', x, core.rowShape);
    if (!(threshold > 0 && threshold <= 1)) {
      const got = String(threshold);
      throw new DomainError({ op, arg: 'threshold', expected: 'be in (0, 1]', got });
    }
    const { latentDim } = this.config;
    const order = this.#order();
    const sets = Array.from({ length: latentDim + 1 }, (_, kept) => [...order.subarray(kept)]);
    const lost = await explainedParts(core, this.means, x, sets, options);
    let dimension = latentDim;
    while (dimension > 0 && lost[dimension - 1] < threshold) dimension--;
    return { dimension, order, lost };
  }

  /**
   * Hold flat latents at their means from now on: `encode` gives the mean there, and `decode` of what it
   * gives changes as little as they explained. Latents that were pruned before stay so.
   * @returns Number of latents that still move.
   * @throws NotFittedError; DomainError when `keep` is not in [1, latentDim] or `ratio` not in [0, 1).
   */
  async prune({ keep, ratio = this.config.liveRatio }: PruneOptions = {}): Promise<number> {
    const op = `${OP}.prune`;
    const { parameters } = this.core('prune');
    const { latentDim } = this.config;
    if (keep !== undefined && !(Number.isInteger(keep) && keep >= 1 && keep <= latentDim)) {
      const expected = `be an integer in [1, ${latentDim}]`;
      throw new DomainError({ op, arg: 'keep', expected, got: String(keep) });
    }
    if (!(ratio >= 0 && ratio < 1)) {
      throw new DomainError({ op, arg: 'ratio', expected: 'be in [0, 1)', got: String(ratio) });
    }
    const { means, deviations } = this;
    const [live, held] = await Promise.all(
      [MASK, FROZEN].map(async (name) => Float32Array.from(await parameters[name].data())),
    );
    const order = this.#order().filter((dim) => live[dim] === 1);
    const largest = deviations[order[0]];
    const kept = order.filter((dim, rank) =>
      keep === undefined ? deviations[dim] > ratio * largest : rank < keep,
    );
    if (kept.length === 0) {
      const expected = 'have a latent that moves';
      throw new DomainError({ op, arg: 'the model', expected, got: 'constant latents' });
    }
    for (let dim = 0; dim < latentDim; dim++) {
      if (live[dim] === 0 || kept.includes(dim)) continue;
      [live[dim], held[dim]] = [0, means[dim]];
    }
    tf.tidy(() => {
      parameters[MASK].assign(tf.tensor1d(live));
      parameters[FROZEN].assign(tf.tensor1d(held));
    });
    return kept.length;
  }

  #all(): number[] {
    return Array.from({ length: this.config.latentDim }, (_, i) => i);
  }

  /** Latents in order of falling standard deviation; the lower one of equals first. */
  #order(): Int32Array {
    const { deviations } = this;
    return Int32Array.from(this.#all().sort((a, b) => deviations[b] - deviations[a] || a - b));
  }
}
