import type { Tensor2D } from '@tensorflow/tfjs';

/** A decoder as a map from latents to rows, on the device. */
export interface LatentChart {
  /** Numbers of a latent. */
  readonly dims: number;
  /** Rows [b, n] of latents [b, dims], in the scale of the data. Call inside a tidy. */
  readonly decode: (latents: Tensor2D) => Tensor2D;
  /**
   * The derivative at latents [b, dims]: takes one vector [b, dims] per latent to J v [b, n]. Undefined where it
   * is not at hand. Call inside a tidy.
   */
  readonly push?: ((latents: Tensor2D) => (vectors: Tensor2D) => Tensor2D) | undefined;
}
