import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { prepareMasks, unpackMask } from '../../src/ops/masks.js';
import { Rng } from '../../src/util/rng.js';
import { packBits, unpackBits } from '../../src/util/bits.js';
import { describeOp } from '../support/backends.js';

const sizesOf = (
  q: number,
  n: number,
  batchShape: readonly number[] = [],
): Parameters<typeof prepareMasks>[2] => ({ batchShape, q, n });

describeOp('knn', ({ run }) => {
  const randomBits = (count: number, seed: number): number[] => {
    const rng = new Rng(seed);
    return Array.from({ length: count }, () => rng.int(2));
  };

  it('packs a bool mask into the words of packBits, round the ends of words', async () => {
    for (const n of [1, 24, 25, 31, 32, 33, 63, 64, 65, 200]) {
      const bits = randomBits(n, n);
      bits[n - 1] = 1;
      const words = run(() =>
        tf.tidy(
          () => prepareMasks('test', { allowed: tf.tensor1d(bits, 'bool') }, sizesOf(3, n)).allowed,
        ),
      );
      expect(words?.shape).toEqual([1, 1, Math.ceil(n / 16)]);
      expect(words?.dtype).toBe('int32');
      expect([...((await words?.data()) ?? [])]).toEqual([...packBits(bits)]);
      words?.dispose();
    }
  });

  it('unpacks words into the bools that they were packed from', async () => {
    for (const n of [1, 31, 32, 33, 100]) {
      const bits = randomBits(2 * n, n + 1);
      const rows = [bits.slice(0, n), bits.slice(n)].map((row) => packBits(row));
      const words = tf.tensor2d(
        rows.flatMap((row) => [...row]),
        [2, rows[0].length],
        'int32',
      );
      const mask = run(() => unpackMask(words, n));
      expect(mask.shape).toEqual([2, n]);
      expect([...(await mask.data())]).toEqual(bits);
      expect([...unpackBits(rows[1], n)]).toEqual(bits.slice(n));
      tf.dispose([words, mask]);
    }
  });

  it('keeps a mask of all queries as one row and broadcasts batches', async () => {
    const bits = randomBits(2 * 40, 9);
    const words = run(() =>
      tf.tidy(() => {
        const allowed = tf.tensor(bits, [2, 1, 1, 40], 'bool');
        return prepareMasks('test', { allowed }, sizesOf(5, 40, [2, 3])).allowed;
      }),
    );
    expect(words?.shape).toEqual([6, 1, 3]);
    const [first, second] = [packBits(bits.slice(0, 40)), packBits(bits.slice(40))];
    const want = [first, first, first, second, second, second].flatMap((row) => [...row]);
    expect([...((await words?.data()) ?? [])]).toEqual(want);
    words?.dispose();
  });
});
