/** Names that `train` takes, in the order in which help lists them; what they are stands in models.ts. */
export const MODEL_NAMES = [
  'sage',
  'least-volume',
  'lorae',
  'irmae',
  'vae',
  'denoising',
  'masked',
  'contractive',
  'nested-dropout',
  'hyperspherical',
  'distance-matching',
  'topological',
  'diffusion-net',
  'supervised',
  'conditional',
] as const;

export type ModelName = (typeof MODEL_NAMES)[number];
