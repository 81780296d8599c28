import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../../src/kernels/cpu/register.js';
import { DataError, DomainError, ShapeError } from '../../../src/errors.js';
import { accuracy, auroc, rmse } from '../../../src/metrics/index.js';
import { Sage } from '../../../src/models/index.js';
import type { SageConfigInput, TrainProgress } from '../../../src/models/index.js';
import { sliceRows } from '../../../src/util/rows.js';
import { expectNoLeak } from '../../support/leaks.js';
import { estimatorChecks } from '../estimatorChecks.js';
import { blobs, halves, noise, QUICK, slope, withSage } from './toy.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('Sage classification', () => {
  estimatorChecks({
    make: () => new Sage(QUICK),
    load: (artifacts) => Sage.fromArtifacts(artifacts),
    train: blobs(150, 1),
    other: blobs(120, 2),
    like: blobs(30, 3),
    unlike: blobs(30, 4, 4).x,
  });
});

describe('Sage regression', () => {
  estimatorChecks({
    make: () => new Sage(QUICK),
    load: (artifacts) => Sage.fromArtifacts(artifacts),
    train: slope(150, 1),
    other: slope(120, 2),
    like: slope(30, 3),
    unlike: slope(30, 4, 6).x,
  });

  it('predicts in the unit of the targets and needs no targets to score', async () => {
    const test = slope(60, 9);
    await withSage({ epochs: 40 }, slope(300, 8), async (sage) => {
      const scores = await sage.score(test.x);
      expect(scores.prediction).toBeInstanceOf(Float32Array);
      // The spread of the targets is 11.2, of their noise 0.1.
      expect(rmse(scores.prediction, test.targets.values)).toBeLessThan(4);
      expect(await sage.predict(test.x)).toEqual(scores.prediction);
      const far = await sage.score(slope(60, 10, 5).x);
      expect(auroc(scores.ranking, far.ranking)).toBeGreaterThan(0.95);
    });
  });
});

describe('Sage compat', () => {
  estimatorChecks({
    make: () => new Sage({ ...QUICK, compat: true }),
    load: (artifacts) => Sage.fromArtifacts(artifacts),
    train: blobs(150, 1),
    other: blobs(120, 2),
    like: blobs(30, 3),
    unlike: blobs(30, 4, 4).x,
  });
});

