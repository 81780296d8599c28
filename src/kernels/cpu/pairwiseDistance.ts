import type { TensorInfo } from '@tensorflow/tfjs';
import { pairwiseDistanceSpec } from '../../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../../specs/pairwiseDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { float32Values, optionalValues } from './backend.js';
import type { CpuBackend } from './backend.js';
import { rowMetric } from './metrics.js';

function compute(
  call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, CpuBackend, 'xAux' | 'yAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, n, d] = inputs.x.shape;
  const m = inputs.y.shape[1];
  const { rank, finish } = rowMetric(
    attrs.form,
    d,
    { values: float32Values(backend, inputs.x), aux: optionalValues(backend, inputs.xAux) },
    { values: float32Values(backend, inputs.y), aux: optionalValues(backend, inputs.yAux) },
  );
  const out = new Float32Array(batch * n * m);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < m; j++) {
        out[(b * n + i) * m + j] = finish(rank(b * n + i, b * m + j));
      }
    }
  }
  return [backend.makeTensorInfo(outputs[0].shape, 'float32', out)];
}

export const pairwiseDistanceCpu = defineKernel(pairwiseDistanceSpec, 'cpu', compute);
