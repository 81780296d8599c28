import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { NotFittedError, UnsupportedError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import { rowSize } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { formatShape, sizeOf } from '../../util/shape.js';
import { collectRows } from '../layers/batches.js';
import { disposeParameters } from '../layers/parameters.js';
import { unscaleRows } from '../layers/scaler.js';
import type { LatentChart } from '../geometry/chart.js';
import { coreFromArtifacts, coreToArtifacts } from './artifacts.js';
import { chartOf } from './chart.js';
import type { AutoencoderConfig } from './config.js';
import type {
  AutoencoderCore,
  AutoencoderDefinition,
  Facts,
  HistoryRow,
  Side,
} from './definition.js';
import { fitCore } from './fitting.js';
import type { AutoencoderFitOptions } from './fitting.js';
import { decodeBatch, encodeBatch, squaredErrors } from './forward.js';
import { checkPass, encodeRows, sideOf } from './passes.js';
import type { PassOptions } from './passes.js';

/**
 * An estimator over an {@link AutoencoderDefinition}: what all autoencoders of this package have in common.
 * A model is a definition and a class that hands it on.
 *
 * Weights live on the backend that was active in `fit` or `fromArtifacts` until `dispose`.
 */
export abstract class Autoencoder<C extends AutoencoderConfig, F extends Facts = Facts> {
  /** As given, with defaults filled in; frozen. */
  readonly config: C;
  readonly #definition: AutoencoderDefinition<C, F>;
  #core: AutoencoderCore<C, F> | undefined;

  /** @throws DomainError naming the field at fault; unknown fields are errors. */
  protected constructor(definition: AutoencoderDefinition<C, F>, config: unknown) {
    this.config = definition.parse(config);
    this.#definition = definition;
  }

  /** Whether the model has weights. */
  get fitted(): boolean {
    return this.#core !== undefined;
  }

  /**
   * Mean losses of each epoch of the last fit, also of a fit that went on from a checkpoint. It is saved with
   * the model; empty for one that is not fitted.
   */
  get history(): readonly HistoryRow[] {
    return this.#core?.history ?? [];
  }

  /**
   * Train on rows. A second call forgets the first. When it fails or is aborted, what was fitted before
   * stays as it was, and nothing is left on the device.
   *
   * @param x Training rows, finite, all of one shape. They are not changed.
   * @returns This model, fitted.
   * @throws ShapeError, DomainError for bad rows, targets or conditions; UnsupportedError when the
   * backend lacks a kernel that training needs; all before anything is computed. DomainError when a loss
   * becomes NaN or infinite. The reason of `signal`.
   */
  async fit(x: Rows, options: AutoencoderFitOptions = {}): Promise<this> {
    const { targets, condition } = options;
    const data = { x, targets, condition };
    const core = await fitCore(this.#definition, this.config, data, options);
    this.dispose();
    this.#core = core;
    return this;
  }

  /**
   * Latents of every row, shape [latentDim] each. They do not depend on the other rows, beyond the rounding
   * of the backend's products.
   * @throws NotFittedError; ShapeError, DomainError for bad rows. The reason of `signal`.
   */
  async encode(x: Rows, options: PassOptions = {}): Promise<Rows> {
    const core = this.#checked('encode', x, options);
    return await encodeRows(this.#definition, core, x, options);
  }

  /**
   * Rows of given latents, in the scale of the training rows.
   * @param latents Rows of shape [latentDim], finite. Errors as {@link encode}.
   */
  async decode(latents: Rows, options: PassOptions = {}): Promise<Rows> {
    const core = this.core('decode');
    const { latentDim } = this.config;
    this.#check('decode', 'latents', latents, [latentDim], options);
    const entry = { rowShape: [latentDim], scaler: undefined };
    const { rowShape } = core;
    const size = sizeOf(rowShape);
    const data = await collectRows(entry, latents, size, options, (batch, start) =>
      decodeBatch(this.#definition, core, batch as Tensor2D, sideOf(options, batch, start)),
    );
    if (core.scaler !== undefined) unscaleRows(data, core.scaler);
    return { data, count: latents.count, rowShape };
  }

  /** Every row encoded and decoded, in its own scale and shape. Errors as {@link encode}. */
  async reconstruct(x: Rows, options: PassOptions = {}): Promise<Rows> {
    const core = this.#checked('reconstruct', x, options);
    const data = await collectRows(core, x, rowSize(x), options, (batch, start) =>
      this.#passed(core, batch, sideOf(options, batch, start)),
    );
    if (core.scaler !== undefined) unscaleRows(data, core.scaler);
    return { data, count: x.count, rowShape: x.rowShape };
  }

  /**
   * Mean squared reconstruction error per element of every row, in the scale of the network's input
   * (standardised when `standardize` is on); high = unlike the training data. Errors as {@link encode}.
   */
  async errors(x: Rows, options: PassOptions = {}): Promise<Float32Array> {
    const core = this.#checked('errors', x, options);
    return await collectRows(core, x, 1, options, (batch, start) =>
      squaredErrors(this.#passed(core, batch, sideOf(options, batch, start)), batch),
    );
  }

  /** Config and weights as plain host data. @throws NotFittedError */
  async toArtifacts(): Promise<Artifacts> {
    return await coreToArtifacts(this.#definition, this.core('toArtifacts'));
  }

  /**
   * The decoder as a map on the device, for {@link pullbackMetric} and {@link geodesic}; good until `dispose` or the
   * next `fit`.
   * @throws NotFittedError; UnsupportedError for a model with a condition.
   */
  chart(): LatentChart {
    const core = this.core('chart');
    if (core.conditionShape === undefined) return chartOf(this.#definition, core);
    throw new UnsupportedError({
      op: `${this.#definition.op}.chart`,
      arg: 'the model',
      expected: 'have no condition',
      got: `a condition of shape ${formatShape(core.conditionShape)}`,
    });
  }

  /** Free all tensors; the model is then not fitted. */
  dispose(): void {
    if (this.#core !== undefined) disposeParameters(this.#core.parameters);
    this.#core = undefined;
  }

  /**
   * Take what was saved, for `fromArtifacts` of a model.
   * @throws DataError for a missing or misshapen part.
   */
  protected restore(artifacts: Artifacts): this {
    this.#core = coreFromArtifacts(this.#definition, this.config, artifacts);
    return this;
  }

  /** What was fitted. @throws NotFittedError naming the method that asked. */
  protected core(method: string): AutoencoderCore<C, F> {
    if (this.#core !== undefined) return this.#core;
    const name = this.#definition.op;
    throw new NotFittedError({
      op: `${name}.${method}`,
      arg: 'the model',
      expected: 'be fitted first',
      got: 'a model without weights',
      fix: `Call fit, or load one with ${name}.fromArtifacts.`,
    });
  }

  /** Replace what was found after training; the weights stay. */
  protected keep(found: AutoencoderCore<C, F>['found']): void {
    this.#core = { ...this.core('keep'), found };
  }

  #passed(core: AutoencoderCore<C, F>, batch: Tensor, side: Side): Tensor {
    const latents = encodeBatch(this.#definition, core, batch, side);
    return decodeBatch(this.#definition, core, latents, side);
  }

  #checked(method: string, x: Rows, options: PassOptions): AutoencoderCore<C, F> {
    const core = this.core(method);
    this.#check(method, 'x', x, core.rowShape, options);
    return core;
  }

  #check(
    method: string,
    arg: string,
    rows: Rows,
    rowShape: readonly number[],
    options: PassOptions,
  ): void {
    const op = `${this.#definition.op}.${method}`;
    checkPass(op, [arg, rows], rowShape, this.core(method), options);
  }
}
