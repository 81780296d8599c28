import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { Sage } from '../../../src/models/index.js';
import type { SageConfigInput, SageFeatures } from '../../../src/models/index.js';
import { sliceRows } from '../../../src/util/rows.js';
import { scorers } from '../../../src/scorers/index.js';
import { expectNoLeak } from '../../support/leaks.js';
import { blobs, halves, slope, withSage } from './toy.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const VARIANTS: readonly (readonly [string, SageConfigInput, typeof blobs])[] = [
  ['classification', { headHidden: [8, 5] }, blobs],
  ['no hidden layer in the head', {}, blobs],
  ['compat', { compat: true }, blobs],
  ['dropout and relu', { dropout: 0.2, activation: 'relu', headHidden: [4] }, blobs],
  ['regression', { headHidden: [8] }, slope],
  ['conv', { architecture: 'conv', convWidth: 2, headHidden: [4] }, halves],
];

describe('Sage.features and scoreFeatures', () => {
  it.each(VARIANTS)('%s: the scores are those of score, to the bit', async (_, config, data) => {
    await withSage({ ...config, epochs: 3 }, data(80, 1), async (sage) => {
      const { x } = data(25, 2, 1);
      const want = await sage.score(x, { batchRows: 10 });
      const features = await sage.features(x, { batchRows: 10 });
      expect(await sage.scoreFeatures(features, { batchRows: 10 })).toEqual(want);
      expect(features.latents).toEqual(await sage.encode(x, { batchRows: 10 }));
      expect(Float32Array.from(features.reconstruction)).toEqual(want.raw.reconstruction);
    });
  });

  it.each(VARIANTS.filter(([name]) => name !== 'regression'))(
    '%s: logits are the head of the features',
    async (_, config, data) => {
      await withSage({ ...config, epochs: 3 }, data(80, 1), async (sage) => {
        const { features, logits, latents, values } = await sage.features(data(7, 3).x);
        const head = await sage.head();
        if (head === undefined || logits === undefined) throw new Error('a classifier has a head');
        const [d, classes] = [features.rowShape[0], logits.rowShape[0]];
        expect([head.weight.count, head.weight.rowShape]).toEqual([d, [classes]]);
        logits.data.forEach((value, s) => {
          const [row, c] = [Math.floor(s / classes), s % classes];
          let sum = head.bias[c];
          for (let j = 0; j < d; j++) {
            sum += features.data[row * d + j] * head.weight.data[j * classes + c];
          }
          expect(Math.abs(value - sum)).toBeLessThan(1e-5 * (1 + Math.abs(sum)));
        });
        const hidden = sage.config.headHidden;
        expect(d).toBe(hidden.length === 0 ? sage.config.latentDim : hidden[hidden.length - 1]);
        if (hidden.length === 0) expect(features).toEqual(latents);
        if (config.activation === 'relu') expect(Math.min(...features.data)).toBe(0);
        expect(values).toBeUndefined();
      });
    },
  );

  it('a regression has values and neither logits nor a head', async () => {
    await withSage({ epochs: 2 }, slope(60, 1), async (sage) => {
      const { logits, values } = await sage.features(slope(9, 2).x);
      expect(logits).toBeUndefined();
      expect([values?.count, values?.rowShape]).toEqual([9, [1]]);
      expect(await sage.head()).toBeUndefined();
    });
  });

  it('runs every layer once per batch', async () => {
    await withSage({ headHidden: [8], epochs: 2 }, blobs(60, 1), async (sage) => {
      const { x } = blobs(10, 2);
      // Two dense layers each of encoder, decoder and head.
      const products = async (run: () => Promise<unknown>): Promise<number> => {
        const { kernels } = await tf.profile(async () => {
          await run();
          return tf.scalar(0);
        });
        return kernels.filter(({ name }) => name === '_FusedMatMul').length;
      };
      expect(await products(() => sage.features(x))).toBe(6);
      const features = await sage.features(x);
      expect(await products(() => sage.scoreFeatures(features))).toBe(0);
    });
  });

  it('feeds scorers: far rows score higher', async () => {
    await withSage({ headHidden: [8], epochs: 40 }, blobs(200, 1), async (sage) => {
      const bank = await sage.features(blobs(200, 1).x);
      const head = await sage.head();
      const given = await sage.features(blobs(20, 2, 4).x);
      if (head === undefined || bank.logits === undefined || given.logits === undefined) {
        throw new Error('a classifier has a head');
      }
      const scorer = scorers.vim();
      await scorer.fit({ features: bank.features, head });
      const near = await scorer.score({ features: sliceRows(bank.features, 0, 20) });
      const far = await scorer.score({ features: given.features });
      expect(Math.min(...far)).toBeGreaterThan(Math.max(...near));
      scorer.dispose();
    });
  });

  it('memory: leaves no tensor', async () => {
    await withSage({ epochs: 2 }, blobs(60, 1), async (sage) => {
      const { x } = blobs(9, 2);
      await expectNoLeak(async () => {
        await sage.scoreFeatures(await sage.features(x));
        await sage.head();
      });
    });
  });

  it('error: unfitted, other shapes, missing parts', async () => {
    const failure = async (run: Promise<unknown>): Promise<string> =>
      run.then(
        () => 'no failure',
        (error: unknown) => String(error),
      );
    const bare = new Sage();
    expect(await failure(bare.features(blobs(3, 1).x))).toContain('NotFittedError: Sage.features');
    expect(await failure(bare.head())).toContain('NotFittedError: Sage.head');
    await withSage({ epochs: 1 }, blobs(60, 1), async (sage) => {
      expect(await failure(sage.features(slope(3, 1).x))).toContain('have rows of shape [6]');
      const good = await sage.features(blobs(4, 2).x);
      const bad = (part: Partial<SageFeatures>): Promise<string> =>
        failure(sage.scoreFeatures({ ...good, ...part }));
      expect(await bad({ latents: good.features, logits: undefined })).toContain(
        'Sage.scoreFeatures: features.logits must be given, as features() does, got none.',
      );
      expect(await bad({ reconstruction: new Float64Array(3) })).toContain(
        'features.reconstruction must have one row for each of the 4 latents, got 3 rows',
      );
      const wide = { data: new Float32Array(8), count: 4, rowShape: [2] };
      expect(await bad({ latents: wide })).toContain(
        'features.latents must have rows of shape [3]',
      );
      expect(await failure(sage.scoreFeatures(good, { batchRows: 0 }))).toContain(
        'batchRows must be an integer >= 1, got 0',
      );
    });
  });
});
