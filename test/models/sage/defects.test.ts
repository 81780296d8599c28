/**
 * The six defects of the published implementation of SAGE, each with the test that it fails, and the
 * published definition, which `compat: true` must give.
 */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { FLOAT32_TINY } from '../../../src/numerics.js';
import { auroc } from '../../../src/metrics/index.js';
import type { Sage, SageConfigInput, SageScores } from '../../../src/models/index.js';
import { negativeLogTop } from '../../../src/util/softmax.js';
import { combineScores } from '../../../src/models/sage/ensemble.js';
import type { Artifacts } from '../../../src/util/artifacts.js';
import { takeRows, takeTargets } from '../../../src/util/rows.js';
import type { Rows } from '../../../src/util/rows.js';
import { kernelsRun } from '../../support/backends.js';
import { blobs, slope, withSage } from './toy.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Mean Manhattan distance from a latent to its k nearest in the bank, by the definition. */
function meanNearest(
  latent: ArrayLike<number>,
  bank: ArrayLike<number>,
  k: number,
  skip = -1,
): number {
  const d = latent.length;
  const distances: number[] = [];
  for (let j = 0; j * d < bank.length; j++) {
    if (j === skip) continue;
    let sum = 0;
    for (let t = 0; t < d; t++) sum += Math.abs(latent[t] - bank[j * d + t]);
    distances.push(sum);
  }
  const near = distances.sort((a, b) => a - b).slice(0, k);
  return near.reduce((sum, value) => sum + value, 0) / k;
}

const rowOf = (rows: Rows, i: number): Float32Array => {
  const size = rows.data.length / rows.count;
  return rows.data.subarray(i * size, (i + 1) * size);
};

describe('defect 1: no hard zeros, rows beyond the reference keep their order', () => {
  const reference = Float64Array.of(1, 2, 3);
  const same = { distance: reference, reconstruction: reference, task: reference };
  const far = Float64Array.of(4, 5, 6, 1e6);
  const raw = { distance: far, reconstruction: far, task: far };

  it('the published definition gives them all exactly 0', () => {
    expect([...combineScores(raw, same, true).score]).toEqual([0, 0, 0, 0]);
  });

  it('ours gives 1 / (n + 1), and ranking orders them strictly', () => {
    const { score, ranking, tieBreak } = combineScores(raw, same, false);
    score.forEach((value) => expect(value).toBeCloseTo(1 / 4, 6));
    for (let i = 1; i < far.length; i++) {
      expect(ranking[i]).toBeLessThan(ranking[i - 1]);
      expect(tieBreak[i]).toBeLessThan(tieBreak[i - 1]);
    }
  });

  it('two far sets of different severity have an AUROC other than one half', async () => {
    const [mild, severe] = [blobs(40, 5, 8).x, blobs(40, 6, 16).x];
    const compare = (config: SageConfigInput): Promise<[SageScores, SageScores]> =>
      withSage(config, blobs(150, 1), (sage) =>
        Promise.all([sage.score(mild), sage.score(severe)]),
      );
    const [a, b] = await compare({});
    expect(auroc(a.ranking, b.ranking)).toBeGreaterThan(0.95);
    const [c, d] = await compare({ compat: true });
    expect(auroc(c.ranking, d.ranking)).toBe(0.5);
  });
});

describe('defect 2: the reference is held out, so new rows are exchangeable with it', () => {
  it('no calibration row is in the bank, and both together are all rows', async () => {
    const data = blobs(100, 1);
    await withSage({}, data, async (sage) => {
      const { arrays } = await sage.toArtifacts();
      expect(arrays['bank/latents'].shape).toEqual([70, 3]);
      expect(arrays['bank/calibration.distance'].shape).toEqual([30]);
      const bank = arrays['bank/latents'].data;
      const encoded = await sage.encode(data.x);
      const isBank = Array.from(
        { length: 100 },
        (_, i) => meanNearest(rowOf(encoded, i), bank, 1) === 0,
      );
      expect(isBank.filter(Boolean)).toHaveLength(70);
      const held = isBank.flatMap((inBank, i) => (inBank ? [] : [i]));
      const { raw } = await sage.score(takeRows(data.x, held));
      const reference = Float32Array.from(arrays['bank/calibration.distance'].data);
      expect(raw.distance.sort()).toEqual(reference);
    });
  });

  it('probabilities of new rows are uniform with it, and too low against training rows', async () => {
    // Many features and few rows: the network fits its training rows far better than new ones.
    const overfit = { hidden: [64], latentDim: 6, epochs: 60, batchSize: 16 };
    const test = blobs(200, 7).x;
    const mean = async (config: SageConfigInput): Promise<number> => {
      const { reconstruction } = await withSage({ ...overfit, ...config }, blobs(60, 1), (sage) =>
        sage.score(test),
      );
      return reconstruction.reduce((sum, p) => sum + p, 0) / reconstruction.length;
    };
    const [ours, published] = [await mean({}), await mean({ compat: true })];
    // The mean of a uniform is 1/2; 18 calibration rows leave it a deviation of .07.
    expect(Math.abs(ours - 0.5)).toBeLessThan(0.21);
    expect(published).toBeLessThan(ours);
  });
});

