export { measureScaler, scaleRows, unscaleRows } from '../layers/scaler.js';
export type { Scaler } from '../layers/scaler.js';
