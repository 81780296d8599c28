import type { TensorInfo } from '@tensorflow/tfjs';
import { pairwiseDistanceSpec } from '../../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../../specs/pairwiseDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { float32Values } from './backend.js';
import type { CpuBackend } from './backend.js';
import { ROW_METRICS } from './metrics.js';

function compute(call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, CpuBackend>): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, n, d] = inputs.x.shape;
  const m = inputs.y.shape[1];
  const x = float32Values(backend, inputs.x);
  const y = float32Values(backend, inputs.y);
  const { rank, finish } = ROW_METRICS[attrs.metric];
  const out = new Float32Array(batch * n * m);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < n; i++) {
      const xStart = (b * n + i) * d;
      for (let j = 0; j < m; j++) {
        out[(b * n + i) * m + j] = finish(rank(x, xStart, y, (b * m + j) * d, d));
      }
    }
  }
  return [backend.makeTensorInfo(outputs[0].shape, 'float32', out)];
}

export const pairwiseDistanceCpu = defineKernel(pairwiseDistanceSpec, 'cpu', compute);