describe('defect 3: self is left out by index, also among duplicate rows', () => {
  it('every reference distance equals brute force over all other rows', async () => {
    // Each row three times: dropping the first column would drop a twin for two of three.
    const base = blobs(40, 1);
    const order = Array.from({ length: 120 }, (_, i) => i % 40);
    const data = { x: takeRows(base.x, order), targets: takeTargets(base.targets, order) };
    const config = { compat: true, temperatureScaling: false, k: 7 } as const;
    await withSage(config, data as ReturnType<typeof blobs>, async (sage) => {
      const { arrays } = await sage.toArtifacts();
      const latents = await sage.encode(data.x);
      const want = Float64Array.from({ length: 120 }, (_, i) =>
        Math.log(meanNearest(rowOf(latents, i), latents.data, 7, i)),
      ).sort();
      want.forEach((value, i) => {
        expect(arrays['bank/calibration.distance'].data[i]).toBeCloseTo(value, 4);
      });
    });
  });
});

describe('defect 4: a row that equals its k nearest training rows has a finite distance', () => {
  it('log of 0 becomes the log of the smallest normal float32, and p is 1', async () => {
    const base = blobs(30, 1);
    const order = Array.from({ length: 120 }, (_, i) => (i < 60 ? 0 : i % 30));
    const data = { x: takeRows(base.x, order), targets: takeTargets(base.targets, order) };
    await withSage({}, data as ReturnType<typeof blobs>, async (sage) => {
      const { raw, distance, ranking } = await sage.score(takeRows(base.x, [0, 1]));
      expect(raw.distance[0]).toBe(Math.fround(Math.log(FLOAT32_TINY)));
      expect(distance[0]).toBe(1);
      expect([...ranking].every(Number.isFinite)).toBe(true);
    });
  });
});

describe('defect 5: the uncertainty of sure rows does not saturate', () => {
  it('-log of the largest probability is exact where float32 softmax is 1', () => {
    for (const margin of [20, 40, 100, 700]) {
      const softmax = Math.fround(1 / (1 + Math.exp(-margin)));
      expect(softmax).toBe(1);
      // -log(1 / (1 + e)) = log(1 + e) = e - e^2 / 2 + ..., with e = exp(-margin) <= 2e-9.
      const small = Math.exp(-margin);
      expect(negativeLogTop([margin, 0], 0, 2, 1) / (small - small ** 2 / 2)).toBeCloseTo(1, 12);
    }
  });

  it('sure rows get different values in the scores', async () => {
    await withSage({ epochs: 40, temperatureScaling: false }, blobs(150, 1), async (sage) => {
      const { raw } = await sage.score(blobs(100, 2).x);
      expect(raw.task.every((value) => value > 0)).toBe(true);
      expect(new Set(raw.task).size).toBeGreaterThan(95);
    });
  });
});

describe('defect 6: neighbours come from a brute-force search', () => {
  it('distances are those of all bank rows, by our knn kernel', async () => {
    const test = blobs(20, 2).x;
    await withSage({}, blobs(100, 1), async (sage) => {
      const { arrays } = await sage.toArtifacts();
      const latents = await sage.encode(test);
      const { raw } = await sage.score(test);
      raw.distance.forEach((value, i) => {
        const want = meanNearest(rowOf(latents, i), arrays['bank/latents'].data, 5);
        expect(value).toBeCloseTo(Math.log(want), 4);
      });
    });
    const { knn } = await import('../../../src/ops/knn.js');
    const names = await kernelsRun(() => knn([[0]], [[1], [2]], 1).distances);
    expect(names).toContain('LatentKnn');
  });
});

