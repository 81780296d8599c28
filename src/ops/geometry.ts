/** Curved spaces by model: `poincare.dist(x, y)`, `lorentz.dist(x, y)`. */
export * as halfSpace from './halfSpace.js';
export * as klein from './klein.js';
export * as logPolar from './logPolar.js';
export * as lorentz from './lorentz.js';
export * as poincare from './poincare.js';
export * as sphere from './sphere.js';
export * as stereographic from './stereographic.js';
