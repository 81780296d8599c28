import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { knnSpec } from '../../specs/knn.js';
import type { KnnAttrs } from '../../specs/knn.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { runDistances } from './distances.js';
import type { DistanceMasks } from './distances.js';
import { fillOutputs, float32View, int32View, optionalFloat32View } from './heap.js';
import { withScratch } from './module.js';

type Call = KernelCall<
  'queries' | 'points',
  KnnAttrs,
  BackendWasm,
  'queryAux' | 'pointAux' | 'allowed' | 'queryGroups' | 'pointGroups'
>;

function masksOf({ inputs, backend }: Call): DistanceMasks {
  const { allowed, queryGroups, pointGroups } = inputs;
  return {
    allowed:
      allowed === undefined
        ? undefined
        : {
            words: int32View(backend, allowed),
            batches: allowed.shape[0],
            rows: allowed.shape[1],
          },
    groups:
      queryGroups === undefined || pointGroups === undefined
        ? undefined
        : { x: int32View(backend, queryGroups), y: int32View(backend, pointGroups) },
  };
}

function compute(call: Call): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, n, d] = inputs.queries.shape;
  const m = inputs.points.shape[1];
  const { k, form, selfOffset } = attrs;
  const distances = backend.makeOutput(outputs[0].shape, 'float32');
  const indices = backend.makeOutput(outputs[1].shape, 'int32');
  return fillOutputs(backend, [distances, indices], () => {
    if (batch * n * k === 0) return;
    withScratch(knnSpec.op, (scratch) => {
      const outDistances = float32View(backend, distances);
      const outIndices = int32View(backend, indices);
      let places: readonly [number, number] = [0, 0];
      runDistances(
        scratch,
        {
          form,
          x: float32View(backend, inputs.queries),
          y: float32View(backend, inputs.points),
          xAux: optionalFloat32View(backend, inputs.queryAux),
          yAux: optionalFloat32View(backend, inputs.pointAux),
          masks: masksOf(call),
          batch,
          n,
          m,
          d,
        },
        {
          entry: 'knnBlock',
          rowBytes: 8 * k,
          k,
          selfOffset,
          place: (room, rows) => {
            places = [room.allocate(4 * rows * k), room.allocate(4 * rows * k)];
            return places;
          },
          take: (room, row, rows) => {
            outDistances.set(room.float32(places[0], rows * k), row * k);
            outIndices.set(room.int32(places[1], rows * k), row * k);
          },
        },
      );
    });
  });
}

export const knnWasm = defineKernel(knnSpec, 'wasm', compute);
