import { DomainError, NotFittedError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import { checkRows, rowSize } from '../../util/rows.js';
import type { Rows, Targets } from '../../util/rows.js';
import { collectRows } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import { sageFromArtifacts, sageToArtifacts } from './artifacts.js';
import { parseSageConfig } from './config.js';
import type { SageConfig, SageConfigInput } from './config.js';
import { combineScores } from './ensemble.js';
import { checkTargets, fitSage } from './fitting.js';
import type { SageFitOptions } from './fitting.js';
import { decodeBatch, encodeBatch, headBatch } from './forward.js';
import { checkedFeatures, featuresOf, headOf } from './features.js';
import type { SageFeatures } from './features.js';
import {
  measureRows,
  neighbourRows,
  networkRows,
  predictionsOf,
  taskUncertainty,
} from './rawScores.js';
import type { Measured } from './rawScores.js';
import { unscaleRows } from '../layers/scaler.js';
import { disposeState, outputsOf } from './state.js';
import type { SageState } from './state.js';

export interface SageScoreOptions extends BatchOptions {
  /** Checked when given; used only by regression with `compat`, whose task score needs them. */
  readonly targets?: Targets | undefined;
}

/** Scores of rows, one value per row. */
export interface SageScores {
  /** Geometric mean (or what `ensemble` says) of the three, in [0, 1]; high = like the training data. */
  readonly score: Float32Array;
  /** Probability of a distance to the training latents this large or larger; high = like. */
  readonly distance: Float32Array;
  /** Probability of a reconstruction error this large or larger; high = like. */
  readonly reconstruction: Float32Array;
  /** Probability of a task uncertainty this large or larger; high = like. */
  readonly task: Float32Array;
  /** Values that the probabilities are read from; high = UNLIKE the training data. */
  readonly raw: {
    /** log of the mean distance to the k nearest training latents. */
    readonly distance: Float32Array;
    /** With `reconstructionTest` 'error' the mean squared reconstruction error per element, in the scale
     * of the network's input; with 'combined' the largest of three tests of it. */
    readonly reconstruction: Float32Array;
    /** -log of the largest class probability, or squared deviation from the neighbours' targets. */
    readonly task: Float32Array;
  };
  /** Order of rows of equal score, <= 0: how far a row lies beyond all reference values. With a
   * reference of n rows, `score` alone ties all rows that lie beyond it in all three. */
  readonly tieBreak: Float64Array;
  /** log(score) + tieBreak: ranks rows without ties at the low end; high = like. Use it for AUROC. */
  readonly ranking: Float64Array;
  /** Predicted class, or value in the unit of the targets. */
  readonly prediction: Int32Array | Float32Array;
  readonly direction: 'high-is-similar';
}

/**
 * SAGE: a supervised autoencoder whose latent space, reconstruction and prediction each say how much a
 * row is like the training data.
 *
 * An encoder maps a row to a latent vector, a decoder maps it back, a head predicts a class or a value;
 * all are trained together. A new row gets three raw values (log mean distance to its k nearest
 * training latents, reconstruction error, task uncertainty), each turned into an empirical probability
 * against held-out rows, p(v) = (1 + #{ref >= v}) / (n + 1), and their geometric mean: the score, in
 * [0, 1], high = like the training data.
 *
 * Tensors (weights and training latents) live on the backend that was active in `fit` or
 * `fromArtifacts` until `dispose`.
 *
 * Reference: Schreyer, Anderson, Thompson, SAGE, 2025 (arXiv 2502.16329). docs/sage.md lists where
 * this differs; `compat: true` gives the authors' definition.
 * @example
 * const sage = await new Sage({ epochs: 5 }).fit(train.x, train.y);
 * const { score } = await sage.score(test.x);
 */
export class Sage {
  readonly config: SageConfig;
  #state: SageState | undefined;

  /**
   * @param config Any part of the hyper-parameters; see {@link SageConfig} for defaults.
   * @throws DomainError naming the field at fault; unknown fields are errors.
   */
  constructor(config: SageConfigInput = {}) {
    this.config = parseSageConfig(config);
  }

  /** Whether the model can score. */
  get fitted(): boolean {
    return this.#state !== undefined;
  }

  /** What the head predicts: classes or values. */
  get taskKind(): 'classification' | 'regression' {
    return this.#fitted('taskKind').task.kind;
  }

  /** Temperature of the class probabilities, 1 without scaling or for regression. */
  get temperature(): number {
    return this.#fitted('temperature').temperature;
  }

  /**
   * Train on rows with targets and calibrate on held-out rows.
   *
   * A second call forgets the first. When it fails or is aborted, what was fitted before stays as it
   * was, and nothing is left on the device.
   *
   * @param x Training rows, finite, all of one shape.
   * @param targets One per row: class labels 0..classes-1, or finite values.
   * @param options Calibration set, abort signal, progress.
   * @returns This model, fitted.
   * @throws ShapeError, DomainError for bad rows, targets, or k above the number of training rows;
   * UnsupportedError when the backend lacks a kernel that training needs; all before anything is
   * computed. DomainError when a loss becomes NaN or infinite. The reason of `signal`.
   */
  async fit(x: Rows, targets: Targets, options: SageFitOptions = {}): Promise<this> {
    const next = await fitSage(this.config, { x, targets }, options);
    this.dispose();
    this.#state = next;
    return this;
  }

  /**
   * Score rows for being like the training data. The scores of a row do not depend on the rows that
   * are scored with it, beyond the rounding of the backend's products.
   *
   * @param x Rows of the training shape, finite.
   * @param options.batchRows Rows on the device at a time. Default 1024.
   * @returns Scores, all high = like the training data, except `raw`.
   * @throws NotFittedError; ShapeError, DomainError for bad rows or targets; DomainError for a compat
   * regression without targets. The reason of `signal`.
   * Cost: O(rows * bank * latentDim) for the neighbours beside the network.
   */
  async score(x: Rows, options: SageScoreOptions = {}): Promise<SageScores> {
    const op = 'Sage.score';
    const state = this.#checked(op, x, options);
    this.#checkScoring(op, state, x.count, options);
    const { targets } = options;
    const measured = await measureRows(state, state.bank, this.config, x, options);
    return scoresOf(state, measured, this.config, targets);
  }

  /**
   * What scorers of features need of rows: latents, the features before the head's last layer, logits and
   * reconstruction errors, each row encoded, decoded and headed once. {@link scoreFeatures} turns them into
   * scores without a second pass.
   * Errors as {@link predict}.
   * @example
   * const { features, logits } = await sage.features(x);
   * const unlike = await scorer.score({ features, logits });
   */
  async features(x: Rows, options: BatchOptions = {}): Promise<SageFeatures> {
    const state = this.#checked('Sage.features', x, options);
    return featuresOf(state, await networkRows(state, state.bank, x, options), x.count);
  }

  /**
   * {@link score} of rows whose features are known: the neighbours of the latents and the probabilities,
   * without the network. The same scores as of the rows themselves.
   * @param features What {@link features} of this model gave.
   * @throws as score; ShapeError for features of another width.
   */
  async scoreFeatures(features: SageFeatures, options: SageScoreOptions = {}): Promise<SageScores> {
    const op = 'Sage.scoreFeatures';
    const state = this.#fitted(op);
    checkBatch(op, options);
    const given = checkedFeatures(op, state, features);
    this.#checkScoring(op, state, features.latents.count, options);
    const near = await neighbourRows(state.bank, this.config, features.latents, options);
    return scoresOf(state, { ...given, ...near }, this.config, options.targets);
  }

  /**
   * The head's last layer, which is linear: logits = features . weight + bias.
   * @returns `weight` [width of features, classes] and `bias`; undefined for a regression.
   */
  async head(): Promise<{ readonly weight: Rows; readonly bias: Float32Array } | undefined> {
    return await headOf(this.#fitted('Sage.head'));
  }

  /** Predicted class or value of every row. Errors as {@link score}. */
  async predict(x: Rows, options: BatchOptions = {}): Promise<Int32Array | Float32Array> {
    const state = this.#checked('Sage.predict', x, options);
    const output = await collectRows(state, x, outputsOf(state.task), options, (batch) =>
      headBatch(state, encodeBatch(state, batch)),
    );
    return predictionsOf(state, output);
  }

  /** Latents of every row, shape [latentDim] each. Errors as {@link score}. */
  async encode(x: Rows, options: BatchOptions = {}): Promise<Rows> {
    const state = this.#checked('Sage.encode', x, options);
    const { latentDim } = this.config;
    const data = await collectRows(state, x, latentDim, options, (b) => encodeBatch(state, b));
    return { data, count: x.count, rowShape: [latentDim] };
  }

  /** Every row encoded and decoded, in its own scale and shape. Errors as {@link score}. */
  async reconstruct(x: Rows, options: BatchOptions = {}): Promise<Rows> {
    const state = this.#checked('Sage.reconstruct', x, options);
    const data = await collectRows(state, x, rowSize(x), options, (batch) =>
      decodeBatch(state, encodeBatch(state, batch)),
    );
    if (state.scaler !== undefined) unscaleRows(data, state.scaler);
    return { data, count: x.count, rowShape: x.rowShape };
  }

  /** Config, weights, training latents and reference values as plain host data. */
  async toArtifacts(): Promise<Artifacts> {
    return await sageToArtifacts(this.config, this.#fitted('Sage.toArtifacts'));
  }

  /**
   * A fitted model from {@link toArtifacts}, on the active backend; on the same backend its scores are
   * bit-identical.
   * @throws DataError for another model or format, or a missing or misshapen array.
   */
  static fromArtifacts(artifacts: Artifacts): Sage {
    const { config, state } = sageFromArtifacts(artifacts);
    const sage = new Sage(config);
    sage.#state = state;
    return sage;
  }

  /** Free all tensors; the model is then not fitted. */
  dispose(): void {
    if (this.#state !== undefined) disposeState(this.#state);
    this.#state = undefined;
  }

  #fitted(op: string): SageState {
    if (this.#state !== undefined) return this.#state;
    throw new NotFittedError({
      op,
      arg: 'the model',
      expected: 'be fitted first',
      got: 'a model without weights',
      fix: 'Call fit, or load one with Sage.fromArtifacts.',
    });
  }

  #checked(op: string, x: Rows, options: BatchOptions): SageState {
    const state = this.#fitted(op);
    checkRows(op, 'x', x, state.rowShape);
    checkBatch(op, options);
    return state;
  }

  /** Targets fit, and are there where the score needs them. */
  #checkScoring(
    op: string,
    { task }: SageState,
    rows: number,
    { targets }: SageScoreOptions,
  ): void {
    const like =
      task.kind === 'classification'
        ? ({ kind: 'class', classes: task.classes } as const)
        : ({ kind: 'real' } as const);
    if (targets !== undefined) checkTargets(op, 'targets', targets, rows, like);
    if (this.config.compat && like.kind === 'real' && targets === undefined) {
      throw new DomainError({
        op,
        arg: 'targets',
        expected: "be given: with compat the task score is the prediction's squared error",
        got: 'none',
        fix: 'Set compat to false to score rows without targets.',
      });
    }
  }
}

function checkBatch(op: string, { batchRows }: BatchOptions): void {
  if (batchRows === undefined || (Number.isInteger(batchRows) && batchRows >= 1)) return;
  const got = String(batchRows);
  throw new DomainError({ op, arg: 'batchRows', expected: 'be an integer >= 1', got });
}

/** Scores from what was measured. */
function scoresOf(
  state: SageState,
  measured: Measured,
  { compat, ensemble }: SageConfig,
  targets: Targets | undefined,
): SageScores {
  const { output, neighbourTarget } = measured;
  const expected = compat ? targets?.values : neighbourTarget;
  const task = taskUncertainty(state, output, state.temperature, expected);
  const raw = { distance: measured.distance, reconstruction: measured.reconstruction, task };
  return {
    ...combineScores(raw, state.reference, compat, ensemble),
    raw: {
      distance: Float32Array.from(raw.distance),
      reconstruction: Float32Array.from(raw.reconstruction),
      task: Float32Array.from(raw.task),
    },
    prediction: predictionsOf(state, output),
    direction: 'high-is-similar',
  };
}
