import type * as tf from '@tensorflow/tfjs';
import { KnnIndex } from '../src/neighbors/index.js';
import { knn } from '../src/ops/knn.js';
import { trueNeighbours } from './check.js';
import { tensorOf, uniformRows } from './data.js';
import type { BenchCase, Place, PreparedCase } from './harness.js';
import { searchWork, shapeName, tensorSubject } from './knnCase.js';
import type { KnnShape, Search } from './knnCase.js';

const SHAPES: readonly (KnnShape & { readonly gpu?: true })[] = [
  { q: 1, n: 100_000, d: 128, k: 10 },
  { q: 16, n: 100_000, d: 128, k: 10 },
  { q: 256, n: 100_000, d: 128, k: 10 },
  { q: 8, n: 1_000_000, d: 128, k: 10, gpu: true },
];

function prepare({ q, n, d, k }: KnnShape): PreparedCase {
  const [queries, points] = [uniformRows(q, d, 1), uniformRows(n, d, 2)];
  const want = trueNeighbours(queries, points, k);
  const pointTensor = tensorOf(points);
  const index = new KnnIndex();
  // Rows are taken over when the first search runs; the call itself ends at once.
  const filled = index.add(pointTensor);
  const indexed: Search = (rows) => {
    const { distances, indices } = index.search(rows, k);
    return { distances, indices };
  };
  const once: Search = (rows: tf.Tensor2D) => {
    const { distances, indices } = knn(rows, pointTensor, k);
    return { distances, indices };
  };
  const options = { mayShorten: false, exact: true, want };
  const resident = tensorSubject('KnnIndex.search', queries, indexed, options);
  const again = tensorSubject('knn, points anew each time', queries, once, options);
  return {
    subjects: [
      {
        ...resident,
        check: async () => {
          await filled;
          await resident.check();
        },
      },
      again,
    ],
    dispose: () => {
      resident.dispose();
      again.dispose();
      index.dispose();
      pointTensor.dispose();
    },
  };
}

/** Points that stay on the device with what the kernels derive from them. */
export function residentCases(): BenchCase[] {
  return SHAPES.map((shape) => ({
    suite: 'resident',
    name: shapeName(shape),
    ...searchWork(shape),
    fast: shape.q === 16,
    obstacle: ({ device }: Place) =>
      shape.gpu && device !== 'gpu' ? 'made for a real GPU' : undefined,
    prepare: () => prepare(shape),
  }));
}
