import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { rowsToTensor } from '../layers/batches.js';
import { runLayers } from '../layers/layer.js';
import type { Rows } from '../../util/rows.js';
import type { AutoencoderConfig } from './config.js';
import type { AutoencoderCore, AutoencoderDefinition, Facts, Side } from './definition.js';

/** Latents of a batch by the chain 'encoder'; a condition enters behind the values of each row. */
export function runEncoder(core: AutoencoderCore, x: Tensor, side: Side): Tensor2D {
  const { chains } = core.network;
  const input = withCondition(x, side.condition);
  return runLayers('encoder', chains.encoder, core.parameters, input, side.noise) as Tensor2D;
}

/** Reconstruction of latents by the chain 'decoder'; a condition enters behind the latents. */
export function runDecoder(core: AutoencoderCore, latents: Tensor, side: Side): Tensor {
  const { chains } = core.network;
  const input = withCondition(latents, side.condition);
  return runLayers('decoder', chains.decoder, core.parameters, input, side.noise);
}

function withCondition(x: Tensor, condition: Tensor2D | undefined): Tensor {
  if (condition === undefined) return x;
  return tf.concat([x.reshape([x.shape[0], -1]), condition], 1);
}

/** Latents of a batch as the model defines them. */
export function encodeBatch<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
  x: Tensor,
  side: Side = {},
): Tensor2D {
  return definition.encode?.(core, x, side) ?? runEncoder(core, x, side);
}

/** Output of the decoder before any sigmoid, as losses take it. */
export function decodeRaw<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
  latents: Tensor2D,
  side: Side = {},
): Tensor {
  return definition.decode?.(core, latents, side) ?? runDecoder(core, latents, side);
}

/** Reconstruction of latents in the scale of the network's input. */
export function decodeBatch<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
  latents: Tensor2D,
  side: Side = {},
): Tensor {
  const raw = decodeRaw(definition, core, latents, side);
  return core.config.reconstructionLoss === 'bce' ? tf.sigmoid(raw) : raw;
}

/** Conditions of a batch, [b, conditions], as they are. */
export function conditionTensor(
  condition: Rows | undefined,
  indices: ArrayLike<number>,
): Tensor2D | undefined {
  if (condition === undefined) return undefined;
  const { rowShape } = condition;
  const values = rowsToTensor({ rowShape, scaler: undefined }, condition, indices);
  return values.reshape<Tensor2D>([indices.length, -1]);
}

/** Mean squared difference per row [b]. */
export function squaredErrors(reconstructed: Tensor, x: Tensor): Tensor {
  const errors = tf.squaredDifference(reconstructed, x);
  return tf.mean(errors.reshape([x.shape[0], -1]), 1);
}

/**
 * The reconstruction loss that the config names, mean over all elements.
 * @param raw Output of the decoder; logits for 'bce'. @param x What it is compared with.
 */
export function reconstructionLoss(
  { reconstructionLoss: kind }: AutoencoderConfig,
  raw: Tensor,
  x: Tensor,
): Scalar {
  return kind === 'bce' ? binaryCrossEntropy(raw, x) : tf.mean(tf.squaredDifference(raw, x));
}

/**
 * Mean binary cross-entropy of a sigmoid output: mean (max(z, 0) - z x + log(1 + exp(-|z|))).
 * @param logits Any shape. @param x Same shape, in [0, 1]; no gradient.
 * @returns Scalar >= 0, nats. Gradient: (sigmoid(z) - x) / elements, first order.
 * Numerics: nothing overflows; each element is within a few roundings of max(|z|, 1).
 */
export function binaryCrossEntropy(logits: Tensor, x: Tensor): Scalar {
  const each = tf.customGrad<Tensor>((...args) => {
    const [z, save] = args as [Tensor, tf.GradSaveFunc];
    // The target too: tfjs frees what the forward pass made before it runs the backward pass.
    save([z, x]);
    const tail = tf.log1p(tf.exp(tf.neg(tf.abs(z))));
    return {
      value: tf.addN([tf.relu(z), tf.neg(tf.mul(z, x)), tail]),
      gradFunc: (dy: Tensor, [saved, target]: Tensor[]) =>
        tf.mul(dy, tf.sub(tf.sigmoid(saved), target)),
    };
  });
  return tf.mean(each(logits));
}
