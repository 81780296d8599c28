export { RiemannianAdam } from './riemannianAdam.js';
export type { RiemannianAdamOptions } from './riemannianAdam.js';
export { RiemannianOptimizer } from './riemannianOptimizer.js';
export type { NamedTensor, RiemannianOptions } from './riemannianOptimizer.js';
export { RiemannianSgd } from './riemannianSgd.js';
export type { RiemannianSgdOptions } from './riemannianSgd.js';
