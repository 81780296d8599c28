import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { sageFromArtifacts } from '../../../src/models/sage/artifacts.js';
import { LatentBank } from '../../../src/models/sage/latentBank.js';
import { measureRows } from '../../../src/models/sage/rawScores.js';
import { disposeState } from '../../../src/models/sage/state.js';
import { expectNoLeak } from '../../support/leaks.js';
import { slope, withSage } from './toy.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('LatentBank', () => {
  it.each(['manhattan', 'euclidean', 'cosine'] as const)(
    'gives the same bits from the device and from blocks of the host: %s',
    async (metric) => {
      const data = slope(90, 1);
      const { x } = data;
      await withSage({ epochs: 1, metric }, data, async (sage) => {
        const { config, state } = sageFromArtifacts(await sage.toArtifacts());
        const { latents } = state.bank;
        // Blocks of seven rows, and of one at the end.
        const onHost = new LatentBank(
          await latents.values(),
          latents.latentDim,
          0,
          28 * latents.latentDim,
        );
        const bank = { ...state.bank, latents: onHost };
        const own = { ...x, data: x.data.slice(0, latents.rows * 4), count: latents.rows };
        for (const options of [{ batchRows: 11 }, { isBank: true, batchRows: 11 }]) {
          const want = await measureRows(state, state.bank, config, own, options);
          expect(await measureRows(state, bank, config, own, options)).toEqual(want);
        }
        expect(await onHost.values()).toEqual(await latents.values());
        disposeState(state);
      });
    },
  );

  it('keeps nothing on the device when it is disposed of, and nothing at all from the host', async () => {
    await expectNoLeak(() => {
      new LatentBank(new Float32Array(12), 3).dispose();
      return Promise.resolve();
    });
    await expectNoLeak(() => {
      new LatentBank(new Float32Array(12), 3, 0);
      return Promise.resolve();
    });
  });
});
