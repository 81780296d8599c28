import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import { DomainError } from '../../errors.js';
import type { Artifacts } from '../../util/artifacts.js';
import type { Rng } from '../../util/rng.js';
import { checkRows, rowSize } from '../../util/rows.js';
import type { Rows } from '../../util/rows.js';
import { sizeOf } from '../../util/shape.js';
import {
  Autoencoder,
  autoencoderFields,
  checkShared,
  decodeBatch,
  decodeRaw,
  encodeBatch,
  planAutoencoder,
  savedConfig,
} from '../autoencoder/index.js';
import type { AutoencoderCore, AutoencoderDefinition } from '../autoencoder/index.js';
import { integer, parseConfig, real } from '../fields.js';
import type { DeepReadonly } from '../fields.js';
import { collectRows } from '../layers/batches.js';
import type { BatchOptions } from '../layers/batches.js';
import { unscaleRows } from '../layers/scaler.js';

const OP = 'MaskedAutoencoder';
const TOKEN = 'mask.token';

const schema = z.strictObject({
  ...autoencoderFields,
  maskRatio: real(0.01, 0.99).default(0.5),
  patch: integer(1).default(1),
});

/**
 * Every setting of a {@link MaskedAutoencoder}: those of all autoencoders (docs/autoencoders.md), and
 *
 * - `maskRatio` (0.5): share of the patches of every row that is hidden in training, at least one and not all.
 * - `patch` (1): rows [height, width, channels] are hidden in squares of this side with all their channels,
 *   other rows in runs of this length.
 */
export type MaskedConfig = DeepReadonly<z.output<typeof schema>>;
export type MaskedConfigInput = DeepReadonly<z.input<typeof schema>>;

/** Patch of every element of a row, and their number. */
function patchesOf(rowShape: readonly number[], patch: number): { of: Int32Array; count: number } {
  const size = sizeOf(rowShape);
  if (rowShape.length !== 3) {
    const of = Int32Array.from({ length: size }, (_, i) => Math.floor(i / patch));
    return { of, count: Math.ceil(size / patch) };
  }
  const [height, width, channels] = rowShape;
  const across = Math.ceil(width / patch);
  const of = Int32Array.from({ length: size }, (_, i) => {
    const pixel = Math.floor(i / channels);
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    return Math.floor(y / patch) * across + Math.floor(x / patch);
  });
  return { of, count: across * Math.ceil(height / patch) };
}

/** 1 where a row is visible, 0 where it is hidden; the number of hidden patches is the same in all rows. */
function drawMask(shape: readonly number[], config: MaskedConfig, noise: Rng): Tensor {
  const { of, count } = patchesOf(shape.slice(1), config.patch);
  const hidden = Math.min(count - 1, Math.max(1, Math.round(config.maskRatio * count)));
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < shape[0]; i++) {
    const order = noise.permutation(count);
    const visible = new Uint8Array(count);
    for (let p = hidden; p < count; p++) visible[order[p]] = 1;
    of.forEach((patch, j) => (values[i * of.length + j] = visible[patch]));
  }
  return tf.tensor(values, [...shape]);
}

/** Hidden elements become the learnt token of their place. */
function hide(core: AutoencoderCore<MaskedConfig>, x: Tensor, mask: Tensor): Tensor {
  const token = core.parameters[TOKEN].reshape([1, ...core.rowShape]);
  return tf.add(tf.mul(x, mask), tf.mul(token, tf.sub(1, mask)));
}

