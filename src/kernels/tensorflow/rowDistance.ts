import type { TensorInfo } from '@tensorflow/tfjs';
import { rowDistanceSpec } from '../../specs/rowDistance.js';
import type { RowDistanceAttrs } from '../../specs/rowDistance.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { finishRanks, rankPairs } from './measure.js';
import type { Side } from './measure.js';
import { withOps } from './ops.js';
import type { Handle, TensorflowBackend } from './ops.js';
import { rowsOf } from './pairs.js';

/** Differences in float64, in blocks of rows. */
function compute(
  call: KernelCall<'x' | 'y', RowDistanceAttrs, TensorflowBackend, 'xAux' | 'yAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const { form } = attrs;
  const [n, d] = inputs.x.shape;
  return withOps(rowDistanceSpec.op, backend, (ops) => {
    if (n === 0) return [ops.output(ops.floats(new Float32Array(0), [0]), outputs[0].shape)];
    const x = { rows: ops.input(inputs.x), aux: inputs.xAux && ops.input(inputs.xAux) };
    const y = { rows: ops.input(inputs.y), aux: inputs.yAux && ops.input(inputs.yAux) };
    const rows = Math.max(1, Math.floor(ops.slab / Math.max(1, d)));
    const parts: Handle[] = [];
    for (let first = 0; first < n; first += rows) {
      const [part] = ops.step((inner) => {
        const some = (side: Side): Side => {
          const { rows: values, aux } = rowsOf(inner, side, first, Math.min(rows, n - first));
          return {
            rows: inner.cast(values, 'float64'),
            aux: aux && inner.cast(aux, 'float64'),
          };
        };
        const ranks = rankPairs(inner, form, some(x), some(y));
        return [inner.cast(finishRanks(inner, form, ranks), 'float32')];
      });
      parts.push(part);
    }
    return [ops.output(ops.concat(parts, 0), outputs[0].shape)];
  });
}

export const rowDistanceTensorflow = defineKernel(rowDistanceSpec, 'tensorflow', compute);