describe('Sage variants', () => {
  it.each<[string, SageConfigInput]>([
    ['joint', {}],
    ['two-stage with a centre loss', { training: 'two-stage', lossWeights: { center: 0.1 } }],
    ['relu, dropout and hidden head', { activation: 'relu', dropout: 0.1, headHidden: [8] }],
    ['no hidden layer, euclidean', { hidden: [], metric: 'euclidean' }],
    ['harmonic mean', { ensemble: 'harmonic' }],
    ['minimum', { ensemble: 'minimum' }],
    ['the error alone', { reconstructionTest: 'error' }],
    ['limits on bank and calibration', { bankLimit: 40, calibrationLimit: 20 }],
  ])('%s: learns the toy and tells rows apart', async (_, config) => {
    const test = blobs(60, 5);
    const [near, far] = await withSage({ ...config, epochs: 40 }, blobs(200, 4), (sage) =>
      Promise.all([sage.score(test.x), sage.score(blobs(60, 6, 4).x)]),
    );
    expect(accuracy(near.prediction, test.targets.values)).toBeGreaterThan(0.98);
    expect(auroc(near.ranking, far.ranking)).toBeGreaterThan(0.95);
  });

  it('conv-pool: learns images and reconstructs them in their shape', async () => {
    const config = {
      architecture: 'conv-pool',
      convWidth: 3,
      dropout: 0.1,
      epochs: 25,
      batchSize: 16,
    } as const;
    const test = halves(20, 2);
    await withSage(config, halves(80, 1), async (sage) => {
      const near = await sage.score(test.x);
      expect(accuracy(near.prediction, test.targets.values)).toBe(1);
      const far = await sage.score(noise(20, [8, 8, 1], 3));
      expect(auroc(near.ranking, far.ranking)).toBeGreaterThan(0.95);
      const back = await sage.reconstruct(test.x);
      expect(back.rowShape).toEqual([8, 8, 1]);
      expect(rmse(back.data, test.x.data)).toBeLessThan(0.2);
      const { arrays } = await sage.toArtifacts();
      expect(arrays['encoder.5.kernel'].shape).toEqual([4 * 4 * 3, 196]);
    });
  });

  it('conv: learns images and reconstructs them in their shape', async () => {
    const config = { architecture: 'conv', convWidth: 4, epochs: 40, batchSize: 16 } as const;
    const test = halves(20, 2);
    await withSage(config, halves(80, 1), async (sage) => {
      const near = await sage.score(test.x);
      expect(accuracy(near.prediction, test.targets.values)).toBe(1);
      const far = await sage.score(noise(20, [8, 8, 1], 3));
      expect(auroc(near.ranking, far.ranking)).toBeGreaterThan(0.95);
      const back = await sage.reconstruct(test.x);
      expect(back.rowShape).toEqual([8, 8, 1]);
      expect(rmse(back.data, test.x.data)).toBeLessThan(0.2);
    });
  });

  it('reconstruct undoes the standardisation of rows', async () => {
    const data = blobs(200, 4, 100);
    await withSage({ epochs: 30 }, data, async (sage) => {
      const back = await sage.reconstruct(data.x);
      expect(rmse(back.data, data.x.data)).toBeLessThan(1);
    });
  });

  it('standardize false leaves rows as they are', async () => {
    const artifacts = await withSage({ standardize: false }, blobs(60, 4), (s) => s.toArtifacts());
    expect(Object.keys(artifacts.arrays)).not.toContain('input.mean');
  });

  it('encode gives latents whose bank is what the artifacts hold', async () => {
    const data = blobs(60, 4);
    const config = { compat: true, temperatureScaling: false };
    await withSage(config, data, async (sage) => {
      const { arrays } = await sage.toArtifacts();
      const latents = await sage.encode(data.x);
      expect(latents.rowShape).toEqual([3]);
      expect(latents.data).toEqual(arrays['bank/latents'].data);
    });
  });

  it('a calibration set of one row is enough', async () => {
    const sage = new Sage(QUICK);
    const data = blobs(60, 4);
    await sage.fit(data.x, data.targets, { calibration: blobs(1, 5) });
    const { score } = await sage.score(data.x);
    expect(score.every((p) => p >= 0.4999 && p <= 1)).toBe(true);
    sage.dispose();
  });

  it('reports progress with the parts of the loss', async () => {
    const reports: TrainProgress[] = [];
    const sage = new Sage({ ...QUICK, training: 'two-stage', epochs: 2 });
    const data = blobs(60, 4);
    await sage.fit(data.x, data.targets, { onProgress: (progress) => reports.push(progress) });
    sage.dispose();
    expect(reports.map(({ stage }) => stage)).toEqual(['task', 'task', 'reconstruction', 'reconstruction']); // prettier-ignore
    expect(Object.keys(reports[0].parts)).toEqual(['task']);
    expect(Object.keys(reports[3].parts)).toEqual(['task', 'reconstruction']);
    expect(reports[3]).toMatchObject({ epoch: 4, epochs: 4 });
  });

  it('an abort while training ends fit with the reason and leaks nothing', async () => {
    const data = blobs(60, 4);
    await expectNoLeak(async () => {
      const controller = new AbortController();
      const sage = new Sage({ ...QUICK, epochs: 10_000, lossWeights: { center: 0.1 } });
      const onProgress = ({ epoch }: TrainProgress): void => {
        if (epoch === 3) controller.abort();
      };
      const run = sage.fit(data.x, data.targets, { signal: controller.signal, onProgress });
      await expect(run).rejects.toThrow('aborted');
      expect(sage.fitted).toBe(false);
    });
  });

  it('an abort while scoring ends it with the reason and leaks nothing', async () => {
    await withSage({}, blobs(60, 4), async (sage) => {
      const controller = new AbortController();
      const options = {
        batchRows: 10,
        signal: controller.signal,
        onProgress: ({ done }: { done: number }) => {
          if (done === 20) controller.abort();
        },
      };
      await expectNoLeak(async () => {
        await expect(sage.score(blobs(60, 5).x, options)).rejects.toThrow('aborted');
      });
    });
  });

  it('error: a diverging fit names the part of the loss and leaks nothing', async () => {
    const data = blobs(60, 4);
    await expectNoLeak(async () => {
      const sage = new Sage({ ...QUICK, learningRate: 1e30, learningRateDecay: 'none' });
      const run = sage.fit(data.x, data.targets);
      await expect(run).rejects.toThrow(/loss part '\w+' of stage 'joint' must stay finite/);
    });
  });
});