/** The published scores, written from their definition: plain loops on saved arrays. */
function published(
  train: { readonly raw: readonly (readonly number[])[] },
  rows: readonly (readonly number[])[],
): number[] {
  return rows.map((row) => {
    const p = row.map((value, j) => {
      const reference = train.raw.map((trained) => trained[j]);
      return 1 - reference.filter((r) => r < value).length / reference.length;
    });
    return (p[0] * p[1] * p[2]) ** (1 / 3);
  });
}

describe('compat: the published definition', () => {
  /** Raw values of rows from encode, reconstruct and the saved head, without the scoring code. */
  async function rawOf(
    sage: Sage,
    artifacts: Artifacts,
    x: Rows,
    task: (latent: Float32Array, i: number) => number,
    isTrain: boolean,
  ): Promise<number[][]> {
    const { arrays } = artifacts;
    const [latents, back] = [await sage.encode(x), await sage.reconstruct(x)];
    const deviation = arrays['input.deviation'].data;
    return Array.from({ length: x.count }, (_, i) => {
      const latent = rowOf(latents, i);
      const distance = meanNearest(latent, arrays['bank/latents'].data, 5, isTrain ? i : -1);
      const [a, b] = [rowOf(x, i), rowOf(back, i)];
      const errors = Array.from(a, (value, j) => ((value - b[j]) / deviation[j]) ** 2);
      const error = errors.reduce((sum, value) => sum + value, 0) / errors.length;
      return [Math.log(distance), error, task(latent, i)];
    });
  }

  /** The saved linear head on a latent. */
  function head({ arrays }: Artifacts, latent: Float32Array): number[] {
    const [kernel, bias] = [arrays['head.0.kernel'], arrays['head.0.bias']];
    const [d, outputs] = kernel.shape;
    return Array.from({ length: outputs }, (_, j) => {
      let sum = bias.data[j];
      for (let t = 0; t < d; t++) sum += latent[t] * kernel.data[t * outputs + j];
      return sum;
    });
  }

  /** Ranks can move by one reference row where the two computations round differently. */
  function expectScores(got: Float32Array, want: readonly number[], n: number): void {
    const off = want.filter((value, i) => Math.abs(value - got[i]) > 1e-6);
    expect(off.length).toBeLessThanOrEqual(0.1 * want.length);
    want.forEach((value, i) => expect(Math.abs(value ** 3 - got[i] ** 3)).toBeLessThan(3 / n));
  }

  it('reference: classification with max softmax at the temperature', async () => {
    const [data, test] = [blobs(100, 1), blobs(40, 2, 0.5)];
    await withSage({ compat: true, temperatureScaling: false }, data, async (sage) => {
      const saved = await sage.toArtifacts();
      const uncertainty = (latent: Float32Array): number => {
        const logits = head(saved, latent);
        const weights = logits.map((z) => Math.exp(z));
        return -Math.log(Math.max(...weights) / weights.reduce((sum, w) => sum + w, 0));
      };
      const train = { raw: await rawOf(sage, saved, data.x, uncertainty, true) };
      const rows = await rawOf(sage, saved, test.x, uncertainty, false);
      expectScores((await sage.score(test.x)).score, published(train, rows), data.x.count);
    });
  });

  it('reference: regression with the squared error of the true target, which it asks for', async () => {
    const [data, test] = [slope(100, 1), slope(40, 2, 0.5)];
    const config = { compat: true, temperatureScaling: false };
    await withSage(config, data as never, async (sage) => {
      const saved = await sage.toArtifacts();
      await expect(sage.score(test.x)).rejects.toThrow('Sage.score: targets must be given');
      const error = (x: Rows, y: ArrayLike<number>) => {
        const predicted = sage.predict(x);
        return predicted.then((p) => (_: Float32Array, i: number) => (p[i] - y[i]) ** 2);
      };
      const [ofTrain, ofTest] = [
        await error(data.x, data.targets.values),
        await error(test.x, test.targets.values),
      ];
      const train = { raw: await rawOf(sage, saved, data.x, ofTrain, true) };
      const rows = await rawOf(sage, saved, test.x, ofTest, false);
      const { score } = await sage.score(test.x, { targets: test.targets });
      expectScores(score, published(train, rows), data.x.count);
    });
  });
});
