/** From scores to decisions with a guarantee: p-values, selections, thresholds, alarms on streams. */
export type { BetName } from './bets.js';
export { combinePValues } from './combinePValues.js';
export type { Combination, CombineInput } from './combinePValues.js';
export { ConformalMartingale } from './conformalMartingale.js';
export type { MartingaleOptions, MartingaleStep } from './conformalMartingale.js';
export { conformalPValues } from './conformalPValues.js';
export type { TieOptions } from './conformalPValues.js';
export { benjaminiHochberg, benjaminiYekutieli } from './falseDiscovery.js';
export type { Discoveries } from './falseDiscovery.js';
export type { MartingaleConfig, MartingaleState } from './martingaleState.js';
export { thresholdAtTpr, tprLowerBound } from './threshold.js';
export type { ThresholdOptions, TprThreshold } from './threshold.js';
