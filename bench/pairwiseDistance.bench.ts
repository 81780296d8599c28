import { withComposedForms } from '../src/ops/dispatch.js';
import { pairwiseDistance } from '../src/ops/pairwiseDistance.js';
import { expandedSquares, normalTensor, SIZES } from './cases.js';
import { assertClose, awaited } from './harness.js';
import type { BenchCase } from './harness.js';

/** Cases of the pairwiseDistance suite, smallest first. */
export const cases: readonly BenchCase[] = SIZES.filter(({ m }) => m <= 4096).map(
  ({ n, m, d }) => ({
    suite: 'pairwiseDistance',
    name: `sqeuclidean n=${n} m=${m} d=${d}`,
    operations: 3 * n * m * d,
    prepare: () => {
      const x = normalTensor(n, d, 1);
      const y = normalTensor(m, d, 2);
      const ours = (): ReturnType<typeof pairwiseDistance> =>
        pairwiseDistance(x, y, { metric: 'sqeuclidean' });
      return {
        subjects: [
          { name: 'tfjs-latent', run: awaited(ours) },
          { name: 'composed form', run: awaited(() => withComposedForms(ours)) },
          { name: 'tfjs matMul expansion', run: awaited(() => expandedSquares(x, y)) },
        ],
        check: (results) => {
          const want = results.get('composed form') ?? [];
          assertClose('tfjs-latent', results.get('tfjs-latent') ?? [], want, 1e-5);
          // The expansion cancels: its error is relative to the norms, not to the distance.
          assertClose('expansion', results.get('tfjs matMul expansion') ?? [], want, 1e-4, d);
        },
        dispose: () => {
          x.dispose();
          y.dispose();
        },
      };
    },
  }),
);
