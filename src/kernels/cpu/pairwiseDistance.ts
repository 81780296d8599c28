import type { TensorInfo } from '@tensorflow/tfjs';
import { pairwiseDistanceSpec } from '../../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../../specs/pairwiseDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { float32Values, optionalValues } from './backend.js';
import type { CpuBackend } from './backend.js';
import { pointsPerBlock, rowMetric } from '../shared/metrics.js';

/** Differences in float64, whatever the mode. */
function compute(
  call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, CpuBackend, 'xAux' | 'yAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, n, d] = inputs.x.shape;
  const m = inputs.y.shape[1];
  const { ranks, finish } = rowMetric(
    attrs.form,
    d,
    { values: float32Values(backend, inputs.x), aux: optionalValues(backend, inputs.xAux) },
    { values: float32Values(backend, inputs.y), aux: optionalValues(backend, inputs.yAux) },
  );
  const out = new Float32Array(batch * n * m);
  const block = pointsPerBlock(d);
  const ranked = new Float64Array(block);
  for (let b = 0; b < batch; b++) {
    for (let first = 0; first < m; first += block) {
      const count = Math.min(block, m - first);
      for (let i = 0; i < n; i++) {
        ranks(b * n + i, b * m + first, count, ranked);
        const start = (b * n + i) * m + first;
        for (let t = 0; t < count; t++) out[start + t] = finish(ranked[t]);
      }
    }
  }
  return [backend.makeTensorInfo(outputs[0].shape, 'float32', out)];
}

export const pairwiseDistanceCpu = defineKernel(pairwiseDistanceSpec, 'cpu', compute);
