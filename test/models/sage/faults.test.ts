/** Training sets and rows that break SAGE elsewhere: each gives numbers or an error that says why. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { Sage } from '../../../src/models/index.js';
import type { SageConfigInput, SageScores } from '../../../src/models/index.js';
import type { Labelled } from '../../../src/models/sage/fitting.js';
import { takeRows, takeTargets } from '../../../src/util/rows.js';
import type { Rows } from '../../../src/util/rows.js';
import { expectNoLeak } from '../../support/leaks.js';
import { blobs, QUICK, withSage } from './toy.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function expectProbabilities({ score, ranking, distance, reconstruction, task }: SageScores): void {
  for (const p of [score, distance, reconstruction, task]) {
    expect(p.every((v) => v > 0 && v <= 1)).toBe(true);
  }
  expect(ranking.every(Number.isFinite)).toBe(true);
}

/** Rows 0..count-1 of `data`, row `at` with a NaN. */
function spoilt(x: Rows, at: number): Rows {
  const data = x.data.slice();
  data[at * 6 + 2] = NaN;
  return { ...x, data };
}

const taken = ({ x, targets }: Labelled, order: number[]): Labelled => ({
  x: takeRows(x, order),
  targets: takeTargets(targets, order),
});

describe('fault: a row with NaN', () => {
  it('every use names the row, beyond the first batch too, and leaks nothing', async () => {
    const bad = spoilt(blobs(40, 2).x, 33);
    const message = 'x must be finite, got NaN at row 33, feature 2';
    await withSage({}, blobs(60, 1), async (sage) => {
      const before = await sage.score(blobs(5, 3).x);
      await expectNoLeak(async () => {
        await expect(sage.score(bad, { batchRows: 8 })).rejects.toThrow(`Sage.score: ${message}`);
        await expect(sage.predict(bad)).rejects.toThrow(message);
        await expect(sage.encode(bad)).rejects.toThrow(message);
        await expect(sage.reconstruct(bad)).rejects.toThrow(message);
        await expect(sage.fit(bad, blobs(40, 2).targets)).rejects.toThrow(`Sage.fit: ${message}`);
        const calibration = { x: bad, targets: blobs(40, 2).targets };
        const { x, targets } = blobs(60, 1);
        await expect(sage.fit(x, targets, { calibration })).rejects.toThrow(
          'calibration.x must be finite, got NaN at row 33',
        );
      });
      expect(await sage.score(blobs(5, 3).x)).toEqual(before);
    });
  });
});

describe('fault: k = bank size', () => {
  it('the distance is the mean over the whole bank', async () => {
    const test = blobs(6, 2).x;
    await withSage({ k: 28 }, blobs(40, 1), async (sage) => {
      const scores = await sage.score(test);
      expectProbabilities(scores);
      const bank = (await sage.toArtifacts()).arrays['bank/latents'];
      expect(bank.shape).toEqual([28, 3]);
      const { data } = await sage.encode(test);
      scores.raw.distance.forEach((value, i) => {
        let sum = 0;
        for (let s = 0; s < 28 * 3; s++) sum += Math.abs(bank.data[s] - data[i * 3 + (s % 3)]);
        expect(value).toBeCloseTo(Math.log(sum / 28), 4);
      });
    });
  });

  it('compat, where a row is not its own neighbour, goes to bank size - 1', async () => {
    await withSage(
      { k: 39, compat: true, temperatureScaling: false },
      blobs(40, 1),
      async (sage) => {
        const { ranking } = await sage.score(blobs(6, 2).x);
        expect(ranking.some(Number.isNaN)).toBe(false);
      },
    );
  });
});

describe('fault: few or equal rows', () => {
  const calibration = blobs(20, 5);
  async function scoresOf(data: Labelled, config: SageConfigInput = {}): Promise<SageScores> {
    const sage = new Sage({ ...QUICK, ...config });
    try {
      await sage.fit(data.x, data.targets, { calibration });
      return await sage.score(blobs(12, 6).x);
    } finally {
      sage.dispose();
    }
  }

  it('one class: every row of the first of three', async () => {
    const one = taken(blobs(90, 1), Array.from({ length: 30 }, (_, i) => 3 * i)); // prettier-ignore
    expectProbabilities(await scoresOf(one, { lossWeights: { center: 0.1 } }));
  });

  it('one sample per class', async () => {
    expectProbabilities(await scoresOf(blobs(3, 1), { k: 3, batchSize: 2 }));
  });

  it('duplicates: one row of each class, many times', async () => {
    const order = Array.from({ length: 60 }, (_, i) => i % 3);
    expectProbabilities(await scoresOf(taken(blobs(60, 1), order)));
  });

  it('equal rows only, so that every latent dimension and every feature is constant', async () => {
    const { x, targets } = taken(blobs(40, 1), Array<number>(40).fill(0));
    expectProbabilities(await scoresOf({ x, targets }));
  });

  it('a constant feature', async () => {
    const { x, targets } = blobs(60, 1);
    const data = x.data.map((v, s) => (s % 6 === 4 ? 7 : v));
    expectProbabilities(await scoresOf({ x: { ...x, data }, targets }));
  });

  it('a constant latent dimension', async () => {
    await withSage({}, blobs(60, 1), async (sage) => {
      const saved = await sage.toArtifacts();
      // The second column of the last layer and of the bank becomes 0.
      const arrays = { ...saved.arrays };
      for (const name of ['encoder.2.kernel', 'encoder.2.bias', 'bank/latents']) {
        const data = Float32Array.from(arrays[name].data, (v, s) => (s % 3 === 1 ? 0 : v));
        arrays[name] = { ...arrays[name], data };
      }
      const flat = Sage.fromArtifacts({ ...saved, arrays });
      const latents = await flat.encode(blobs(9, 2).x);
      expect(latents.data.every((v, s) => s % 3 !== 1 || v === 0)).toBe(true);
      expectProbabilities(await flat.score(blobs(9, 2).x));
      flat.dispose();
    });
  });
});
