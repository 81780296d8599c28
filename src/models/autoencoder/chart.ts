import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { sizeOf } from '../../util/shape.js';
import type { LatentChart } from '../geometry/chart.js';
import { linearise } from '../layers/tangents.js';
import type { AutoencoderConfig } from './config.js';
import type { AutoencoderCore, AutoencoderDefinition, Facts } from './definition.js';
import { decodeBatch } from './forward.js';

/**
 * The decoder of a core as a chart in the scale of the data; its derivative where the decoder is the chain 'decoder'
 * and nothing else.
 */
export function chartOf<C extends AutoencoderConfig, F extends Facts>(
  definition: AutoencoderDefinition<C, F>,
  core: AutoencoderCore<C, F>,
): LatentChart {
  const { config, network, parameters, rowShape, scaler } = core;
  const size = sizeOf(rowShape);
  const flat = (rows: Tensor): Tensor2D => rows.reshape([rows.shape[0], size]);
  const values = (array: Float64Array): Tensor2D =>
    tf.tensor2d(Float32Array.from(array), [1, size]);
  const stretched = (rows: Tensor2D): Tensor2D =>
    scaler === undefined ? rows : tf.mul(rows, values(scaler.deviation));
  const moved = (rows: Tensor2D): Tensor2D =>
    scaler === undefined ? rows : tf.add(stretched(rows), values(scaler.mean));
  const decode = (latents: Tensor2D): Tensor2D =>
    moved(flat(decodeBatch(definition, core, latents)));
  const push = (latents: Tensor2D): ((vectors: Tensor2D) => Tensor2D) => {
    const chain = { prefix: 'decoder', layers: network.chains.decoder, weights: parameters };
    const { value, push: forward } = linearise(chain, latents);
    if (config.reconstructionLoss === 'mse') return (v) => stretched(flat(forward(v)));
    const output = tf.sigmoid(flat(value));
    const slope = tf.mul(output, tf.sub(1, output));
    return (v) => stretched(tf.mul(flat(forward(v)), slope));
  };
  const plain = definition.decode === undefined;
  return { dims: config.latentDim, decode, push: plain ? push : undefined };
}
