import type { TensorInfo } from '@tensorflow/tfjs';
import { knnSpec } from '../../specs/knn.js';
import type { KnnAttrs } from '../../specs/knn.js';
import { defineKernel } from '../../specs/spec.js';
import type { KernelCall } from '../../specs/spec.js';
import { float32Values, optionalValues } from './backend.js';
import type { CpuBackend } from './backend.js';
import { rowMetric } from './metrics.js';

/**
 * The k best of a stream of (rank, index) pairs that arrive by ascending index: sorted ascending, so a
 * new pair goes behind all equals and ties keep the lower index.
 */
class SortedBest {
  readonly ranks: Float64Array;
  readonly indices: Int32Array;
  private filled = 0;

  constructor(private readonly k: number) {
    this.ranks = new Float64Array(k);
    this.indices = new Int32Array(k);
  }

  clear(): void {
    this.filled = 0;
    this.ranks.fill(Infinity);
    this.indices.fill(-1);
  }

  offer(rank: number, index: number): void {
    if (Number.isNaN(rank)) return;
    if (this.filled === this.k && rank >= this.ranks[this.k - 1]) return;
    let low = 0;
    let high = this.filled;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ranks[middle] <= rank) low = middle + 1;
      else high = middle;
    }
    const end = Math.min(this.filled, this.k - 1);
    this.ranks.copyWithin(low + 1, low, end);
    this.indices.copyWithin(low + 1, low, end);
    this.ranks[low] = rank;
    this.indices[low] = index;
    if (this.filled < this.k) this.filled++;
  }
}

function compute(
  call: KernelCall<'queries' | 'points', KnnAttrs, CpuBackend, 'queryAux' | 'pointAux'>,
): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, q, d] = inputs.queries.shape;
  const n = inputs.points.shape[1];
  const { k, selfOffset } = attrs;
  const { rank, finish } = rowMetric(
    attrs.form,
    d,
    {
      values: float32Values(backend, inputs.queries),
      aux: optionalValues(backend, inputs.queryAux),
    },
    {
      values: float32Values(backend, inputs.points),
      aux: optionalValues(backend, inputs.pointAux),
    },
  );
  const distances = new Float32Array(batch * q * k);
  const indices = new Int32Array(batch * q * k);
  const best = new SortedBest(k);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < q; i++) {
      const excluded = selfOffset === undefined ? -1 : i + selfOffset;
      best.clear();
      for (let j = 0; j < n; j++) {
        if (j === excluded) continue;
        best.offer(rank(b * q + i, b * n + j), j);
      }
      const out = (b * q + i) * k;
      indices.set(best.indices, out);
      for (let slot = 0; slot < k; slot++) distances[out + slot] = finish(best.ranks[slot]);
    }
  }
  return [
    backend.makeTensorInfo(outputs[0].shape, 'float32', distances),
    backend.makeTensorInfo(outputs[1].shape, 'int32', indices),
  ];
}

export const knnCpu = defineKernel(knnSpec, 'cpu', compute);
