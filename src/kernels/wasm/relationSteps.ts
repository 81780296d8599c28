import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { relationStepsSpec } from '../../specs/relationSteps.js';
import type { RelationStepsCall } from '../../specs/relationSteps.js';
import { defineKernel } from '../../specs/spec.js';
import { relationStepsOnHost } from '../shared/relationSteps.js';
import { fillOutputs, float32View, int32View, optionalFloat32View } from './heap.js';

/**
 * The host's loop over tfjs's own heap. Threads do not help: batches follow from each other, and one
 * holds too little work to share.
 */
function compute({
  inputs,
  attrs,
  backend,
  outputs,
}: RelationStepsCall<BackendWasm>): TensorInfo[] {
  const [rows, features] = inputs.table.shape;
  const made = outputs.map(({ shape, dtype }) => backend.makeOutput(shape, dtype));
  return fillOutputs(backend, made, () => {
    const table = float32View(backend, made[0]);
    table.set(float32View(backend, inputs.table));
    const data = {
      table,
      rows,
      features,
      relations: int32View(backend, inputs.relations),
      offsets: int32View(backend, inputs.offsets),
      neighbors: int32View(backend, inputs.neighbors),
      probability: optionalFloat32View(backend, inputs.probability),
      alias: inputs.alias && int32View(backend, inputs.alias),
    };
    relationStepsOnHost(data, attrs, float32View(backend, made[1]));
  });
}

export const relationStepsWasm = defineKernel(relationStepsSpec, 'wasm', compute);
