import type { TensorInfo } from '@tensorflow/tfjs';
import { relationStepsSpec } from '../../specs/relationSteps.js';
import type { RelationStepsCall } from '../../specs/relationSteps.js';
import { defineKernel } from '../../specs/spec.js';
import { relationStepsOnHost } from '../shared/relationSteps.js';
import { withOps } from './ops.js';
import type { TensorflowBackend } from './ops.js';

/**
 * The host's loop. Batches are small and follow from each other: as TensorFlow ops each would cost some
 * sixty calls, far more than its arithmetic. So the table comes to the host once a call, also from a GPU.
 */
function compute({
  inputs,
  attrs,
  backend,
  outputs,
}: RelationStepsCall<TensorflowBackend>): TensorInfo[] {
  const [rows, features] = inputs.table.shape;
  return withOps(relationStepsSpec.op, backend, (ops) => {
    const floats = (info: TensorInfo): Float32Array => {
      const values = ops.values(ops.input(info));
      if (!(values instanceof Float32Array)) throw new TypeError('values are not float32');
      return values;
    };
    const integers = (info: TensorInfo): Int32Array => {
      const values = ops.values(ops.input(info));
      if (!(values instanceof Int32Array)) throw new TypeError('values are not int32');
      return values;
    };
    const table = floats(inputs.table).slice();
    const losses = new Float32Array(outputs[1].shape[0]);
    const data = {
      table,
      rows,
      features,
      relations: integers(inputs.relations),
      offsets: integers(inputs.offsets),
      neighbors: integers(inputs.neighbors),
      probability: inputs.probability && floats(inputs.probability),
      alias: inputs.alias && integers(inputs.alias),
    };
    relationStepsOnHost(data, attrs, losses);
    return [table, losses].map((values, i) =>
      ops.output(ops.floats(values, outputs[i].shape), outputs[i].shape),
    );
  });
}

export const relationStepsTensorflow = defineKernel(relationStepsSpec, 'tensorflow', compute);
