import type { TensorInfo } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { isSimilarity } from '../../specs/metricForm.js';
import { knnSpec } from '../../specs/knn.js';
import { defineKernel } from '../../specs/spec.js';
import { sizeOf } from '../../util/shape.js';
import { KnnBlock } from './knnBlock.js';
import { planKnn } from './knnPlan.js';
import type { DeviceFacts } from './knnPlan.js';
import { KnnPrograms } from './knnPrograms.js';
import type { KnnCall } from './knnCall.js';
import { isSoftwareDevice } from './limits.js';
import { DeviceWork } from './ownPipelines.js';
import { subgroupsOf } from './subgroups.js';

export function factsOf({ device }: WebGPUBackend): DeviceFacts {
  const { limits } = device;
  return {
    maxBinding: limits.maxStorageBufferBindingSize,
    maxWorkgroups: limits.maxComputeWorkgroupsPerDimension,
    software: isSoftwareDevice(device),
    subgroups: subgroupsOf(device),
  };
}

/** Outputs of a search that finds nothing because there are no points. */
function emptyOutputs({ attrs, backend, outputs }: KnnCall): TensorInfo[] {
  const size = sizeOf(outputs[0].shape);
  const distance = isSimilarity(attrs.form) ? -Infinity : Infinity;
  return [
    backend.makeTensorInfo(outputs[0].shape, 'float32', new Float32Array(size).fill(distance)),
    backend.makeTensorInfo(outputs[1].shape, 'int32', new Int32Array(size).fill(-1)),
  ];
}

/** Dispatches of the last search: what tests and benchmarks report. */
export const lastSearch = { dispatches: 0 };

/** The kernel on a device of which these are the facts. */
export function knnWith(call: KnnCall, facts: DeviceFacts): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, q, d] = inputs.queries.shape;
  const n = inputs.points.shape[1];
  if (sizeOf(outputs[0].shape) === 0 || n === 0) return emptyOutputs(call);
  const { k, form, mode } = attrs;
  const [, allowedRows = 0, words = 0] = inputs.allowed?.shape ?? [];
  const allowedWords = allowedRows > 1 ? words : 0;
  const plan = planKnn({ batch, q, n, d, k, form, mode, allowedWords }, facts);
  const masks = {
    self: attrs.selfOffset !== undefined,
    allowed: inputs.allowed !== undefined,
    groups: inputs.queryGroups !== undefined && inputs.pointGroups !== undefined,
  };
  const programs = new KnnPrograms({ form, plan, masks, aligned: d > 0 && d % 4 === 0 });
  const results = outputs.map(({ shape, dtype }) => backend.makeTensorInfo(shape, dtype));
  const given = Object.values<TensorInfo>(inputs);
  const work = new DeviceWork(backend, knnSpec.op, given, results);
  for (let b = 0; b < batch; b += plan.batchesPerBlock) {
    const batches = Math.min(plan.batchesPerBlock, batch - b);
    for (let i = 0; i < q; i += plan.rowsPerBlock) {
      const rowsPerBatch = Math.min(plan.rowsPerBlock, q - i);
      const place = { firstBatch: b, batches, firstRow: i, rowsPerBatch };
      new KnnBlock(call, results, plan, programs, work, place).record();
      work.submit();
    }
  }
  work.release();
  lastSearch.dispatches = work.dispatched;
  return results;
}

export const knnWebgpu = defineKernel(knnSpec, 'webgpu', (call: KnnCall) =>
  knnWith(call, factsOf(call.backend)),
);
