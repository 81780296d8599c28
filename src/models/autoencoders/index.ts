/** Autoencoders on the shared base; see docs/autoencoders.md for which one when. */
export { ConditionalAutoencoder } from './conditional.js';
export type { ConditionalConfig, ConditionalConfigInput } from './conditional.js';
export { ContractiveAutoencoder } from './contractive.js';
export type { ContractiveConfig, ContractiveConfigInput } from './contractive.js';
export { DenoisingAutoencoder } from './denoising.js';
export type { DenoisingConfig, DenoisingConfigInput } from './denoising.js';
export { DiffusionNet } from './diffusionNet.js';
export type { DiffusionNetConfig, DiffusionNetConfigInput, OutlierScores } from './diffusionNet.js';
export { DistanceMatchingAutoencoder, TopologicalAutoencoder } from './geometric.js';
export type {
  DistanceMatchingConfig,
  DistanceMatchingConfigInput,
  TopologicalConfig,
  TopologicalConfigInput,
} from './geometric.js';
export { HypersphericalAutoencoder } from './hyperspherical.js';
export type { HypersphericalConfig, HypersphericalConfigInput } from './hyperspherical.js';
export { Irmae, Lorae } from './lowRank.js';
export type { IrmaeConfig, IrmaeConfigInput, LoraeConfig, LoraeConfigInput } from './lowRank.js';
export { MaskedAutoencoder } from './masked.js';
export type { MaskedConfig, MaskedConfigInput } from './masked.js';
export { NestedDropoutAutoencoder } from './nested.js';
export type { NestedDropoutConfig, NestedDropoutConfigInput } from './nested.js';
export { SupervisedAutoencoder } from './supervised.js';
export type { SupervisedConfig, SupervisedConfigInput } from './supervised.js';
export { VariationalAutoencoder } from './variational.js';
export type { VariationalConfig, VariationalConfigInput } from './variational.js';
