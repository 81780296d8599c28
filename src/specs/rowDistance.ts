import type { MetricForm } from './metricForm.js';
import type { OpSpec } from './spec.js';

export interface RowDistanceAttrs {
  readonly form: MetricForm;
}

/**
 * Distance of row i of x to row i of y. Inputs x [n, d] and y [n, d], float32; for forms with scalars
 * per row also xAux [n, aux] and yAux [n, aux]. Output [n] float32.
 */
export const rowDistanceSpec: OpSpec<'x' | 'y', RowDistanceAttrs, 'xAux' | 'yAux'> = {
  op: 'rowDistance',
  kernelName: 'LatentRowDistance',
  inputs: ['x', 'y'],
  optional: ['xAux', 'yAux'],
  infer: ({ x }) => [{ shape: [x[0]], dtype: 'float32' }],
};
