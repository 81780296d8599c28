import type { TensorInfo } from '@tensorflow/tfjs';
import { relationStepsSpec } from '../../specs/relationSteps.js';
import type { RelationStepsCall } from '../../specs/relationSteps.js';
import { defineKernel } from '../../specs/spec.js';
import { relationStepsOnHost } from '../shared/relationSteps.js';
import { float32Values, int32Values, optionalIntegers, optionalValues } from './backend.js';
import type { CpuBackend } from './backend.js';

function compute({ inputs, attrs, backend, outputs }: RelationStepsCall<CpuBackend>): TensorInfo[] {
  const [rows, features] = inputs.table.shape;
  const table = float32Values(backend, inputs.table).slice();
  const losses = new Float32Array(outputs[1].shape[0]);
  const data = {
    table,
    rows,
    features,
    relations: int32Values(backend, inputs.relations),
    offsets: int32Values(backend, inputs.offsets),
    neighbors: int32Values(backend, inputs.neighbors),
    probability: optionalValues(backend, inputs.probability),
    alias: optionalIntegers(backend, inputs.alias),
  };
  relationStepsOnHost(data, attrs, losses);
  return [
    backend.makeTensorInfo(outputs[0].shape, 'float32', table),
    backend.makeTensorInfo(outputs[1].shape, 'float32', losses),
  ];
}

export const relationStepsCpu = defineKernel(relationStepsSpec, 'cpu', compute);
