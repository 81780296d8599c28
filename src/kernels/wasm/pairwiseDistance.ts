import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { pairwiseDistanceSpec } from '../../specs/pairwiseDistance.js';
import type { PairwiseDistanceAttrs } from '../../specs/pairwiseDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { runDistances } from './distances.js';
import { fillOutputs, float32View, optionalFloat32View } from './heap.js';
import { withScratch } from './module.js';

function compute(
  call: KernelCall<'x' | 'y', PairwiseDistanceAttrs, BackendWasm, 'xAux' | 'yAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, n, d] = inputs.x.shape;
  const m = inputs.y.shape[1];
  const out = backend.makeOutput(outputs[0].shape, 'float32');
  return fillOutputs(backend, [out], () => {
    if (batch * n * m === 0) return;
    withScratch(pairwiseDistanceSpec.op, (scratch) => {
      const values = float32View(backend, out);
      let address = 0;
      runDistances(
        scratch,
        {
          form: attrs.form,
          x: float32View(backend, inputs.x),
          y: float32View(backend, inputs.y),
          xAux: optionalFloat32View(backend, inputs.xAux),
          yAux: optionalFloat32View(backend, inputs.yAux),
          batch,
          n,
          m,
          d,
        },
        {
          entry: 'pairwiseBlock',
          rowBytes: 4 * m,
          k: 0,
          selfOffset: undefined,
          place: (room, rows) => {
            address = room.allocate(4 * rows * m);
            return [address, 0];
          },
          take: (room, row, rows) => values.set(room.float32(address, rows * m), row * m),
        },
      );
    });
  });
}

export const pairwiseDistanceWasm = defineKernel(pairwiseDistanceSpec, 'wasm', compute);
