import * as tf from '@tensorflow/tfjs';
import { withComposedForms } from '../src/ops/dispatch.js';
import { knn } from '../src/ops/knn.js';
import { expandedSquares, normalTensor, SIZES } from './cases.js';
import { assertClose, awaited } from './harness.js';
import type { BenchCase } from './harness.js';

/** Cases of the knn suite, smallest first. */
export const cases: readonly BenchCase[] = SIZES.map(({ n, m, d, k }) => ({
  suite: 'knn',
  name: `euclidean q=${n} n=${m} d=${d} k=${k}`,
  operations: 3 * n * m * d,
  prepare: () => {
    const queries = normalTensor(n, d, 1);
    const points = normalTensor(m, d, 2);
    const ours = (): tf.Tensor => knn(queries, points, k).distances;
    return {
      subjects: [
        { name: 'tfjs-latent', run: awaited(ours) },
        // The oracle of the check; at the largest size it takes minutes and matMul + topk stands in.
        ...(n * m * d > 5e8
          ? []
          : [{ name: 'composed form', run: awaited(() => withComposedForms(ours)) }]),
        {
          name: 'tfjs matMul + topk',
          run: awaited(() =>
            tf.sqrt(tf.neg(tf.topk(tf.neg(expandedSquares(queries, points)), k).values)),
          ),
        },
      ],
      check: (results) => {
        const composed = results.get('composed form');
        const want = composed ?? results.get('tfjs-latent') ?? [];
        if (composed !== undefined) {
          assertClose('tfjs-latent', results.get('tfjs-latent') ?? [], want, 1e-5);
        }
        assertClose('matMul + topk', results.get('tfjs matMul + topk') ?? [], want, 1e-3, 1);
      },
      dispose: () => {
        queries.dispose();
        points.dispose();
      },
    };
  },
}));
