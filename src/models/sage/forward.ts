import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { runLayers } from '../layers/layer.js';
import type { SageCore } from './state.js';

export { BATCH_ROWS, collectRows, overBatches, rowsToTensor } from '../layers/batches.js';
export type { BatchOptions } from '../layers/batches.js';

/** Latents [b, d] of a batch. */
export function encodeBatch({ network, parameters }: SageCore, x: Tensor): Tensor2D {
  return runLayers('encoder', network.encoder, parameters, x) as Tensor2D;
}

/** Reconstruction [b, ...row] of latents, in the scale of the network's input. */
export function decodeBatch({ network, parameters }: SageCore, latents: Tensor): Tensor {
  return runLayers('decoder', network.decoder, parameters, latents);
}

/** Output of the head [b, outputs]: logits, or scaled values. */
export function headBatch({ network, parameters }: SageCore, latents: Tensor): Tensor {
  return runLayers('head', network.head, parameters, latents);
}
