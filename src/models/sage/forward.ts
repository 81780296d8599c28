import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { runLayer, runLayers } from '../layers/layer.js';
import type { SageCore } from './state.js';

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

/** What the head's last layer gets: its last hidden layer, or the latents when it has none. */
export function penultimateBatch({ network, parameters }: SageCore, latents: Tensor): Tensor {
  return runLayers('head', network.head.slice(0, -1), parameters, latents);
}

/** Position of the head's last layer, which is linear. */
export function lastOfHead({ network }: Pick<SageCore, 'network'>): number {
  return network.head.length - 1;
}

/** The head's last layer: {@link headBatch} is this of {@link penultimateBatch}. */
export function outputBatch(core: SageCore, penultimate: Tensor): Tensor {
  const last = lastOfHead(core);
  return runLayer(`head.${last}`, core.network.head[last], core.parameters, penultimate);
}
