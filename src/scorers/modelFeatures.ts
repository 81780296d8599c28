import * as tf from '@tensorflow/tfjs';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { DomainError, ShapeError } from '../errors.js';
import { sliceRows } from '../util/rows.js';
import type { Rows } from '../util/rows.js';
import { formatShape, sizeOf } from '../util/shape.js';

const OP = 'modelFeatures';

/** Rows per pass when the caller does not say. */
const BATCH_ROWS = 256;

/** What a function gives for a batch: features [b, ...], logits [b, classes], or one of them. */
export interface BatchFeatures {
  readonly features?: Tensor;
  readonly logits?: Tensor;
}

/** A function of one batch, called inside a tidy. */
export type FeatureFunction = (batch: Tensor) => BatchFeatures;

export interface ModelFeaturesOptions {
  /** Layer whose output the features are. Default: what the logits layer takes. Layers models only. */
  readonly features?: string | undefined;
  /** Dense layer that makes the logits. Default: the last layer. Layers models only. */
  readonly logits?: string | undefined;
  /** Rows on the device at a time. Default 256. */
  readonly batchRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Inputs of scorers, on the host. */
export interface ModelFeatures {
  /** [n, d]; features of higher rank are flattened. Undefined when a function gives none. */
  readonly features: Rows | undefined;
  /** [n, classes], before a softmax. Undefined when a function gives none. */
  readonly logits: Rows | undefined;
  /**
   * The logits layer, logits = features . weight + bias; undefined for a function, and when the features are
   * those of another layer than it takes.
   */
  readonly head: { readonly weight: Rows; readonly bias: Float32Array } | undefined;
}

/**
 * Features, logits and head of a model for the scorers, in one pass over the rows.
 *
 * Of a layers model the last layer, or the one that `logits` names, must be dense; its product is taken before
 * its activation, so that a softmax in it does not turn logits into probabilities. Dropout and batch
 * normalisation run as in prediction. A graph model, or anything else, is given as a function.
 *
 * @param model A tf.LayersModel with one input, or a function of a batch [b, ...row].
 * @param x Rows, or a float32 tensor [n, ...row], which stays the caller's.
 * @returns Values on the host; nothing stays on the device.
 * @throws DomainError for an unknown layer, a logits layer that is not dense, layer names with a function, a
 * model of several inputs, or batchRows below 1; ShapeError for rows of another shape than the model takes, no
 * rows, and outputs that are not one row per input. The reason of `signal`.
 * @example
 * const { features, logits, head } = await modelFeatures(model, x);
 * await scorers.vim().fit({ features, head });
 * const own = await modelFeatures((batch) => ({ features: graph.execute(batch, 'pool') as tf.Tensor }), x);
 */
export async function modelFeatures(
  model: LayersModel | FeatureFunction,
  x: Rows | Tensor,
  options: ModelFeaturesOptions = {},
): Promise<ModelFeatures> {
  const { batchRows = BATCH_ROWS, signal } = options;
  if (!Number.isInteger(batchRows) || batchRows < 1) {
    const got = String(batchRows);
    throw new DomainError({ op: OP, arg: 'batchRows', expected: 'be an integer >= 1', got });
  }
  const [count, ...rowShape] = x instanceof tf.Tensor ? x.shape : [x.count, ...x.rowShape];
  if (count < 1) throw shapeError('x', 'have at least one row', '0 rows');
  const plan =
    typeof model === 'function' ? functionPlan(model, options) : layersPlan(model, options);
  plan.check(rowShape);
  const parts: { readonly features: Collector; readonly logits: Collector } = {
    features: new Collector('features', count),
    logits: new Collector('logits', count),
  };
  for (let start = 0; start < count; start += batchRows) {
    signal?.throwIfAborted();
    const rows = Math.min(batchRows, count - start);
    const { features, logits } = tf.tidy(() => {
      const batch =
        x instanceof tf.Tensor
          ? x.slice(start, rows)
          : tf.tensor(sliceRows(x, start, start + rows).data, [rows, ...rowShape], 'float32');
      const found = plan.run(batch);
      return { features: found.features, logits: found.logits };
    });
    try {
      await parts.features.read(features, rows, start);
      await parts.logits.read(logits, rows, start);
    } finally {
      tf.dispose([features, logits].filter((t) => t !== undefined));
    }
  }
  const head = await plan.head();
  return { features: parts.features.rows, logits: parts.logits.rows, head };
}

function shapeError(arg: string, expected: string, got: string): ShapeError {
  return new ShapeError({ op: OP, arg, expected, got });
}

/** How batches become features. */
interface Plan {
  check(rowShape: readonly number[]): void;
  run(batch: Tensor): BatchFeatures;
  head(): Promise<ModelFeatures['head']>;
}

function functionPlan(run: FeatureFunction, { features, logits }: ModelFeaturesOptions): Plan {
  for (const [arg, value] of Object.entries({ features, logits })) {
    if (value === undefined) continue;
    const expected = 'be left out with a function, which gives the tensors itself';
    throw new DomainError({ op: OP, arg, expected, got: `'${value}'` });
  }
  return { check: () => undefined, run, head: () => Promise.resolve(undefined) };
}

function layersPlan(model: LayersModel, options: ModelFeaturesOptions): Plan {
  if (model.inputs.length !== 1) {
    const got = `${model.inputs.length} inputs`;
    throw new DomainError({ op: OP, arg: 'model', expected: 'have one input', got });
  }
  const layer = findLayer(model, 'logits', options.logits);
  if (layer.getClassName() !== 'Dense') {
    throw new DomainError({
      op: OP,
      arg: 'logits',
      expected: 'name a dense layer',
      got: `'${layer.name}', which is ${layer.getClassName()}`,
      fix: 'Name the dense layer before the softmax, or give a function.',
    });
  }
  const weights = layer.getWeights();
  const kernel = weights[0] as tf.Tensor2D;
  const bias = weights.length > 1 ? weights[1] : undefined;
  const taken = layer.input as SymbolicTensor;
  const wanted =
    options.features === undefined
      ? taken
      : (findLayer(model, 'features', options.features).output as SymbolicTensor);
  const isTaken = wanted === taken;
  // Layers are shared with the model: nothing is allocated, and nothing has to be freed.
  const inner = tf.model({ inputs: model.inputs, outputs: isTaken ? [taken] : [taken, wanted] });
  return {
    check: (rowShape) => {
      const want = model.inputs[0].shape.slice(1);
      const fits =
        want.length === rowShape.length && want.every((d, i) => d === null || d === rowShape[i]);
      if (fits) return;
      const shape = `[${want.map((d) => d ?? 'any').join(', ')}]`;
      const got = `rows of shape ${formatShape(rowShape)}`;
      throw shapeError('x', `have rows of shape ${shape}, which the model takes`, got);
    },
    run: (batch) => {
      const outputs = inner.predictOnBatch(batch);
      const [input, features] = Array.isArray(outputs) ? outputs : [outputs, outputs];
      const product = tf.matMul(input.as2D(batch.shape[0], -1), kernel);
      return { features, logits: bias === undefined ? product : tf.add(product, bias) };
    },
    head: async () => {
      if (!isTaken) return undefined;
      const [count, classes] = kernel.shape;
      const data = Float32Array.from(await kernel.data<'float32'>());
      const weight = { data, count, rowShape: [classes] };
      const values = bias === undefined ? undefined : await bias.data<'float32'>();
      return { weight, bias: Float32Array.from(values ?? new Float32Array(classes)) };
    },
  };
}

function findLayer(model: LayersModel, arg: string, name: string | undefined): tf.layers.Layer {
  if (name === undefined) return model.layers[model.layers.length - 1];
  const found = model.layers.find((layer) => layer.name === name);
  if (found !== undefined) return found;
  const expected = `name a layer of the model: ${model.layers.map((layer) => layer.name).join(', ')}`;
  throw new DomainError({ op: OP, arg, expected, got: `'${name}'` });
}

/** Values of one output, batch after batch, flattened to one vector per row. */
class Collector {
  #data: Float32Array | undefined;
  #width = 0;

  constructor(
    private readonly arg: string,
    private readonly count: number,
  ) {}

  get rows(): Rows | undefined {
    const data = this.#data;
    return data && { data, count: this.count, rowShape: [this.#width] };
  }

  async read(tensor: Tensor | undefined, rows: number, start: number): Promise<void> {
    if (tensor === undefined) return;
    const { shape, dtype } = tensor;
    if (shape[0] !== rows || dtype !== 'float32') {
      const got = `${dtype} ${formatShape(shape)}`;
      throw shapeError(this.arg, `be float32 of one row for each of ${rows} inputs`, got);
    }
    const width = sizeOf(shape.slice(1));
    if (this.#data === undefined) {
      this.#width = width;
      this.#data = new Float32Array(this.count * width);
    }
    if (width !== this.#width) {
      const got = `${width} values`;
      throw shapeError(this.arg, `have ${this.#width} values a row, as in the first batch`, got);
    }
    this.#data.set(await tensor.data<'float32'>(), start * width);
  }
}
