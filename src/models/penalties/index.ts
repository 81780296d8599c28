/** Parts of losses, and what changes latents on the way to the decoder. */
export { nestedDropout } from '../layers/nestedDropout.js';
export type { LayerChain } from '../layers/tangents.js';
export { unitSphere } from '../layers/unitSphere.js';
export { distanceMatching } from './distanceMatching.js';
export { gaussianDivergence } from './gaussianDivergence.js';
export { jacobianPenalty } from './jacobianPenalty.js';
export type { JacobianProbes } from './jacobianPenalty.js';
export { nuclearNorm } from './nuclearNorm.js';
export { topologicalLoss } from './topologicalLoss.js';
