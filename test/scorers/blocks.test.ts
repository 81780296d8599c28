import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { SLAB_ELEMENTS } from '../../src/numerics.js';
import { forBlocks, mapBlocks } from '../../src/scorers/blocks.js';
import { scorers } from '../../src/scorers/index.js';
import { describeOnBackends } from '../neighbors/onBackends.js';
import * as reference from '../reference/scorers.js';
import { normalRows } from '../support/arbitraries.js';
import { expectNoLeak } from '../support/leaks.js';
import { expectScores, scored, world } from './cases.js';

const rows = { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), count: 5, rowShape: [2] };

describeOnBackends('blocks', () => {
  it('cut rows so that the widest temporary fits, and join what they give', async () => {
    const starts: number[] = [];
    await expectNoLeak(async () => {
      await forBlocks(
        rows,
        SLAB_ELEMENTS / 2,
        (block, start) => [block.square(), tf.scalar(start, 'int32')],
        ([squares, start], from) => {
          expect(start[0]).toBe(from);
          expect(Array.from(squares)[0]).toBe(rows.data[2 * from] ** 2);
          starts.push(from);
        },
      );
    });
    expect(starts).toEqual([0, 2, 4]);
    const sums = await mapBlocks(rows, 1, SLAB_ELEMENTS, (block) => block.sum(1));
    expect(Array.from(sums)).toEqual([3, 7, 11, 15, 19]);
  });
});

describe('scores over several blocks', () => {
  it('a bank searched in two blocks leaves out its own rows in both', async () => {
    // n k = 2100 * 2099 is more than one block.
    const n = 2100;
    const features = normalRows(n, 2, 1);
    const queries = normalRows(3, 2, 2, 3);
    const want = queries.map(reference.lof(features, n - 1));
    expect(n * (n - 1)).toBeGreaterThan(SLAB_ELEMENTS);
    expectScores(
      await scored(scorers.lof({ k: n - 1 }), { features }, { features: queries }),
      want,
    );
  });

  it('a tensor, nested arrays and host rows give the same bits', async () => {
    const w = world();
    const scorer = await scorers.mahalanobis().fit(w);
    const data = Float32Array.from(w.near.flat());
    const tensor = tf.tensor2d(w.near);
    const want = await scorer.score({ features: w.near });
    expect(await scorer.score({ features: tensor })).toEqual(want);
    expect(await scorer.score({ features: { data, count: 8, rowShape: [6] } })).toEqual(want);
    expect(tensor.isDisposed).toBe(false);
    tensor.dispose();
    scorer.dispose();
  });
});
