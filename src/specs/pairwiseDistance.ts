import type { MetricForm, Mode } from './metricForm.js';
import type { OpSpec } from './spec.js';

export interface PairwiseDistanceAttrs {
  readonly form: MetricForm;
  /** 'exact' and 'direct' compute differences; 'fast' may expand the square (moved to the mean of y). */
  readonly mode: Mode;
}

/**
 * Inputs x [B, n, d] and y [B, m, d], float32; for forms with scalars per row also xAux [B, n, aux] and
 * yAux [B, m, aux]. Output [B, n, m] float32.
 */
export const pairwiseDistanceSpec: OpSpec<'x' | 'y', PairwiseDistanceAttrs, 'xAux' | 'yAux'> = {
  op: 'pairwiseDistance',
  kernelName: 'LatentPairwiseDistance',
  inputs: ['x', 'y'],
  optional: ['xAux', 'yAux'],
  infer: ({ x, y }) => [{ shape: [x[0], x[1], y[1]], dtype: 'float32' }],
};
