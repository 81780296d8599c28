export { hyperbolicAttention } from './attention.js';
export type { AttentionOptions } from './attention.js';
export { hyperbolicGraphConvolution } from './graphConvolution.js';
export type { Adjacency, GraphConvolutionOptions } from './graphConvolution.js';
export { lorentzLinear, poincareLinear, tangentLinear } from './linear.js';
export { entailmentLoss, hybridContrastive, lsvmPlusPlus, ncutLoss } from './losses.js';
export type { HybridContrastiveOptions } from './losses.js';
export { lorentzMlr, poincareMlr } from './mlr.js';
