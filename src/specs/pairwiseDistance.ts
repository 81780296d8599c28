import type { Metric } from './metric.js';
import type { OpSpec } from './spec.js';

export interface PairwiseDistanceAttrs {
  readonly metric: Metric;
}

/** Inputs x [B, n, d] and y [B, m, d], float32; output [B, n, m] float32. */
export const pairwiseDistanceSpec: OpSpec<'x' | 'y', PairwiseDistanceAttrs> = {
  op: 'pairwiseDistance',
  kernelName: 'LatentPairwiseDistance',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => [{ shape: [x[0], x[1], y[1]], dtype: 'float32' }],
};