const definition: AutoencoderDefinition<MaskedConfig> = {
  model: 'masked',
  formatVersion: 1,
  op: OP,
  parse: (value) => checkShared(OP, parseConfig(OP, schema, value)),
  plan: (op, config, rowShape) => {
    if (patchesOf(rowShape, config.patch).count < 2) {
      const expected = `be small enough for two patches in rows of ${sizeOf(rowShape)} elements`;
      throw new DomainError({ op, arg: 'config.patch', expected, got: String(config.patch) });
    }
    const size = sizeOf(rowShape);
    const token = { name: TOKEN, shape: [size], init: 'zeros', fanIn: size, fanOut: size } as const;
    const network = planAutoencoder(op, config, rowShape);
    return { ...network, parameters: [...network.parameters, token] };
  },
  loss: (core, { x, noise }) => {
    const mask = drawMask(x.shape, core.config, noise);
    const latents = encodeBatch(definition, core, hide(core, x, mask), { noise });
    const raw = decodeRaw(definition, core, latents, { noise });
    const decoded = core.config.reconstructionLoss === 'bce' ? tf.sigmoid(raw) : raw;
    const hidden = tf.sub(1, mask);
    const errors = tf.mul(tf.squaredDifference(decoded, x), hidden);
    const total = tf.div(tf.sum(errors), tf.sum(hidden)).asScalar();
    return { total, parts: { hidden: total } };
  },
};

/**
 * Masked autoencoder: a random part of every row is hidden and the loss is the squared error of that part only,
 * so latents learn how parts of a row depend on each other.
 *
 * loss = sum over hidden elements of (D(E(x'))_j - x_j)^2 / their number; in x' a hidden element is replaced by a
 * learnt token of its place. The first layer of the encoder is a sum over elements, so with a token of 0 (its
 * first value) only visible elements reach it. With 'bce' the output passes a sigmoid and the error is squared
 * all the same. `encode` and `reconstruct` see whole rows, `impute` fills in what is missing.
 *
 * Reference: He et al., Masked autoencoders are scalable vision learners, 2022, section 3; Yang et al., Pixio,
 * 2025, for larger patches.
 * @example
 * const model = await new MaskedAutoencoder({ maskRatio: 0.5 }).fit(x);
 * const filled = await model.impute(rows, known); // known: 1 where a value is known, 0 where it is not
 */
export class MaskedAutoencoder extends Autoencoder<MaskedConfig> {
  constructor(config: MaskedConfigInput = {}) {
    super(definition, config);
  }

  /**
   * Rows with their unknown elements filled in; known ones stay as they are.
   * @param x Rows; unknown elements may hold any finite value. @param known Rows of the same shape, 1 where the
   * value is known and 0 where it is not.
   * @throws NotFittedError; ShapeError, DomainError for bad rows, or a value of `known` that is neither 0 nor 1.
   */
  async impute(x: Rows, known: Rows, options: BatchOptions = {}): Promise<Rows> {
    const op = `${OP}.impute`;
    const core = this.core('impute');
    checkRows(op, 'x', x, core.rowShape);
    checkKnown(op, x, known);
    const data = await collectRows(core, x, rowSize(x), options, (batch, start) => {
      const size = batch.size;
      const values = known.data.subarray(start * rowSize(x), start * rowSize(x) + size);
      const mask = tf.tensor(values, batch.shape);
      const latents = encodeBatch(definition, core, hide(core, batch, mask));
      const filled = decodeBatch(definition, core, latents);
      return tf.add(tf.mul(batch, mask), tf.mul(filled, tf.sub(1, mask)));
    });
    if (core.scaler !== undefined) unscaleRows(data, core.scaler);
    // Scaling and its inverse round: what was known is put back.
    known.data.forEach((flag, i) => {
      if (flag === 1) data[i] = x.data[i];
    });
    return { data, count: x.count, rowShape: x.rowShape };
  }

  /** A fitted model from `toArtifacts`, the same to the bit. @throws DataError */
  static fromArtifacts(artifacts: Artifacts): MaskedAutoencoder {
    return new MaskedAutoencoder(savedConfig(definition, artifacts)).restore(artifacts);
  }
}

function checkKnown(op: string, x: Rows, known: Rows): void {
  checkRows(op, 'known', known, x.rowShape);
  const bad = known.data.findIndex((value) => value !== 0 && value !== 1);
  if (known.count === x.count && bad < 0) return;
  const counts = known.count !== x.count;
  throw new DomainError({
    op,
    arg: 'known',
    expected: counts ? `have as many rows as x, ${x.count}` : 'be 0 or 1',
    got: counts ? String(known.count) : `${known.data[bad]} at row ${Math.floor(bad / rowSize(x))}`,
  });
}
