import type { TensorInfo } from '@tensorflow/tfjs';
import { isSimilarity } from '../../specs/metricForm.js';
import { knnSpec } from '../../specs/knn.js';
import type { KnnCall } from '../../specs/knn.js';
import { defineKernel } from '../../specs/spec.js';
import { float32Values, optionalIntegers, optionalValues } from './backend.js';
import type { CpuBackend } from './backend.js';
import { isAllowed } from '../shared/masks.js';
import type { Masks } from '../shared/masks.js';
import { pointsPerBlock, rowMetric } from '../shared/metrics.js';
import { Nearest } from '../shared/nearest.js';

/** Queries that share one walk over the points: few, so that memory stays O(k). */
const QUERIES = 8;

type Call = KnnCall<CpuBackend>;

function masksOf({ inputs, attrs, backend }: Call): Masks {
  const [allowedBatch, allowedQueries, words] = inputs.allowed?.shape ?? [0, 0, 0];
  return {
    selfOffset: attrs.selfOffset,
    allowed: optionalIntegers(backend, inputs.allowed),
    allowedBatch,
    allowedQueries,
    words,
    queryGroups: optionalIntegers(backend, inputs.queryGroups),
    pointGroups: optionalIntegers(backend, inputs.pointGroups),
  };
}

/** All modes are exact here: ranks are float64, and neighbours are ordered by the rounded distance. */
function compute(call: Call): TensorInfo[] {
  const { inputs, attrs, backend, outputs } = call;
  const [batch, q, d] = inputs.queries.shape;
  const n = inputs.points.shape[1];
  const { k, form } = attrs;
  const masks = masksOf(call);
  const metric = rowMetric(
    form,
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
  const similar = isSimilarity(form);
  // A similarity is ordered by its negative, which is what its rank is.
  const keyOf = similar ? (rank: number): number => rank : metric.finish;
  const searches = Array.from({ length: Math.min(QUERIES, q) }, () => new Nearest(k, keyOf));
  const keys = new Float32Array(batch * q * k);
  const indices = new Int32Array(batch * q * k);
  const block = pointsPerBlock(d);
  const ranks = new Float64Array(block);

  for (let b = 0; b < batch; b++) {
    for (let i0 = 0; i0 < q; i0 += QUERIES) {
      const rows = Math.min(QUERIES, q - i0);
      for (let j0 = 0; j0 < n; j0 += block) {
        const count = Math.min(block, n - j0);
        for (let row = 0; row < rows; row++) {
          const i = i0 + row;
          const nearest = searches[row];
          metric.ranks(b * q + i, b * n + j0, count, ranks);
          for (let t = 0; t < count; t++) {
            // Most points fail the first test, so masks cost little.
            if (nearest.mayEnter(ranks[t]) && isAllowed(masks, b, i, j0 + t, q, n)) {
              nearest.offer(ranks[t], j0 + t);
            }
          }
        }
      }
      for (let row = 0; row < rows; row++) {
        searches[row].drain(keys, indices, (b * q + i0 + row) * k);
      }
    }
  }
  if (similar) keys.forEach((key, slot) => (keys[slot] = 0 - key));
  return [
    backend.makeTensorInfo(outputs[0].shape, 'float32', keys),
    backend.makeTensorInfo(outputs[1].shape, 'int32', indices),
  ];
}

export const knnCpu = defineKernel(knnSpec, 'cpu', compute);
