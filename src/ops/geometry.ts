/** Hyperbolic geometry by model: `poincare.dist(x, y)`, `lorentz.dist(x, y)`. */
export * as lorentz from './lorentz.js';
export * as poincare from './poincare.js';
