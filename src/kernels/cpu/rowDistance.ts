import type { TensorInfo } from '@tensorflow/tfjs';
import { rowDistanceSpec } from '../../specs/rowDistance.js';
import type { RowDistanceAttrs } from '../../specs/rowDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { float32Values, optionalValues } from './backend.js';
import type { CpuBackend } from './backend.js';
import { rowMetric } from '../shared/metrics.js';

function compute(
  call: KernelCall<'x' | 'y', RowDistanceAttrs, CpuBackend, 'xAux' | 'yAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [n, d] = inputs.x.shape;
  const { ranks, finish } = rowMetric(
    attrs.form,
    d,
    { values: float32Values(backend, inputs.x), aux: optionalValues(backend, inputs.xAux) },
    { values: float32Values(backend, inputs.y), aux: optionalValues(backend, inputs.yAux) },
  );
  const out = new Float32Array(n);
  const rank = new Float64Array(1);
  for (let i = 0; i < n; i++) {
    ranks(i, i, 1, rank);
    out[i] = finish(rank[0]);
  }
  return [backend.makeTensorInfo(outputs[0].shape, 'float32', out)];
}

export const rowDistanceCpu = defineKernel(rowDistanceSpec, 'cpu', compute);
