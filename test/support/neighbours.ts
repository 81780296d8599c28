import * as tf from '@tensorflow/tfjs';
import { knn } from '../../src/ops/knn.js';
import type { KnnOptions, KnnResult } from '../../src/ops/knn.js';
import { referenceKnn } from '../reference/knn.js';
import type { ReferenceKnnOptions } from '../reference/knn.js';
import type { Matrix } from './arbitraries.js';
import type { BackendContext } from './backends.js';
import { expectQuasiNeighbours, expectSameNeighbours } from './compare.js';
import type { MetricCase } from './metricCases.js';
import { optionsOf } from './metricCases.js';

/** Neighbours read from a device, one row of k after the other. */
export interface FoundNeighbours {
  readonly distances: Float32Array;
  readonly indices: Int32Array;
}

/** Read and dispose of the result of a search. */
export async function readNeighbours({ distances, indices }: KnnResult): Promise<FoundNeighbours> {
  const found = {
    distances: (await distances.data()) as Float32Array,
    indices: (await indices.data()) as Int32Array,
  };
  tf.dispose([distances, indices]);
  return found;
}

/** Search in the form of a context. */
export function findNeighbours(
  { run }: BackendContext,
  queries: Matrix | tf.Tensor,
  points: Matrix | tf.Tensor,
  k: number,
  options: KnnOptions = {},
): Promise<FoundNeighbours> {
  return readNeighbours(run(() => knn(queries, points, k, options)));
}

/** Shape [rows, d] also where there are no rows. */
export const matrix = (rows: Matrix, d: number): tf.Tensor2D =>
  tf.tensor2d(rows.flat(), [rows.length, d]);

/**
 * Search with a metric and compare with the oracle: to the bit where a kernel searches exactly with a
 * metric that allows it, else up to rounding.
 */
export async function expectOracleNeighbours(
  context: BackendContext,
  metricCase: MetricCase,
  queries: Matrix,
  points: Matrix,
  k: number,
  options: KnnOptions = {},
  reference: ReferenceKnnOptions = {},
): Promise<void> {
  const d = points.length === 0 ? 0 : points[0].length;
  const inputs = [matrix(queries, d), matrix(points, d)];
  const all = { ...optionsOf(metricCase, d), ...options };
  const got = await findNeighbours(context, inputs[0], inputs[1], k, all);
  tf.dispose(inputs);
  const parameters = metricCase.parameters(d);
  const ranking = referenceKnn(metricCase.metric, queries, points, Math.max(k, points.length), {
    parameters,
    ...reference,
  });
  const { mode = 'exact' } = options;
  if (context.form === 'kernel' && metricCase.exact && mode === 'exact') {
    expectSameNeighbours(
      got,
      ranking.map(({ distances, indices }) => ({
        distances: distances.slice(0, k),
        indices: indices.slice(0, k),
      })),
    );
  } else {
    const scale = metricCase.scale(queries, points);
    expectQuasiNeighbours(got, ranking, k, metricCase.tolerance, scale);
  }
}