describe('Sage refuses', () => {
  const data = blobs(40, 1);
  const fit = (
    config: SageConfigInput,
    { x, targets } = data,
    calibration?: ReturnType<typeof blobs>,
  ): Promise<unknown> => new Sage({ ...QUICK, ...config }).fit(x, targets, { calibration });

  it('error: k above the number of training rows', async () => {
    await expect(fit({ k: 29 })).rejects.toThrow(
      'Sage.fit: config.k must be at most 28, the number of training rows to look neighbours up in, got 29. Lower k or add rows.',
    );
    await expect(fit({ k: 28, compat: true })).rejects.toThrow('config.k must be at most 27');
    await expect(fit({ k: 10, bankLimit: 9 })).rejects.toThrow('config.k must be at most 9');
  });

  it('error: labels outside their range', async () => {
    const values = Int32Array.from(data.targets.values);
    values[7] = 3;
    const bad = { ...data, targets: { kind: 'class', values, classes: 3 } } as const;
    await expect(fit({}, bad)).rejects.toThrow(
      'Sage.fit: targets must be class labels in [0, 2], got 3 at row 7.',
    );
    values[7] = -1;
    await expect(fit({}, bad)).rejects.toThrow('got -1 at row 7');
    const single = { ...data, targets: { kind: 'class', values, classes: 1 } } as const;
    values.fill(0);
    await expect(fit({}, single)).rejects.toThrow('targets.classes must be an integer >= 2, got 1');
  });

  it('error: targets of another kind than the task, and values that are not finite', async () => {
    await expect(fit({ task: 'regression' })).rejects.toThrow("targets must be of kind 'real'");
    await expect(fit({ task: 'classification' }, slope(40, 1))).rejects.toThrow("of kind 'class'");
    const bad = slope(40, 1);
    bad.targets.values[2] = NaN;
    await expect(fit({}, bad)).rejects.toThrow('targets must be finite, got NaN at row 2');
    await expect(fit({ lossWeights: { center: 1 } }, slope(40, 1))).rejects.toThrow(
      'config.lossWeights.center must be 0 for regression',
    );
  });

  it('error: a calibration set of another shape, kind or range', async () => {
    await expect(fit({}, data, slope(9, 1))).rejects.toThrow(
      'calibration.x must have rows of shape [6] (6 features), as in training',
    );
    const real = { x: data.x, targets: { kind: 'real', values: new Float32Array(40) } } as const;
    await expect(fit({}, data, real)).rejects.toThrow(
      "calibration.targets must be of kind 'class'",
    );
    const values = data.targets.values.map(() => 5);
    const high = { x: data.x, targets: { kind: 'class', values, classes: 6 } } as never;
    await expect(fit({}, data, high)).rejects.toThrow('labels in [0, 2], got 5 at row 0');
  });

  it('error: one row cannot be split', async () => {
    await expect(fit({ k: 1 }, blobs(1, 1))).rejects.toThrow(ShapeError);
  });

  it('error: conv on rows that are not images', async () => {
    await expect(fit({ architecture: 'conv' })).rejects.toThrow(
      "x must have rows of shape [height, width, channels] for architecture 'conv', got rows of shape [6].",
    );
  });

  it('error: a backend without the kernels of conv, before anything is allocated', async () => {
    const name = 'Conv2DBackpropFilter';
    const kernel = tf.getKernel(name, 'cpu');
    tf.unregisterKernel(name, 'cpu');
    try {
      await expectNoLeak(async () => {
        await expect(fit({ architecture: 'conv' }, halves(40, 1))).rejects.toThrow(
          "Sage.fit: architecture 'conv' must run on a backend that has the kernel Conv2DBackpropFilter, got backend 'cpu', which lacks it.",
        );
      });
    } finally {
      tf.registerKernel(kernel);
    }
  });

  it('error: targets of scored rows that do not match, and a bad batchRows', async () => {
    await withSage({}, data, async (sage) => {
      const x = sliceRows(data.x, 0, 4);
      const values = Int32Array.of(0, 1, 2);
      const targets = { kind: 'class', values, classes: 3 } as const;
      await expect(sage.score(x, { targets })).rejects.toThrow('one target per row, 4, got 3');
      const real = { kind: 'real', values: new Float32Array(4) } as const;
      await expect(sage.score(x, { targets: real })).rejects.toThrow("of kind 'class', as in training"); // prettier-ignore
      await expect(sage.score(x, { batchRows: 0 })).rejects.toThrow(DomainError);
    });
  });

  it('error: artifacts of another model, version or shape', async () => {
    const artifacts = await withSage({}, data, (sage) => sage.toArtifacts());
    await expectNoLeak(() => {
      const load = (change: object) => (): unknown =>
        Sage.fromArtifacts({ ...artifacts, ...change });
      expect(load({ model: 'other' })).toThrow(DataError);
      expect(load({ model: 'other' })).toThrow("model must be 'sage', got 'other'");
      expect(load({ formatVersion: 3 })).toThrow('formatVersion must be 1 or 2, got 3');
      expect(load({ config: {} })).toThrow('config.fitted must be as toArtifacts wrote it');
      expect(load({ arrays: {} })).toThrow("array 'input.mean' must be there");
      const swap = (name: string, array: object): object => ({
        arrays: { ...artifacts.arrays, [name]: array },
      });
      const empty = { dtype: 'float64', shape: [0], data: new Float64Array(0) };
      expect(load(swap('bank/calibration.task', empty))).toThrow('one or more ascending numbers');
      const short = { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) };
      expect(load(swap('bank/latents', short))).toThrow('must have at least k = 5 rows');
      expect(load(swap('encoder.1.kernel', short))).toThrow("array 'encoder.1.kernel' must be float32 [6, 16]"); // prettier-ignore
    });
  });
});
